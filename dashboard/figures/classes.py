"""What does a network take the photograph for?"""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go

from dashboard.figures.colours import of_network
from dashboard.plain import plotly_plain
from resnet_core.inspection.records import Inspection


def top_classes(inspection: Inspection, classes: Sequence[str], residual: bool, count: int = 5) -> go.Figure:
    """The most probable classes and their probabilities (softmax, 0 to 100 %); the target, whose evidence is shown, in bold."""
    best = inspection.probabilities.argsort()[::-1][:count]
    named = [(i, plotly_plain(classes[i])) for i in best]
    names = [f"<b>{name}</b>" if i == inspection.target else name for i, name in named]
    percent = [100 * float(inspection.probabilities[i]) for i in best]
    bars = go.Bar(
        x=percent,
        y=names,
        orientation="h",
        text=[f"{value:.1f} %" for value in percent],
        textposition="outside",
        cliponaxis=False,
        marker={"color": of_network(residual)},
        hovertemplate="%{y}: %{x:.2f} %<extra></extra>",
    )
    return go.Figure(
        bars,
        {
            "xaxis": {"range": [0, 115], "visible": False, "fixedrange": True},  # room for the last figure beyond 100
            "yaxis": {"autorange": "reversed", "ticks": "", "fixedrange": True, "automargin": True, "tickfont": {"size": 14}},
            "height": 180,
            "margin": {"l": 0, "r": 0, "t": 4, "b": 4},
            "bargap": 0.25,
            "showlegend": False,
        },
    )
