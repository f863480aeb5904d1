"""How do signal and gradient pass through networks of every depth, plain and residual, with batch norm and without?"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.colors import sample_colorscale
from plotly.subplots import make_subplots

from dashboard.figures.colours import of_depth, of_network
from dashboard.figures.style import AXIS, BELOW, QUANTITIES, block_axis, heading, log_axis, titled

KINDS = {  # panels, left to right
    (False, True): "plain, batch norm",
    (True, True): "residual, batch norm",
    (False, False): "plain, no batch norm",
    (True, False): "residual, no batch norm",
}


def over_blocks(table: pd.DataFrame, quantity: str) -> pd.DataFrame:
    """Geometric means over seeds of a quantity, a row a network and block; `part` is its place, from 0 to 1."""
    rows = table[(table[quantity] > 0) & np.isfinite(table[quantity])]
    logs = np.log(rows[quantity]).groupby([rows[key] for key in ("layers", "residual", "batch_norm", "place")])
    found = np.exp(logs.mean()).rename("value").reset_index()
    # of all blocks, also of those that overflowed and are left out
    ends = table.groupby(["layers", "residual", "batch_norm"]).place.agg(["min", "max"])
    found = found.join(ends, on=["layers", "residual", "batch_norm"])
    return found.assign(part=(found.place - found["min"]) / (found["max"] - found["min"])).drop(columns=["min", "max"])


def ends_of_depth(table: pd.DataFrame) -> pd.DataFrame:
    """Gradient norm of the first and of the last block, a row a network: geometric means over seeds, inf where one overflowed."""
    keys = ["layers", "residual", "batch_norm"]
    place = table.groupby(keys).place
    rows = {"first": table[table.place == place.transform("min")], "last": table[table.place == place.transform("max")]}
    means = {name: np.exp(np.log(part.gradient_norm).groupby([part[key] for key in keys]).mean()) for name, part in rows.items()}
    return pd.DataFrame(means).fillna(math.inf).reset_index()


def signal_and_gradient(table: pd.DataFrame, quantity: str = "gradient_norm") -> go.Figure:
    """One of QUANTITIES from the first block to the last, log scale; a panel a kind of network, lightness is depth."""
    found = over_blocks(table, quantity)
    shown = [kind for kind in KINDS if ((found.residual == kind[0]) & (found.batch_norm == kind[1])).any()]
    figure, cells = _panels(shown)
    depths = sorted(found.layers.unique())
    for cell, (residual, norm) in zip(cells, shown, strict=True):
        for layers, part in found[(found.residual == residual) & (found.batch_norm == norm)].groupby("layers"):
            figure.add_scatter(
                x=part.part, y=part.value, mode="lines", name=f"{layers} layers", showlegend=False,
                hovertemplate="%{y:.3g}", line={"width": 2.5, "color": of_depth(residual, layers, depths)}, **cell,
            )  # fmt: skip
    for layers in depths:
        grey = sample_colorscale(["#C3C9D1", "#59616B"], [depths.index(layers) / max(1, len(depths) - 1)])[0]
        figure.add_scatter(x=[None], y=[None], mode="lines", name=f"{layers} layers", line={"width": 2.5, "color": grey})
    figure.update_xaxes(tickvals=[0, 1], ticktext=["first", "last block"], range=[-0.2, 1.2], showgrid=False, **AXIS)
    figure.update_yaxes(**log_axis(found.value))
    figure.update_layout(**_layout(QUANTITIES[quantity], 560))
    return figure


def _panels(kinds: Sequence[tuple[bool, bool]]) -> tuple[go.Figure, list[dict[str, int]]]:
    """Two panels a row, on one vertical scale, and where each is."""
    figure = make_subplots(
        math.ceil(len(kinds) / 2), 2, shared_yaxes="all", horizontal_spacing=0.03, vertical_spacing=0.2,
        subplot_titles=[KINDS[kind] for kind in kinds],
    )  # fmt: skip
    for annotation, (residual, _) in zip(figure.layout.annotations, kinds, strict=True):
        annotation.font = {"size": 14, "color": of_network(residual)}
    return figure, [{"row": 1 + i // 2, "col": 1 + i % 2} for i in range(len(kinds))]


def _layout(words: str, height: int = 400) -> dict[str, Any]:
    legend = {**BELOW, "y": -60 / (height - 100)}  # below the axis' title, however high the panels are
    margin = {"l": 0, "r": 8, "t": 60, "b": 40}
    return {"height": height, "margin": margin, "hovermode": "x unified", "title": heading(words), "legend": legend}


def at_angle(table: pd.DataFrame, radians: float) -> pd.DataFrame:
    """Correlation of the image's gradients at inputs that far apart (the nearest measured angle), a row a network, over seeds."""
    image = table[table.block == "image"]
    nearest = image.radians.iloc[(image.radians - radians).abs().argmin()]
    rows = image[image.radians == nearest].assign(radians=nearest)
    return rows.groupby(["layers", "residual", "batch_norm", "radians"]).correlation.agg(["mean", "min", "max"]).reset_index()


