"""What does a look of the page Operations need besides the block itself? Fetched for both networks, with its answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from dashboard.scenes import operations as scenes
from dashboard.scenes import operations_looks as words
from dashboard.scenes.operations import Lane
from dashboard.serving import blocks
from dashboard.serving.answers import OnWait
from dashboard.serving.networks import predictions
from dashboard.serving.photographs import Photograph
from resnet_core.networks.checkpoint import Checkpoint

Waiting = Callable[[str], OnWait]  # from what is waited for, in words, to what shows how far it is


@dataclass(frozen=True, eq=False)
class Asked:
    """Both networks on one photograph.

    Args:
        names: references of the networks.
        lanes, checkpoints, targets: theirs, in the same order; a target is the index of the class whose evidence is shown.
        extents: of each lane's block, the largest fields of its cells.
        everywhere: whether the factors stand in all blocks, and not in the shown one alone.
        waiting: shows how far a computation is.
    """

    names: Sequence[str]
    lanes: Sequence[Lane]
    checkpoints: Sequence[Checkpoint]
    targets: Sequence[int]
    photograph: Photograph
    extents: Sequence[Sequence[Sequence[int]]]
    everywhere: bool
    waiting: Waiting


@dataclass(frozen=True, eq=False)
class Look:
    """The answer in a sentence; what each lane's part needs, as plain data; and the digests of packed batches, "" without one."""

    answer: str
    extras: Sequence[dict[str, Any]]
    packs: Sequence[str]


def look(name: str, asked: Asked) -> Look:
    """Return what the look needs; `name`: of `scenes.operations.LOOKS`."""
    return _LOOKS[name](asked)


def _without_packs(asked: Asked, answer: str, extras: Sequence[dict[str, Any]] | None = None) -> Look:
    return Look(answer, [{} for _ in asked.lanes] if extras is None else extras, [""] * len(asked.lanes))


def _pixel(asked: Asked) -> Look:
    return _without_packs(asked, " ".join(map(scenes.what_makes_the_pixel, asked.lanes)))


def _residual(asked: Asked) -> Look:
    labels = [checkpoint.labels for checkpoint in asked.checkpoints]
    fades, extras = [], []
    for name, lane, names, target in zip(asked.names, asked.lanes, labels, asked.targets, strict=True):
        only = None if asked.everywhere else lane.found.block
        fade = blocks.fades(name, asked.photograph, target, only, asked.waiting(f"Fading {lane.title}"))
        fades.append(fade[0])
        extras.append(words.fade_extra(lane, *fade, names, target))
    return _without_packs(asked, words.fade_answer(asked.lanes, fades, labels, asked.everywhere), extras)


def _kernel(asked: Asked) -> Look:
    return _without_packs(asked, words.kernel_answer(asked.lanes))


def _norm(asked: Asked) -> Look:
    extras, packs = [], []
    for name, lane, checkpoint in zip(asked.names, asked.lanes, asked.checkpoints, strict=True):
        batch, beside = blocks.beside(name, asked.photograph, asked.waiting(f"{lane.title} in every batch"))
        stored = predictions(name, [asked.photograph])[0]
        extras.append(words.norm_extra([(one.title, one.shown) for one in batch], stored, beside, checkpoint.labels))
        packs.append(blocks.packed_batch(name, batch, lane.found.block, lane.found.convolutions[-1].name, lane.channel))
    return Look(words.norm_answer(asked.lanes, extras), extras, packs)


def _relu(asked: Asked) -> Look:
    extras = [words.relu_extra(lane) for lane in asked.lanes]
    return _without_packs(asked, words.relu_answer(asked.lanes, extras), extras)


def _field(asked: Asked) -> Look:
    extras = []
    for name, lane in zip(asked.names, asked.lanes, strict=True):
        field = blocks.measured_field(name, asked.photograph, lane.found.block, lane.channel, lane.row, lane.column)
        extras.append(words.field_extra(field, blocks.measured_growth(name, asked.photograph), blocks.largest_fields(name)))
    return _without_packs(asked, words.field_answer(asked.lanes, extras, asked.extents), extras)


_LOOKS: dict[str, Callable[[Asked], Look]] = {
    "pixel": _pixel,
    "residual": _residual,
    "kernel": _kernel,
    "norm": _norm,
    "relu": _relu,
    "field": _field,
}
