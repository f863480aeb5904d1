"""What was measured, seed by seed? One dot a training, a bar at their mean; and the empty axes that stand there before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from dashboard.figures.colours import NEUTRAL, of_network
from dashboard.figures.style import AXIS, TICKS, log_axis, titled

HEIGHT = 400
_LAYOUT = {"height": HEIGHT, "margin": {"l": 64, "r": 8, "t": 16, "b": 44}, "showlegend": False}


@dataclass(frozen=True)
class Column:
    """The dots above one name.

    Args:
        name: on the axis; "<br>" begins a new line.
        values: one a training, or (low, mean, high) where `interval`.
        hollow: whether they are drawn as rings.
        interval: whether the values are a mean and the ends of its interval.
    """

    name: str
    residual: bool
    values: tuple[float, ...]
    hollow: bool = False
    interval: bool = False


def columns(shown: Sequence[Column], title: str, *, log: bool = False, line: float | None = None, suffix: str = "") -> go.Figure:
    """Draw columns of dots over their names.

    Args:
        title: of the vertical axis: the quantity and its unit.
        line: a value that means something, drawn across.
        suffix: after the numbers on the axis.
    """
    figure = go.Figure()
    for at, column in enumerate(shown):
        colour = of_network(column.residual)
        label = column.name.replace("<br>", " ")
        if column.interval:
            low, mean, high = column.values
            figure.add_scatter(
                x=[at], y=[mean], mode="markers", marker={"size": 14, "color": colour},
                error_y={"array": [high - mean], "arrayminus": [mean - low], "thickness": 2.5, "width": 8, "color": colour},
                hovertemplate=f"{label}: {mean:.3g} ({low:.3g} to {high:.3g})<extra></extra>",
            )  # fmt: skip
            continue
        # next to each other, so that equal seeds do not cover each other
        offsets = [at + 0.24 * ((i + 0.5) / len(column.values) - 0.5) for i in range(len(column.values))]
        symbol = "circle-open" if column.hollow else "circle"
        figure.add_scatter(
            x=offsets, y=column.values, mode="markers", cliponaxis=False,
            marker={"size": 11, "color": colour, "symbol": symbol, "line": {"width": 2, "color": colour}},
            hovertemplate=f"{label}: %{{y:.3g}}{suffix}<extra></extra>",
        )  # fmt: skip
        middle = _middle(column.values, log)
        figure.add_scatter(
            x=[at - 0.3, at + 0.3], y=[middle, middle], mode="lines", line={"color": colour, "width": 3}, hoverinfo="skip"
        )
    if line is not None:
        figure.add_hline(line, line={"color": NEUTRAL, "width": 1.5, "dash": "dash"})
    ticks = {"tickvals": [*range(len(shown))], "ticktext": [column.name for column in shown]}
    figure.update_xaxes(range=[-0.6, len(shown) - 0.4], showgrid=False, zeroline=False, **ticks, **AXIS)
    every = [value for column in shown for value in column.values]
    if log:
        figure.update_yaxes(title=titled(title), **log_axis([*every, *([line] if line else [])]))
    else:
        figure.update_yaxes(title=titled(title), ticksuffix=suffix, rangemode="tozero", **TICKS, **AXIS)
    return figure.update_layout(**_LAYOUT)


def empty(title: str) -> go.Figure:
    """Draw axes without a number, for a person who has not answered yet.

    Args:
        title: of the vertical axis.
    """
    figure = go.Figure()
    figure.add_annotation(x=0.5, y=0.5, text="?", showarrow=False, font={"size": 96, "color": NEUTRAL})
    figure.update_xaxes(range=[0, 1], showticklabels=False, showgrid=False, zeroline=False, **AXIS)
    figure.update_yaxes(range=[0, 1], showticklabels=False, showgrid=False, zeroline=False, title=titled(title), **AXIS)
    return figure.update_layout(**_LAYOUT)


def _middle(values: Sequence[float], log: bool) -> float:
    if not log:
        return sum(values) / len(values)
    product = 1.0
    for value in values:
        product *= value ** (1 / len(values))
    return product