def shattered_gradients(table: pd.DataFrame, radians: float) -> go.Figure:
    """Correlation of gradients at inputs `radians` apart over depth, log scale: the four kinds of network, bars over seeds."""
    found = at_angle(table, radians)
    figure = go.Figure()
    for (residual, norm), name in KINDS.items():
        part = found[(found.residual == residual) & (found.batch_norm == norm)]
        part = part[part["mean"] > 0]
        if part.empty:
            continue
        figure.add_scatter(
            x=part.layers, y=part["mean"], name=name, mode="lines+markers", hovertemplate="%{y:.3f}",
            error_y={"type": "data", "symmetric": False, "array": part["max"] - part["mean"],
                     "arrayminus": part["mean"] - part["min"].clip(lower=1e-4), "thickness": 1.2},
            line={"color": of_network(residual), "width": 2.5, "dash": "solid" if norm else "dash"},
            marker={"size": 8, "symbol": "circle" if norm else "circle-open"},
        )  # fmt: skip
    figure.update_xaxes(title=titled("layers"), tickvals=sorted(found.layers.unique()), **AXIS)
    # below a hundredth, a mean over some thirty pairs of inputs is noise
    figure.update_yaxes(**log_axis([1e-3, 1]))
    figure.update_layout(**_layout(f"correlation of ∂f/∂x at inputs {found.radians.iloc[0]:g} rad apart"))
    return figure


def gradients_in_training(table: pd.DataFrame, records: int = 4) -> go.Figure:
    """Gradient norm by block, from the first record of the training (light) to the last; a panel a kind of network.

    table: runs of one depth, as `runs.load` has them. Geometric means over the seeds in which it is not zero.
    """
    rows = table[(table.metric == "gradient_norm") & (table.value > 0) & np.isfinite(table.value)]
    logs = np.log(rows.value).groupby([rows[key] for key in ("residual", "batch_norm", "step", "block")], sort=False)
    found = np.exp(logs.mean()).rename("value").reset_index()
    order = list(dict.fromkeys(table.block.dropna()))
    steps = sorted(found.step.unique())
    shown = [steps[round(i * (len(steps) - 1) / (records - 1))] for i in range(records)]
    kinds = [kind for kind in KINDS if ((found.residual == kind[0]) & (found.batch_norm == kind[1])).any()]
    figure, cells = _panels(kinds)
    for cell, (residual, norm) in zip(cells, kinds, strict=True):
        for step in shown:
            part = found[(found.residual == residual) & (found.batch_norm == norm) & (found.step == step)]
            line = part.set_index("block").value.reindex(order)
            shade = of_depth(residual, shown.index(step), range(records))
            figure.add_scatter(
                x=order, y=line.where(line.notna(), None), mode="lines", name=f"iteration {step:,}", legendgroup=str(step),
                showlegend=cell == cells[0], hovertemplate="%{y:.3g}", line={"width": 2.2, "color": shade}, **cell,
            )  # fmt: skip
    axis = block_axis(order)
    margin = [-0.07 * len(order), 1.07 * len(order) - 1]
    figure.update_xaxes(ticktext=[name.removeprefix("conv") for name in axis["tickvals"]], range=margin, **axis)
    figure.update_yaxes(**log_axis(found.value))
    figure.update_layout(**_layout(QUANTITIES["gradient_norm"], 560))
    return figure
