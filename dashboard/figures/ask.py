"""What did a person expect, and what was measured? Both in one figure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from dashboard.figures.colours import NEUTRAL, of_network
from dashboard.figures.style import ABOVE, AXIS, log_axis, titled

NAMED = 5  # positions that have their words under the axis, which a phone has room for


@dataclass(frozen=True)
class Series:
    """Values that a person is shown beside the question."""

    name: str
    values: tuple[float, ...]
    colour: str


@dataclass(frozen=True)
class Levels:
    """A question that is answered by heights: a curve that one draws, or bars that one drags.

    Args:
        text: the question, an instruction that begins with a verb.
        positions: what the heights stand over, at least one, in words.
        axis: what the positions are; "" where their words say it.
        quantity: what the heights are, with its unit where it has one.
        low, high: the ends of the scale, which must not give the answer away.
        log: whether equal factors are equal distances; then `low` is above 0.
        joined: whether the heights are one curve.
        given: what is shown beside it.
        unit: written after a number, "%" or "".
    """

    text: str
    positions: tuple[str, ...]
    axis: str
    quantity: str
    low: float
    high: float
    log: bool = False
    joined: bool = True
    given: tuple[Series, ...] = ()
    unit: str = "%"


@dataclass(frozen=True)
class Measured:
    """What was measured at every position: mean and range over `seeds` runs, and whether of a residual network."""

    name: str
    mean: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    seeds: int
    residual: bool | None = None  # None: of both, a position each


def guess_figure(question: Levels, guess: Sequence[float], truth: Measured) -> go.Figure:
    """Draw the expected heights, grey and dashed, and the measured ones with their range over seeds, as curves or as bars."""
    x = list(question.positions)
    colour = NEUTRAL if truth.residual is None else of_network(truth.residual)
    figure = go.Figure()
    for series in question.given:
        figure.add_scatter(x=x, y=list(series.values), name=series.name, mode="lines", line={"color": series.colour, "width": 2})
    if question.joined:
        if truth.seeds > 1:
            figure.add_scatter(
                x=[*x, *x[::-1]], y=[*truth.high, *truth.low[::-1]], fill="toself", fillcolor=colour, opacity=0.25, mode="lines",
                line_width=0, hoverinfo="skip", name=f"range of {truth.seeds} seeds",
            )  # fmt: skip
        figure.add_scatter(x=x, y=list(truth.mean), name=truth.name, mode="lines+markers", line={"color": colour, "width": 4})
        figure.add_scatter(
            x=x, y=list(guess), name="expected", mode="lines+markers", line={"color": NEUTRAL, "width": 3, "dash": "dash"}
        )
    else:
        colours = [of_network(name.startswith("ResNet")) if truth.residual is None else colour for name in x]
        above = [top - middle for top, middle in zip(truth.high, truth.mean, strict=True)]
        below = [middle - least for least, middle in zip(truth.low, truth.mean, strict=True)]
        error = {"array": above, "arrayminus": below, "visible": truth.seeds > 1}
        figure.add_bar(
            x=x, y=list(guess), name="expected", marker={"color": "rgba(0,0,0,0)", "line": {"color": NEUTRAL, "width": 3}}
        )
        figure.add_bar(x=x, y=list(truth.mean), name=truth.name, marker_color=colours, error_y=error)
    named = x[:: math.ceil(len(x) / NAMED)]
    figure.update_xaxes(type="category", title=titled(question.axis), showgrid=False, tickvals=named, tickangle=0, **AXIS)
    if question.log:
        figure.update_yaxes(**log_axis([*guess, *truth.low, *truth.high]))
    else:
        figure.update_yaxes(range=[question.low, question.high], ticksuffix=" %", **AXIS)
    figure.update_layout(height=420, margin={"l": 0, "r": 0, "t": 48, "b": 48}, legend=ABOVE)
    return figure
