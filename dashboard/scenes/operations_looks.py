"""What does every look of the page Operations need besides the block itself, and what is its answer in a sentence?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dashboard.figures.overlay import Pixels, heat_uri, strength, thumbnail_uri
from dashboard.scenes.operations import Lane

TOP = 5  # classes that are named
HEAT = 256  # pixels of a measured field, as drawn


def fade_extra(lane: Lane, of_residual: Any, of_shortcut: Any | None, labels: Sequence[str], target: int) -> dict[str, Any]:
    """What the sliders on F(x) and on the shortcut lead to, from two `Fade`s."""
    return {
        "ratio": lane.ratio if lane.residual else None,
        "target": labels[target],
        "labels": list(lane.block_labels),
        "camSide": int(of_residual.cams.shape[-1]),
        "fades": {"residual": _fade(of_residual, labels), "shortcut": of_shortcut and _fade(of_shortcut, labels)},
    }


def _fade(fade: Any, labels: Sequence[str]) -> dict[str, Any]:
    named = sorted({int(i) for probabilities in fade.probabilities for i in np.argsort(probabilities)[-TOP:]})
    return {
        "factors": list(fade.factors),
        "classes": [labels[i] for i in named],
        "probabilities": _rounded(fade.probabilities[:, named].T),
        "cams": _rounded(fade.cams.reshape(len(fade.cams), -1).T),
        "norms": _rounded(fade.gradient_norms.T),
    }


def _rounded(values: NDArray[np.float32]) -> list[list[float]]:
    return [[float(f"{value:.4g}") for value in line] for line in values]


def fade_answer(lanes: Sequence[Lane], fades: Sequence[Any], labels: Sequence[Sequence[str]], everywhere: bool) -> str:
    """What the blocks add, and what their networks say without it."""
    sentences = []
    for lane, fade, names in zip(lanes, fades, labels, strict=True):
        where = "any block" if everywhere else lane.found.block
        whole, without = fade.probabilities[fade.factors.index(1.0)], fade.probabilities[0]
        before, after = int(whole.argmax()), int(without.argmax())
        said = f"{names[before]} ({_percent(whole[before])})"
        then = f"{'still ' if before == after else ''}{names[after]} ({_percent(without[after])})"
        if lane.residual:
            sentences.append(
                f"In {lane.found.block} of {lane.title}, what is added, F(x), is {lane.ratio:.2f} times as large as x. The "
                f"network says "
                f"{said}, and without F(x) in {where} {then}."
            )
        else:
            sentences.append(f"{lane.title} says {said}; without F(x) in {where} nothing passes, and it says {then}.")
    return " ".join(sentences)


def _percent(fraction: float) -> str:
    return f"{100 * fraction:.0f}\N{NO-BREAK SPACE}%"


def relu_extra(lane: Lane) -> dict[str, Any]:
    """Which share of all values every ReLU of the block silences, and of the gradient's sizes it stops."""
    found, shares = lane.found, []
    for i, (record, gradient) in enumerate(zip(found.convolutions[:-1], found.gradients, strict=False), 1):
        shares.append(_share(f"ReLU {i}, after convolution {i}", record.normalised, gradient))
    branch = lane.branch
    if lane.residual:
        shares.append({"words": "F(x), if nothing were added", "forward": float((branch <= 0).mean()), "backward": None})
    words = "last ReLU, after adding x" if lane.residual else "last ReLU, after F(x) alone"
    shares.append(_share(words, found.sums, found.gradients[-1]))
    return {"shares": shares}


def _share(words: str, before: NDArray[np.float32], gradient: NDArray[np.float32]) -> dict[str, Any]:
    silent = before <= 0
    return {
        "words": words,
        "forward": float(silent.mean()),
        "backward": float(np.abs(gradient[silent]).sum() / (np.abs(gradient).sum() or np.nan)),
    }


def relu_answer(lanes: Sequence[Lane], extras: Sequence[Mapping[str, Any]]) -> str:
    """What the last ReLU silences, with the addition and without."""
    sentences = []
    for lane, extra in zip(lanes, extras, strict=True):
        last = _percent(extra["shares"][-1]["forward"])
        if lane.residual:
            alone, summed = (share["forward"] for share in extra["shares"][-2:])
            only = "only " if summed < alone else ""
            sentences.append(
                f"In {lane.found.block} of {lane.title}, {_percent(alone)} of F(x) is not positive; after x is added, the last "
                f"ReLU "
                f"silences {only}{last}."
            )
        else:
            sentences.append(f"{lane.title} has nothing to add, and its last ReLU silences {last}.")
    return " ".join(sentences)


