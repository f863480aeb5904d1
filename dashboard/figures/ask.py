"""What did a person expect, and what was measured? Both in one figure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from dashboard.figures.colours import NEUTRAL, of_network
from dashboard.figures.style import ABOVE, AXIS, titled


@dataclass(frozen=True)
class Measured:
    """What was measured at every position: mean and range over `seeds` runs, and whether of a residual network."""

    name: str
    mean: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    seeds: int
    residual: bool | None = None  # None: of both, a position each


def guess_figure(
    positions: Sequence[str],
    guess: Sequence[float],
    truth: Measured,
    axis: str,
    quantity: str,
    log: bool,
    joined: bool,
) -> go.Figure:
    """Draw the expected heights, grey and dashed, and the measured ones with their range over seeds, as curves or as bars."""
    x = list(positions)
    colour = NEUTRAL if truth.residual is None else of_network(truth.residual)
    figure = go.Figure()
    if joined:
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
    figure.update_xaxes(type="category", title=titled(axis), showgrid=False, **AXIS)
    figure.update_yaxes(
        type="log" if log else "linear", title=titled(quantity), **({} if log else {"rangemode": "tozero"}), **AXIS
    )
    figure.update_layout(height=420, margin={"l": 0, "r": 0, "t": 40, "b": 48}, legend=ABOVE)
    return figure
