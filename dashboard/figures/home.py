"""How does the story look on one page? Curves with their names at their ends, for eyes that are new to such figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from dashboard.figures.colours import of_depth, of_network
from dashboard.figures.degradation import apart, ticks
from dashboard.figures.style import AXIS, TICKS, block_axis, heading, log_axis, titled

HEIGHT = 440


@dataclass(frozen=True)
class Curve:
    """One line: its name, whether of a residual network, its layers, and a table of x, mean, low, high."""

    name: str
    residual: bool
    layers: int
    table: pd.DataFrame
    dash: str = "solid"


def curves(lines: Sequence[Curve], x: str, y: str, digits: int = 0) -> go.Figure:
    """Lines over `x` with a band from low to high, each named at its end with its last mean; y in percent from 0."""
    depths = sorted({line.layers for line in lines})
    figure = go.Figure()
    for line in lines:
        table, colour = line.table, of_depth(line.residual, line.layers, depths)
        figure.add_scatter(
            x=[*table.x, *table.x[::-1]], y=[*table.high, *table.low[::-1]], fill="toself", fillcolor=colour, opacity=0.2,
            line_width=0, mode="lines", hoverinfo="skip", showlegend=False,
        )  # fmt: skip
        figure.add_scatter(
            x=table.x, y=table["mean"], name=line.name, mode="lines", showlegend=False, hovertemplate="%{y:.1f} %",
            line={"color": colour, "width": 2 + 1.5 * (line.layers == depths[-1]), "dash": line.dash},
        )  # fmt: skip
    last = max(float(line.table.x.iloc[-1]) for line in lines)
    top = min(100.0, 1.06 * max(line.table.high.max() for line in lines))
    ends = [float(line.table["mean"].iloc[-1]) for line in lines]
    for line, end, height in zip(lines, ends, apart(ends, top / 14), strict=True):
        figure.add_annotation(
            x=1.005, xref="paper", y=height, showarrow=False, xanchor="left", font={"size": 15},
            text=f"<span style='color:{of_network(line.residual)}'>━</span> {line.name} <b>{end:.{digits}f} %</b>",
        )  # fmt: skip
    figure.update_xaxes(range=[0, last], title=titled(x), showgrid=False, tickvals=ticks(last), **AXIS)
    figure.update_yaxes(range=[0, top], ticksuffix=" %", **TICKS, **AXIS)
    return figure.update_layout(
        height=HEIGHT, margin={"l": 0, "r": 140, "t": 36, "b": 44}, hovermode="x unified", title=heading(y)
    )


def gradients(lines: Mapping[str, tuple[bool, str, pd.Series]]) -> go.Figure:
    """Gradient norm by block over that of the last one, log scale: by name whether residual, the dash, and the values."""
    figure = go.Figure()
    names: list[str] = []
    for name, (residual, dash, values) in lines.items():
        names = list(values.index)
        figure.add_scatter(
            x=names, y=values, name=name, mode="lines", hovertemplate="%{y:.3g}",
            line={"color": of_network(residual), "width": 3, "dash": dash},
        )  # fmt: skip
    figure.add_hline(1, line={"width": 1, "dash": "dot"})
    figure.update_xaxes(title=titled("image → loss (the gradient comes back)"), **block_axis(names))
    figure.update_yaxes(**log_axis([value for _, _, values in lines.values() for value in values]))
    legend = {"orientation": "h", "x": 0, "y": -0.2, "yanchor": "top", "font": {"size": 14}}
    margin = {"l": 0, "r": 8, "t": 36, "b": 110}
    return figure.update_layout(
        height=HEIGHT, hovermode="x unified", legend=legend, margin=margin,
        title=heading("gradient norm of a block over that of the last block"),
    )  # fmt: skip


def paper_errors(errors: Mapping[str, float]) -> go.Figure:
    """Top-1 error on ImageNet as the paper prints it, a bar a network."""
    bars = go.Bar(
        x=list(errors.values()), y=list(errors), orientation="h", text=[f"{value:.1f} %" for value in errors.values()],
        marker={"color": [of_network(not name.startswith("plain")) for name in errors]}, hovertemplate="%{y}: %{x} %",
        textposition="outside", textfont={"size": 15},
    )  # fmt: skip
    layout: dict[str, Any] = {
        "height": 300, "margin": {"l": 0, "r": 8, "t": 36, "b": 44}, "title": heading("top-1 error on ImageNet, 10 crops"),
        "xaxis": {"range": [0, 1.25 * max(errors.values())], "ticksuffix": " %", **AXIS},
        "yaxis": {"autorange": "reversed", **AXIS, "tickfont": {"size": 15}},
    }  # fmt: skip
    return go.Figure(bars, layout)
