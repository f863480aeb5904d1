"""Do the figures of gradients say what was computed and recorded?"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from dashboard.figures.gradient_flow import (
    correlation_curves,
    do_they_vanish,
    evolution,
    evolution_table,
    first_to_last,
    flow_curves,
    flow_table,
    fold_words,
    training_summary,
)
from resnet_core import runs
from resnet_core.data.in_memory import Augmentation
from resnet_core.data.sources import open_dataset
from resnet_core.inspection.gradients import BlockFlow, GradientFlow, gradient_flow
from resnet_core.networks.architectures import Architecture
from resnet_core.networks.resnet import build
from resnet_core.pictures.network_input import network_input

STUDY = Path(__file__).parents[2] / "assets" / "studies" / "gradients"


def flow(*norms: float) -> GradientFlow:
    return GradientFlow(tuple(BlockFlow(f"conv2_{i + 1}", norm, 1.0, 2.0) for i, norm in enumerate(norms)), 0.1)


@pytest.mark.parametrize("run", ["plain56-cifar-seed0", "resnet56-cifar-without-bn-seed1"])
def test_the_pages_question_gives_what_the_training_recorded(run: str) -> None:
    """The first batch of a recorded run, asked anew of a network from its seed."""
    facts = runs.read_facts(STUDY / run)
    data, recipe = open_dataset("digits"), facts["recipe"]
    fields = facts["architecture"]
    network = build(Architecture(**{**fields, "depths": tuple(fields["depths"])}), facts["seed"])
    how, side = Augmentation(recipe["pad"], recipe["mirror"], data.mean, None), recipe["phases"][0]["resolution"]
    images, labels = next(data.train.training_batches(how, recipe["batch_size"], side, facts["seed"]))
    found = gradient_flow(network, network_input(images, side, data.mean, data.std), labels)
    table = runs.load(STUDY / run)
    recorded = table[(table.metric == "gradient_norm") & (table.step == 0)].set_index("block").value
    for block in found.blocks:
        # rounding alone moves the exploding gradients of a plain network by 2 %
        assert block.gradient_norm == pytest.approx(recorded[block.block], rel=0.03)


def test_what_is_zero_or_overflows_is_a_gap() -> None:
    figure = flow_curves({False: flow(0.0, 3.0, math.inf), True: flow(1.0, 2.0, math.nan)}, "gradient_norm")
    assert figure.data[0].y == (None, 3.0, None)
    assert figure.data[1].y == (1.0, 2.0, None)
    low, high = figure.layout.yaxis.range
    assert 10**low < 1 < 3 < 10**high
    table = flow_table({False: flow(0.0, 3.0), True: flow(1.0, 2.0)})
    assert table.network.tolist() == ["plain", "plain", "residual", "residual"]
    assert table.gradient_norm.tolist() == [0.0, 3.0, 1.0, 2.0]


@pytest.mark.parametrize(
    ("norms", "words"),
    [
        ((9300.0, 1.0), "grows 9,300-fold"),
        ((2e40, 2.0), "grows 10⁴⁰-fold"),
        ((1.0, 450.0), "shrinks 450-fold"),
        ((22.0, 1.0), "grows 22-fold"),
        ((1.0, 2.5), "shrinks 2.5-fold"),
        ((0.0, 1.0), "is zero at the first block"),
        ((math.nan, 1.0), "overflows"),
    ],
)
def test_a_flow_in_words(norms: tuple[float, float], words: str) -> None:
    assert fold_words(first_to_last(flow(*norms))) == words


def test_correlations_are_those_of_neighbours_at_the_blocks() -> None:
    rows = [("image", 1, 0.9), ("conv2_1", 1, 0.5), ("conv2_1", 2, 0.1), ("conv2_2", 1, -0.2)]
    table = pd.DataFrame(rows, columns=["block", "lag", "correlation"])
    figure = correlation_curves({False: table, True: table})
    assert figure.data[0].x == ("conv2_1", "conv2_2")
    assert figure.data[0].y == (0.5, -0.2)
    assert figure.layout.yaxis.range[0] <= -0.2


def test_the_heat_maps_are_the_recorded_norms() -> None:
    table = runs.load(STUDY)
    figure = evolution(table, 56, seed=1)
    titles = [note.text for note in figure.layout.annotations]
    assert titles == ["plain-56", "ResNet-56", "plain-56 without BN", "ResNet-56 without BN"]
    rows = evolution_table(table, 56, 1)
    for trace, title in zip(figure.data, titles, strict=True):
        part = rows[(rows.residual == title.startswith("ResNet")) & (rows.batch_norm != title.endswith("without BN"))]
        for block, step in (("conv2_1", 0), ("conv3_4", 170), ("conv4_9", 340)):
            [value] = part[(part.block == block) & (part.step == step)].value
            drawn = trace.z[list(trace.y).index(block)][list(trace.x).index(step)]
            assert drawn is None or math.isnan(drawn) if value == 0 else drawn == pytest.approx(math.log10(value))
    assert [name for name in figure.data[0].y if name.endswith("_1")] == ["conv2_1", "conv3_1", "conv4_1"]


def test_whether_gradients_vanish_is_said_of_all_blocks_and_iterations() -> None:
    names = {"metric": "gradient_norm", "layers": 56, "seed": 0, "batch_norm": True, "residual": False, "network": "plain56"}

    def records(middle: float, first: float = 2.0) -> pd.DataFrame:
        norms = {0: (1.0, 1.0, 1.0), 100: (first, middle, 4.0), 200: (1.0, 0.8, 1.0)}
        blocks = ("conv2_1", "conv3_1", "conv4_1")
        return pd.DataFrame(
            [
                {**names, "step": step, "block": block, "value": value}
                for step, values in norms.items()
                for block, value in zip(blocks, values, strict=True)
            ]
        )

    assert do_they_vanish(records(1.0), 56, 0) == (
        "- **plain-56**: the norms of all blocks stay within a factor of 10 of the last block's."
    )
    assert do_they_vanish(records(0.02), 56, 0) == (
        "- **plain-56**: 200 times smaller than at the last block (conv3_1, iteration 100), at the end 1.2 times."
    )
    assert do_they_vanish(records(1.0, 80.0), 56, 0) == (
        "- **plain-56**: 20 times larger than at the last block (conv2_1, iteration 100), no longer at the end."
    )
    assert do_they_vanish(records(0.0), 56, 0) == ("- **plain-56**: zero in conv3_1 at iteration 100, at the end 1.2 times.")


def test_the_summary_has_a_row_a_kind_of_network() -> None:
    found = training_summary(runs.load(STUDY))
    assert found.network.tolist() == ["plain-56 without BN", "ResNet-56 without BN", "plain-56", "ResNet-56"]


def test_networks_of_one_kind_are_not_mixed() -> None:
    """The study of shortcuts has three residual networks of 20 layers: each has a heat map of what it recorded itself."""
    table = runs.load(STUDY.parent / "shortcuts-x0.025")
    figure = evolution(table, 20, seed=0)
    names = [note.text for note in figure.layout.annotations]
    assert names == ["plain-20", "resnet20-cifar", "resnet20-cifar-B", "resnet20-cifar-C"]
    for name, drawn in zip(names[1:], figure.data[1:], strict=True):
        rows = table[(table.run == f"{name}-seed0") & (table.metric == "gradient_norm")]
        last = rows[rows.step == rows.step.max()].set_index("block").value
        np.testing.assert_allclose(10 ** np.array(drawn.z, float)[:, -1], last[list(drawn.y)])
