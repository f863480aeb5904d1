"""What do convolution, batch norm, ReLU and the addition do to a picture? The scene of the page Operations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from dashboard.scenes.exhibit import Table
from dashboard.scenes.link_words import LOOKED_AT, LinkWords
from dashboard.scenes.scene import Scene

QUESTION = "What do convolution, batch norm, ReLU and the addition do to my picture?"
LOOKS = {
    "pixel": "One pixel, step by step",
    "residual": "What the block adds",
    "kernel": "Edit the kernel",
    "norm": "Batch norm",
    "relu": "ReLU",
    "field": "What the pixel can see",
}
LIMITS = {
    "pixel": "One pixel of one channel on one photograph: another may come about quite differently.",
    "residual": "The network was trained with factor 1; one that is trained with another factor adapts to it.",
    "kernel": "Only this kernel is edited; the rest of the network keeps what it learnt.",
    "norm": "The batches here hold a few very different photographs; those of training were larger and more alike.",
    "relu": "A silenced value may still matter: it may pass on another photograph.",
    "field": "The measured field is a gradient on this photograph: how much a small change of each pixel would move this value.",
}
LINK = LinkWords(
    LOOKED_AT
    | {
        "block": None,
        "channel": range(4096),
        "look": tuple(LOOKS),
        "scope": ("block", "all"),
        "pixel": None,
        "through": None,
    },
    (),
)


@dataclass(frozen=True, eq=False)
class Lane:
    """One network's block, and the cell of its output that is looked at.

    Args:
        found: what the block computes, a `BlockOperations`.
        traced: a channel for every convolution; the last one's is the output's.
        block_labels: labels of all blocks of the network.
    """

    title: str
    residual: bool
    found: Any
    traced: tuple[int, ...]
    row: int
    column: int
    block_labels: tuple[str, ...]

    @property
    def channel(self) -> int:
        return self.traced[-1]

    def at(self, maps: np.ndarray) -> float:
        """The cell's value in maps of the output's size."""
        return float(maps[self.channel, self.row, self.column])

    @property
    def branch(self) -> np.ndarray:
        maps: np.ndarray = self.found.convolutions[-1].normalised
        return maps

    @property
    def ratio(self) -> float:
        """‖F(x)‖ / ‖shortcut(x)‖ over all channels."""
        return float(np.linalg.norm(self.branch) / (np.linalg.norm(self.found.shortcut) or np.nan))


def traced_channels(found: Any, channel: int, through: int | None) -> tuple[int, ...]:
    """Return the chain of channels that leads to an output channel, one for every convolution of the block.

    Backwards from `channel`, every step takes the strongest input channel; the first step takes `through`, if that is given.
    """
    traced = [channel]
    for following in found.convolutions[:0:-1]:
        asked = through if len(traced) == 1 else None
        inputs = following.weight.shape[1]
        traced.insert(0, asked if asked is not None and asked < inputs else following.strongest_input(traced[0]))
    return tuple(traced)


def strongest(found: Any) -> int:
    """The channel whose output is largest on the whole."""
    return int(np.asarray(found.output).mean((1, 2)).argmax())


def strongest_cell(found: Any, channel: int) -> tuple[int, int]:
    """Row and column, rather in the middle, where F(x) and what the first ReLU passes on are large together."""
    last = found.convolutions[-1]
    branch, before = np.abs(last.normalised[channel]), last.x[last.strongest_input(channel)]
    score = np.where(found.output[channel] > 0, branch * before[: branch.shape[0], : branch.shape[1]], 0)
    edge = len(score) // 4
    if score[edge : len(score) - edge, edge : len(score) - edge].max() > 0:
        score[:edge] = score[len(score) - edge :] = 0
        score[:, :edge] = score[:, len(score) - edge :] = 0
    row, column = np.unravel_index(np.argmax(score), score.shape)
    return int(row), int(column)


def signed(value: float) -> str:
    """Three digits with a sign; zero has none."""
    text = f"{abs(value):.3f}"
    return text if not float(text) else f"{'−' if value < 0 else '+'}{text}"


def what_makes_the_pixel(lane: Lane) -> str:
    """One network's cell in a sentence."""
    branch, output = lane.at(lane.branch), lane.at(lane.found.output)
    passes = f"{output:.3f}" if output else "nothing"
    if not lane.residual:
        return f"{lane.title} has no shortcut: F(x) = {signed(branch)} is all there is, and ReLU passes on {passes}."
    brings = f"{'x = ' if lane.found.kind == 'identity' else ''}{signed(lane.at(lane.found.shortcut))}"
    return (
        f"In {lane.found.block} of {lane.title} the shortcut brings {brings}, F(x) adds {signed(branch)}, and ReLU passes on "
        f"{passes}."
    )


def operations(lanes: Sequence[Lane], look: str, answer: str, provenance: Sequence[str], photograph: str) -> Scene:
    """Return the scene of one cell of a block in two networks.

    Args:
        lanes: the residual network's first.
        look: a key of LOOKS; `answer`: its sentence.
    """
    first = lanes[0]
    return Scene(
        question=QUESTION,
        answer=answer,
        main=(
            Table(
                "steps",
                steps_table(lanes),
                f"{photograph}: how row {first.row}, column {first.column} of channel {first.channel} came about",
                index=False,
            ),
        ),
        does_not_show=LIMITS[look],
        provenance=tuple(provenance),
    )


def steps_table(lanes: Sequence[Lane]) -> pd.DataFrame:
    """Every step to the cell, a column a network."""
    columns = {lane.title: _steps(lane) for lane in lanes}
    names = list(dict.fromkeys(name for steps in columns.values() for name in steps))
    return pd.DataFrame({"step": names} | {title: [steps.get(name) for name in names] for title, steps in columns.items()})


def _steps(lane: Lane) -> dict[str, float]:
    found, steps = lane.found, {}
    row, column = lane.row, lane.column
    places = [(row, column)]
    for record in found.convolutions[:0:-1]:
        places.insert(0, (places[0][0] * record.stride, places[0][1] * record.stride))
    for record, channel, place in zip(found.convolutions, lane.traced, places, strict=True):
        steps[f"{record.name}, sum over all input channels"] = float(record.sums[channel][place])
        if record.norm is not None:
            steps[f"{record.name}, after batch norm"] = float(record.normalised[channel][place])
    if lane.residual:
        steps["shortcut"] = lane.at(found.shortcut)
        steps["F(x) + shortcut"] = lane.at(found.sums)
    steps["output, after ReLU"] = lane.at(found.output)
    return steps
