"""How do figures say the same thing the same way? Axes, headings, and the words for networks and for what is measured."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

AXIS = {"fixedrange": True, "tickfont": {"size": 13}}
TICKS = {"ticks": "outside", "ticklen": 8, "tickcolor": "rgba(0,0,0,0)"}  # room between the numbers of the two axes
BELOW = {"orientation": "h", "x": 0, "y": -0.25, "yanchor": "top", "font": {"size": 13}}  # a legend
ABOVE = {"orientation": "h", "x": 1, "xanchor": "right", "y": 1.02, "yanchor": "bottom", "font": {"size": 14}}  # or above it
QUANTITIES = {  # of a block
    "gradient_norm": "gradient norm ‖∂L/∂y‖ of the block's outputs",
    "response_sd": "sd of F(x), before addition and ReLU",
    "weight_norm": "norm of the block's convolutions",
    "output_rms": "root mean square of the block's outputs",
}


def heading(text: str) -> dict[str, Any]:
    """A figure's title: small, in the upper left corner."""
    place = {"x": 0, "xref": "paper", "y": 1, "yref": "container", "yanchor": "top", "pad": {"t": 8}}
    return {"text": text, "font": {"size": 14}, **place}


def titled(text: str) -> dict[str, Any]:
    """An axis' title."""
    return {"text": text, "font": {"size": 14}}


def log_axis(values: Iterable[float], most: int = 7) -> dict[str, Any]:
    """A logarithmic axis around the positive of the values, with at most so many numbers on it.

    At least a factor of four high: nearly equal values look nearly equal. Plotly's own numbers cover each other
    where an axis spans less than a decade.
    """
    logs = [math.log10(value) for value in values if value > 0 and math.isfinite(value)] or [0.0]
    low, high = min(logs), max(logs)
    short = max(0.05 * (high - low), (math.log10(4) - (high - low)) / 2)
    low, high = low - short, high + short
    decades = range(math.floor(low), math.ceil(high) + 1)
    for digits, every in [((1, 2, 3, 5, 7), 1), ((1, 2, 5), 1), ((1, 3), 1), *(((1,), n) for n in range(1, len(decades)))]:
        numbers = [(digit, power) for power in decades if power % every == 0 for digit in digits]
        numbers = [(digit, power) for digit, power in numbers if low <= math.log10(digit) + power <= high]
        if len(numbers) <= most:
            break
    plain = all(-4 < power < 4 for _, power in numbers)
    words = [f"{digit * 10.0**power:g}" if plain else _power(digit, power) for digit, power in numbers]
    ticks = {"tickmode": "array", "tickvals": [digit * 10.0**power for digit, power in numbers], "ticktext": words}
    return {"type": "log", "range": [low, high], **ticks, **TICKS, **AXIS}


def _power(digit: int, power: int) -> str:
    sign = "−" if power < 0 else ""
    return f"{'' if digit == 1 else f'{digit}·'}10<sup>{sign}{abs(power)}</sup>"


MOST_NAMES = 6  # of blocks, on an axis as wide as a phone


def block_axis(names: Iterable[str]) -> dict[str, Any]:
    """An axis of blocks, of which each stage's first is named, unless it would cover the one before."""
    blocks = list(dict.fromkeys(names))
    firsts: list[int] = []
    for place, name in enumerate(blocks):
        if name.endswith("_1") and (not firsts or place - firsts[-1] >= len(blocks) / MOST_NAMES):
            firsts.append(place)
    return {"type": "category", "tickmode": "array", "tickvals": [blocks[i] for i in firsts], "showgrid": False, **AXIS}


def network_name(layers: int, residual: bool, batch_norm: bool = True) -> str:
    """As the paper writes it: ResNet-20, plain-20."""
    return f"{'ResNet' if residual else 'plain'}-{layers}{'' if batch_norm else ' without BN'}"


def spread(mean: float, sd: float, digits: int = 2) -> str:
    """26.26 ± 0.55; of a single seed the value alone."""
    return f"{mean:.{digits}f}" + ("" if math.isnan(sd) else f" ± {sd:.{digits}f}")
