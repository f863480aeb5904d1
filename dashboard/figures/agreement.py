"""Do the gradients of two minibatches point the same way, by depth?"""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from dashboard.figures.colours import of_network
from dashboard.figures.initialisation import KINDS
from dashboard.figures.style import AXIS, BELOW, heading, titled

WHOLE = "all"  # the row of the gradient of every kernel as one vector


def by_depth(table: pd.DataFrame) -> pd.DataFrame:
    """The median layer's cosine, a row a network: mean, smallest and largest of the seeds. Layers without one are left out."""
    keys = ["layers", "residual", "batch_norm", "seed"]
    layers = table[(table.layer != WHOLE) & table.cosine.notna()]
    medians = layers.groupby(keys).cosine.median()
    return medians.groupby(keys[:3]).agg(["mean", "min", "max"]).reset_index()


def agreement_by_depth(
    table: pd.DataFrame, words: str = "cosine between the gradients ∂L/∂W of two minibatches, median layer"
) -> go.Figure:
    """The median layer's cosine over depth, a line for each of the four kinds of network, bars over seeds."""
    found = by_depth(table)
    figure = go.Figure()
    for (residual, norm), name in KINDS.items():
        part = found[(found.residual == residual) & (found.batch_norm == norm)]
        if part.empty:
            continue
        figure.add_scatter(
            x=part.layers, y=part["mean"], name=name, mode="lines+markers", hovertemplate="%{y:.3f}",
            error_y={"type": "data", "symmetric": False, "array": part["max"] - part["mean"],
                     "arrayminus": part["mean"] - part["min"], "thickness": 1.2},
            line={"color": of_network(residual), "width": 2.5, "dash": "solid" if norm else "dash"},
            marker={"size": 8, "symbol": "circle" if norm else "circle-open"},
        )  # fmt: skip
    figure.update_xaxes(title=titled("layers"), tickvals=sorted(found.layers.unique()), **AXIS)
    low = min(-0.05, 1.05 * found["min"].min())
    figure.update_yaxes(range=[low, 1.05 * max(0.5, found["max"].max())], **AXIS)
    figure.update_layout(
        height=400, margin={"l": 0, "r": 8, "t": 60, "b": 40}, hovermode="x unified", legend={**BELOW, "y": -0.2},
        title=heading(words),
    )  # fmt: skip
    return figure
