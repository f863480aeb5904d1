"""What is each network made of, and what does it cost? The scene of the page Architectures."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pandas as pd

from dashboard import words
from dashboard.figures.block_diagram import block_diagram
from dashboard.scenes.exhibit import SIDES, Exhibit, Table
from dashboard.scenes.link_words import BOOLEAN, LinkWords
from dashboard.scenes.scene import Scene, Try
from resnet_core.networks.architectures import REGISTRY, Architecture
from resnet_core.networks.cost import stage_table

QUESTION = "What is a network made of?"
LINK = LinkWords(
    {"network": tuple(REGISTRY), "stage": ("conv2_x", "conv3_x", "conv4_x", "conv5_x"), "first": BOOLEAN},
    ("block-diagram*", "stages"),
)


def architectures(architecture: Architecture, stage: str, first: bool, paper: Mapping[str, Any]) -> Scene:
    """Return the scene of one network.

    Args:
        stage: name of the stage whose block is drawn, "conv3_x".
        first: whether its first block, where dimensions may change.
        paper: the paper's tables, as `serving.paper` has them.
    """
    table = pd.DataFrame(stage_table(architecture))
    name = words.network(architecture.name)
    return Scene(
        question=QUESTION,
        answer=_answer(architecture, table, paper),
        main=_blocks(architecture, stage, first, table),
        support=(Table("stages", _readable(architecture, table, paper), f"{name}, stage by stage", index=False),),
        try_this=(
            Try("The plain twin", {"network": "plain34"}),
            Try("A bottleneck", {"network": "resnet50"}),
            Try("Where dimensions change", {"stage": "conv3_x", "first": "true"}),
        ),
        does_not_show=_limits(architecture),
        provenance=(f"Counted from the layers of {name}: weights and biases, and one multiply-add a weight and position.",),
    )


def _blocks(architecture: Architecture, stage: str, first: bool, table: pd.DataFrame) -> tuple[Exhibit, ...]:
    """The block beside that of the plain or residual twin, where the registry has one; the plain one stands on the left."""
    which, name = "first block" if first else "block", architecture.name
    other = name.replace("resnet", "plain") if architecture.residual else name.replace("plain", "resnet")
    pair = [architecture, *([REGISTRY[other]] if other in REGISTRY else [])]
    shown = sorted(pair, key=lambda each: each.residual)
    return tuple(
        Exhibit(
            key=f"block-diagram-{'residual' if each.residual else 'plain'}",
            figure=block_diagram(each, next(part for part in each.stages if part.name == stage), first),
            message=_block_message(each, stage, which),
            alt=f"The {which} of {stage} in {words.network(each.name)}: the layers on its main path, and its shortcut",
            origin="from the paper",
            provenance=f"after Figure 5 and Section 3.3 · {words.network(each.name)}, {which} of {stage}",
            numbers=lambda: table,
            code=f'import resnet_core as lens\n\nlens.architecture("{each.name}").stages\n',
            place=side if len(shown) == 2 else "wide",
        )
        for side, each in zip(SIDES, shown, strict=False)
    )


def _answer(architecture: Architecture, table: pd.DataFrame, paper: Mapping[str, Any]) -> str:
    layers = str(architecture.layers)
    parameters, adds = table.parameters.sum() / 1e6, table.multiply_adds.sum() / 1e9
    said = (
        f"{words.network(architecture.name)} has {layers} layers with weights, {parameters:.3g} million parameters and "
        f"{adds:.3g} billion multiply-adds"
    )
    if architecture.stem == "imagenet":
        source = paper["imagenet_multiply_adds"]
        quoted = f"{source[layers] / 1e9:.1f} billion" if layers in source else None
    else:
        source = paper["cifar10_parameters_million"]
        quoted = f"{source[f'resnet{layers}']} million parameters" if f"resnet{layers}" in source else None
    return f"{said}; the paper counts {quoted} ({source['table']})." if quoted else f"{said}."


def _block_message(architecture: Architecture, stage: str, which: str) -> str:
    if not architecture.residual:
        return f"{words.network(architecture.name)}, {which} of {stage}: it passes on only what its layers compute"
    return f"{words.network(architecture.name)}, {which} of {stage}: its input is added to what its layers compute"


def _readable(architecture: Architecture, table: pd.DataFrame, paper: Mapping[str, Any]) -> pd.DataFrame:
    shown = table.rename(columns={"output": "output size"}).drop(columns="multiply_adds")
    for column in ("blocks", "output size"):
        shown[column] = shown[column].map(_times)
    shown["parameters"] = table.parameters.map("{:,}".format)
    shown["multiply-adds"] = (table.multiply_adds / 1e6).map("{:,.1f} million".format)
    if architecture.stem == "imagenet":
        printed = shown.stage.map(paper["table1"]["blocks"][str(architecture.layers)]).map(_times)
        shown["Table 1 of the paper"] = [
            "✓ the same" if ours == theirs else theirs for ours, theirs in zip(shown.blocks, printed, strict=True)
        ]
    return shown


def _times(text: str) -> str:
    """3x3 and [...] x 4 as they are printed."""
    return re.sub(r"(?<=[\d\]]) ?x ?(?=\d)", " × ", text)


def _limits(architecture: Architecture) -> str:
    said = []
    if architecture.block == "bottleneck":
        said.append(
            "Our bottlenecks stride in the 3 × 3 convolution, as torchvision's do; the paper's in the first 1 × 1, which costs "
            "less."
        )
    if not architecture.residual:
        said.append("A plain network has the layers of its residual twin, without the addition; Table 1 lists the two together.")
    return " ".join(said) or "What a network costs says nothing about how well it learns."
