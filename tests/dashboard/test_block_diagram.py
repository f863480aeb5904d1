"""Does the drawing show the block that is built? Judged by the modules of blocks.py."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from itertools import combinations

import plotly.graph_objects as go
import pytest
import torch
from torch import nn

from dashboard.figures.block_diagram import block_diagram
from resnet_core.networks.architectures import REGISTRY, Architecture, architecture
from resnet_core.networks.resnet import ResNet

VARIANTS = [
    architecture("resnet34", shortcut="A"),
    architecture("resnet34", shortcut="C", batch_norm=False),
    architecture("resnet50", shortcut="A"),
    architecture("plain50", batch_norm=False, width=24),
]
SHALLOW = [row for row in REGISTRY.values() if sum(row.depths) < 40]  # the deep ones are made of the same blocks
networks = pytest.mark.parametrize("network", [*SHALLOW, *VARIANTS], ids=lambda n: f"{n.name}-{n.shortcut}-{n.batch_norm}")


def texts(figure: go.Figure) -> list[str]:
    return [re.sub(r"<br>", " ", re.sub(r"</?(?:b|i|sub|span)\b[^>]*>", "", note.text)) for note in figure.layout.annotations]


def count(figure: go.Figure, name: str) -> int:
    return sum(shape.name == name for shape in figure.layout.shapes)


def diagram(name: str, stage: int, first: bool = False, **changes: object) -> go.Figure:
    network = architecture(name, **changes)
    return block_diagram(network, network.stages[stage], first)


@networks
def test_the_boxes_are_the_layers_of_the_built_block(network: Architecture) -> None:
    with torch.device("meta"):
        blocks = ResNet(network).blocks()
    for stage in network.stages:
        for i, first in enumerate((True, False)[: stage.blocks]):
            built = list(blocks[f"{stage.module}.{i}"].modules())
            figure = block_diagram(network, stage, first)
            for name, kind in (("convolution", nn.Conv2d), ("batch norm", nn.BatchNorm2d), ("ReLU", nn.ReLU)):
                assert count(figure, name) == sum(isinstance(module, kind) for module in built)
            for module in built:
                if isinstance(module, nn.Conv2d):
                    size, stride = module.kernel_size[0], module.stride[0]
                    wanted = f"{size}×{size}, {module.out_channels}" + (", stride 2" if stride == 2 else "")
                    assert wanted in texts(figure)


@networks
def test_only_a_residual_block_adds(network: Architecture) -> None:
    for stage in network.stages:
        figure = block_diagram(network, stage)
        assert count(figure, "addition") == network.residual
        assert (count(figure, "shortcut") > 0) == network.residual
        assert any(text.startswith("F(x) +") for text in texts(figure)) == network.residual
        assert "F(x)" in texts(figure)


@pytest.mark.parametrize(
    ("option", "stage", "first", "label", "total"),
    [
        # section 3.3 of the paper: A pads where dimensions change, B projects there, C projects everywhere
        ("A", 1, True, "zero-padded identity (A)", "F(x) + x"),
        ("A", 1, False, "identity", "F(x) + x"),
        ("B", 1, True, "1×1 projection (B)", "F(x) + Wsx"),
        ("B", 1, False, "identity", "F(x) + x"),
        ("C", 1, False, "1×1 projection (C)", "F(x) + Wsx"),
        ("B", 0, True, "identity", "F(x) + x"),  # conv2_x of a basic network starts without a change
    ],
)
def test_the_shortcut_says_what_it_does(option: str, stage: int, first: bool, label: str, total: str) -> None:
    shown = texts(diagram("resnet34", stage, first, shortcut=option))
    assert label in shown
    assert total in shown


def test_the_first_bottleneck_widens_without_a_stride() -> None:
    shown = texts(diagram("resnet50", 0, first=True))
    assert {"x  64 channels", "1×1 projection (B)", "1×1, 256", "y  256 channels"} <= set(shown)
    assert not any("stride" in text for text in shown)


def test_stride_two_stands_only_where_a_stage_begins() -> None:
    assert "3×3, 128, stride 2" in texts(diagram("plain34", 1, first=True))
    assert not any("stride" in text for text in texts(diagram("plain34", 1)))


@pytest.mark.parametrize("first", [True, False])
def test_the_layers_of_a_pair_stand_at_the_same_heights(first: bool) -> None:
    def heights(figure: go.Figure) -> list[tuple[float, str]]:
        residual_only = {"identity", "zero-padded identity (A)", "F(x)", "F(x) + x"}
        return [(n.yshift, t) for n, t in zip(figure.layout.annotations, texts(figure), strict=True) if t not in residual_only]

    residual, plain = diagram("resnet56-cifar", 2, first), diagram("plain56-cifar", 2, first)
    assert heights(residual) == heights(plain)
    assert residual.layout.height == plain.layout.height


@networks
def test_it_fits_a_telephone_and_no_two_texts_overlap(network: Architecture) -> None:
    """8 pixels a character is more than any that is drawn takes; 328 is a chart's width on a screen of 360 pixels."""
    for stage in network.stages:
        for first in (True, False):
            figure = block_diagram(network, stage, first)
            boxes = []
            for note in figure.layout.annotations:
                lines = [re.sub(r"<[^>]*>", "", line) for line in note.text.split("<br>")]
                width, height = 8 * max(map(len, lines)), 18 * len(lines)
                left = note.xshift - (0 if note.xanchor == "left" else width / 2)
                boxes.append((left, left + width, note.yshift - height / 2, note.yshift + height / 2))
                assert note.font.size >= 13
            for left, right, bottom, top in boxes:
                assert -164 <= left < right <= 164
                assert -figure.layout.height <= bottom < top <= 0
            for one, other in combinations(boxes, 2):
                assert one[1] <= other[0] or other[1] <= one[0] or one[3] <= other[2] or other[3] <= one[2]


def test_the_theme_decides_on_the_background_and_the_text() -> None:
    figure = diagram("resnet50", 3, first=True)
    assert figure.layout.font.color is None
    assert all(note.font.color is None and "currentColor" in note.text for note in figure.layout.annotations)
    assert figure.layout.paper_bgcolor == figure.layout.plot_bgcolor == "rgba(0,0,0,0)"


def test_the_figure_is_plain_json_and_the_same_each_time() -> None:
    once, again = (diagram("resnet50", 3, first=True).to_json() for _ in range(2))
    assert once == again
    assert json.loads(once)["layout"]["shapes"]


def test_neither_torch_nor_streamlit_is_imported() -> None:
    code = "import sys, dashboard.figures.block_diagram; sys.exit('torch' in sys.modules or 'streamlit' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=120).returncode == 0
