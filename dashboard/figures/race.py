"""How does a race between a plain and a residual network stand, up to some iteration?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from numpy.typing import NDArray

from dashboard.figures.colours import NEUTRAL, of_network
from dashboard.figures.overlay import picture_uri
from dashboard.figures.style import ABOVE, AXIS, QUANTITIES, TICKS, block_axis, heading, log_axis


def rate_changes(tables: Mapping[str, pd.DataFrame]) -> list[tuple[int, float]]:
    """Return where somebody changed the learning rate: the last iteration before it that was reported, and the new rate."""
    rates = pd.concat(
        [pd.Series(dtype=float), *(t[t.metric == "learning_rate"].set_index("step").value for t in tables.values())]
    )
    rates = rates[~rates.index.duplicated()].sort_index()
    steps = list(rates.index)
    return [(int(steps[i - 1]), float(rates.iloc[i])) for i in range(1, len(rates)) if rates.iloc[i] != rates.iloc[i - 1]]


def error_curves(
    tables: Mapping[str, pd.DataFrame], iterations: int, pinned: Mapping[str, pd.DataFrame] | None = None
) -> go.Figure:
    """Error on the training batches over the iterations, a line a network ("plain", "residual").

    y: percent of the images since the point before. x: iteration, 0 to `iterations`. pinned: another race, in thin
    lines. A dotted line marks a change of the learning rate.
    """
    lines = []
    for tables_of, name_of, width in ((pinned or {}, "{} (pinned)", 1.5), (tables, "{}", 3)):
        for which, table in tables_of.items():
            points = table[(table.metric == "error_percent") & (table.split == "train_batches") & table.block.isna()]
            residual = which == "residual"
            lines.append(
                go.Scatter(
                    x=points.step,
                    y=points.value,
                    name=name_of.format(which),
                    mode="lines",
                    line={"color": of_network(residual), "width": width, "dash": "solid" if residual else "dot"},
                    opacity=1 if width == 3 else 0.6,
                    hovertemplate="%{y:.1f} %",
                )
            )
    changes = rate_changes(tables)
    return go.Figure(
        lines,
        {
            "height": 300,
            "margin": {"l": 0, "r": 8, "t": 52, "b": 44},
            "shapes": [
                {
                    "type": "line",
                    "x0": step,
                    "x1": step,
                    "y0": 0,
                    "y1": 1,
                    "yref": "paper",
                    "line": {"width": 2, "dash": "dot", "color": NEUTRAL},
                }
                for step, _ in changes
            ],
            "annotations": [
                {
                    "x": step,
                    "y": 1,
                    "yref": "paper",
                    "text": f" rate {rate:g}",
                    "xanchor": "left",
                    "yanchor": "top",
                    "showarrow": False,
                    "font": {"size": 14},
                }
                for step, rate in changes
            ],
            "title": heading("training error, %"),
            "xaxis": {"range": [0, iterations], "title": {"text": "iteration", "font": {"size": 14}}, "showgrid": False, **AXIS},
            "yaxis": {"range": [0, 100], **TICKS, **AXIS},
            "legend": ABOVE,
            "hovermode": "x unified",
        },
    )


def latest(table: pd.DataFrame, quantity: str) -> pd.DataFrame:
    """The rows of the quantity at the last iteration that recorded it."""
    rows = table[table.metric == quantity]
    return rows[rows.step == rows.step.max()]


def block_curves(tables: Mapping[str, pd.DataFrame], quantity: str) -> go.Figure:
    """One of QUANTITIES in every block at the last iteration that recorded it, log scale; a line a network."""
    lines = []
    for which, table in tables.items():
        points = latest(table, quantity)
        residual = which == "residual"
        lines.append(
            go.Scatter(
                x=list(points.block),
                y=[value or None for value in points.value],
                name=which,
                mode="lines+markers",
                line={"color": of_network(residual), "width": 3, "dash": "solid" if residual else "dot"},
                marker={"size": 6, "symbol": "circle" if residual else "diamond"},
                hovertemplate="%{y:.3g}",
            )
        )
    names = [name for line in lines for name in line.x]
    return go.Figure(
        lines,
        {
            "height": 300,
            "margin": {"l": 0, "r": 8, "t": 52, "b": 44},
            "title": heading(QUANTITIES[quantity] + (" (gaps: zero)" if any(None in line.y for line in lines) else "")),
            "xaxis": block_axis(names),
            "yaxis": log_axis(value for line in lines for value in line.y if value),
            "legend": ABOVE,
            "hovermode": "x unified",
        },
    )


def by_network(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """The numbers behind a figure of both networks, in one table."""
    return pd.concat([table.assign(network=which) for which, table in tables.items()])


def predictions(
    images: NDArray[np.uint8], labels: Sequence[int], guesses: Mapping[str, Mapping[str, Any]], classes: Sequence[str]
) -> go.Figure:
    """Test images (N, S, S, 3) in a row, and below each what every network takes it for, with its probability.

    A right answer has a tick; guesses: by network, the N `classes` (numbers) and `probabilities`.
    """
    n = len(images)
    annotations = []
    for row, (which, guess) in enumerate(guesses.items()):
        colour = of_network(which == "residual")
        y = -0.35 - 0.55 * row
        text = {"text": which, "x": 0, "xref": "paper", "y": y, "xanchor": "right", "font": {"size": 14, "color": colour}}
        annotations.append({"showarrow": False, **text})
        for i, (found, probability) in enumerate(zip(guess["classes"], guess["probabilities"], strict=True)):
            mark = "✓" if found == labels[i] else "✗"
            words = f"<b>{classes[found]}</b> {mark}<br><span style='font-size:12px'>{100 * probability:.0f} %</span>"
            place = {"x": i + 0.5, "y": y, "font": {"size": 14, "color": colour}}
            annotations.append({"text": words, "showarrow": False, **place})
    pictures = [
        {"source": picture_uri(image), "x": i + 0.06, "y": 0.94, "sizex": 0.88, "sizey": 0.88, "xref": "x", "yref": "y"}
        for i, image in enumerate(images)
    ]
    return go.Figure(
        go.Scatter(x=[0.5], y=[0.5], mode="markers", marker={"opacity": 0}, hoverinfo="skip", showlegend=False),
        {
            "height": 170,
            "margin": {"l": 60, "r": 0, "t": 0, "b": 0},
            "images": pictures,
            "annotations": annotations,
            "xaxis": {"range": [0, n], "visible": False, **AXIS},
            "yaxis": {"range": [-0.75 - 0.55 * (len(guesses) - 1), 1], "visible": False, **AXIS},
            "dragmode": False,
        },
    )