def norm_extra(
    photographs: Sequence[tuple[str, Pixels]],
    stored: NDArray[np.float32],
    beside: Mapping[tuple[int, ...], NDArray[np.float32]],
    labels: Sequence[str],
) -> dict[str, Any]:
    """The first photograph's answer in every batch of the photographs.

    Args:
        photographs: title and picture of each.
        stored: the first one's probabilities with stored statistics.
        beside: its probabilities in every batch that holds it.
    """
    target = int(stored.argmax())
    answers = {}
    for batch, probabilities in beside.items():
        top = int(probabilities.argmax())
        entry = [float(f"{probabilities[target]:.4g}"), labels[top], float(f"{probabilities[top]:.4g}")]
        answers["-".join(map(str, batch))] = entry
    return {
        "photos": [{"title": title, "picture": thumbnail_uri(picture[::3, ::3])} for title, picture in photographs],
        "stored": float(stored[target]),
        "target": labels[target],
        "beside": answers,
    }


def norm_answer(lanes: Sequence[Lane], extras: Sequence[Mapping[str, Any]]) -> str:
    """How far an answer moves with its neighbours."""
    sentences = []
    for lane, extra in zip(lanes, extras, strict=True):
        values = [entry[0] for entry in extra["beside"].values()]
        sentences.append(
            f"{lane.title} gives {extra['target']} {_percent(extra['stored'])} with stored statistics; with the batch's own, "
            f"anything from {_percent(min(values))} to {_percent(max(values))}, depending on its neighbours."
        )
    return " ".join(sentences)


def kernel_answer(lanes: Sequence[Lane]) -> str:
    """How large the kernels of the traced channels are."""
    sentences = []
    for lane in lanes:
        weight = lane.found.convolutions[0].weight[lane.traced[0]]
        channels, side, _ = weight.shape
        sentences.append(
            f"Channel {lane.traced[0]} of the first convolution of {lane.found.block} in {lane.title} has {channels} kernels of "
            f"{side} × {side} learnt weights, from {_signed(weight.min())} to {_signed(weight.max())}."
        )
    return " ".join(sentences)


def _signed(value: float) -> str:
    return f"{'−' if value < 0 else ''}{abs(value):.2f}"


def half_of(measured: NDArray[np.float32]) -> int:
    """How many pixels, the strongest first, hold half of a measured field."""
    strongest = np.sort(measured, axis=None)[::-1].astype(np.float64)
    return int(np.searchsorted(strongest.cumsum(), strongest.sum() / 2) + 1) if strongest.sum() else 0


def field_extra(
    measured: NDArray[np.float32], growth: Mapping[str, NDArray[np.float32]], largest: Mapping[str, int]
) -> dict[str, Any]:
    """The measured field as a picture, the number of pixels that hold half of it, and how fields grow over the blocks.

    Args:
        growth: the measured field of every block's middle cell, by label; `largest`: pixels along one side that it can see.
    """
    return {
        "heat": heat_uri(strength(measured, float(measured.max()), HEAT)),
        "half": half_of(measured),
        "growth": {
            "labels": list(growth),
            "measured": [round(half_of(field) ** 0.5, 1) for field in growth.values()],
            "largest": [largest[label] for label in growth],
        },
    }


def field_answer(lanes: Sequence[Lane], extras: Sequence[Mapping[str, Any]], extents: Sequence[Sequence[Sequence[int]]]) -> str:
    """How large the fields are."""
    sentences = []
    for lane, extra, cells in zip(lanes, extras, extents, strict=True):
        (top, bottom), (left, right) = cells[lane.row], cells[lane.column]
        height, width = bottom - top + 1, right - left + 1
        share = _percent(extra["half"] / (height * width))
        sentences.append(
            f"In {lane.title} this value can see {height} × {width} pixels, but {share} of them hold half of its gradient."
        )
    return " ".join(sentences)
