"""Which blocks compute alike? Heat maps of CKA, one block's profile, and the mean of equal blocks."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from dashboard.figures.colours import AMOUNT, NEUTRAL, of_network
from dashboard.figures.style import ABOVE, AXIS, TICKS, block_axis, network_name, titled

TWIN, SEED, ITSELF = "twin", "seed", "itself"
OTHERS = {SEED: "another seed", TWIN: "its twin", ITSELF: "itself"}


def squares(table: pd.DataFrame, layers: int, other: str) -> dict[bool, pd.DataFrame]:
    """Return the CKA of blocks (rows) with the other network's blocks (columns) in forward order, by whether it is residual.

    Args:
        table: of `load_measured`, of the study "similarity".
        other: one of OTHERS.
    """
    rows = with_others(table)
    rows = rows[(rows.layers == layers) & (rows.compared == other)]
    found = {}
    for residual, part in rows.groupby("residual"):
        order = list(dict.fromkeys(part.block))
        square = part.pivot_table(index="block", columns="other_block", values="cka")
        found[bool(residual)] = square.loc[order, [name for name in order if name in square.columns]]
    return found


def with_others(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table with the column `compared`: which of OTHERS the other network is."""
    names = {"itself": ITSELF, "another seed": SEED}
    return table.assign(compared=[names.get(other, TWIN) for other in table.other])


def equal_blocks(table: pd.DataFrame) -> pd.DataFrame:
    """Return the CKA of blocks with the block of their own name, by network and other: mean, sd over blocks, n."""
    rows = with_others(table)
    rows = rows[rows.block == rows.other_block]
    return rows.groupby(["layers", "residual", "compared"]).cka.agg(mean="mean", sd="std", n="size").reset_index()


def largest_square(square: pd.DataFrame, least: float) -> tuple[str, str, int]:
    """Return the longest run of blocks that are all alike, pair by pair, by at least `least`: first, last, number of blocks."""
    values = square.to_numpy()
    runs = [
        (last - first + 1, first, last)
        for first in range(len(values))
        for last in range(first, len(values))
        if values[first : last + 1, first : last + 1].min() >= least
    ]
    count, first, last = max(runs, key=lambda run: (run[0], -run[1]))
    return square.index[first], square.index[last], count


def heat_map(square: pd.DataFrame, across: str, block: str | None) -> go.Figure:
    """Draw a square of CKA, colours from 0 to 1; the row of `block` is framed.

    Args:
        across: title of the axis of columns.
    """
    names = np.repeat(square.index.to_numpy()[:, None], square.shape[1], axis=1)
    figure = go.Figure()
    figure.add_heatmap(
        x=square.columns, y=square.index, z=square.to_numpy(), customdata=names, zmin=0, zmax=1, colorscale=AMOUNT,
        hovertemplate="%{y} with %{x}: %{z:.2f}<extra></extra>",
        colorbar={"title": {"text": "CKA", "font": {"size": 14}}, "thickness": 12, "tickfont": {"size": 13}},
    )  # fmt: skip
    axis = block_axis(square.index)
    figure.update_xaxes(title=titled(across), constrain="domain", **axis)
    figure.update_yaxes(title=titled("block"), constrain="domain", scaleanchor="x", autorange="reversed", **axis)
    if block in square.index:
        at = square.index.get_loc(block)
        figure.add_shape(
            type="rect", x0=-0.5, x1=square.shape[1] - 0.5, y0=at - 0.5, y1=at + 0.5, line={"color": "white", "width": 3}
        )
    return figure.update_layout(height=440, margin={"l": 0, "r": 0, "t": 8, "b": 44})


def profile(shown: dict[bool, pd.DataFrame], layers: int, block: str, across: str) -> go.Figure:
    """Draw one block's CKA with every block of the other network, a line a kind of network.

    Args:
        across: title of the axis of the other's blocks.
    """
    figure = go.Figure()
    for residual, square in shown.items():
        if block in square.index:
            figure.add_scatter(
                x=square.columns, y=square.loc[block], mode="lines+markers", name=network_name(layers, residual),
                line={"color": of_network(residual), "width": 3}, marker={"size": 6}, hovertemplate="%{y:.2f}",
            )  # fmt: skip
    figure.update_xaxes(title=titled(across), **block_axis(next(iter(shown.values())).columns))
    figure.update_yaxes(title=titled(f"CKA with {block}"), range=[-0.05, 1.05], **TICKS, **AXIS)
    return figure.update_layout(height=360, margin={"l": 64, "r": 8, "t": 34, "b": 44}, legend=ABOVE, hovermode="x unified")


def equal_bars(table: pd.DataFrame, other: str) -> go.Figure:
    """Draw the mean CKA of equal blocks by depth, sd over blocks as bars; from `equal_blocks`."""
    found = equal_blocks(table)
    found = found[found.compared == other]
    depths = [*map(str, sorted(found.layers.unique()))]
    figure = go.Figure()
    for residual, part in found.groupby("residual"):
        part = part.set_index(part.layers.astype(str)).reindex(depths)
        figure.add_bar(
            x=depths, y=part["mean"], name="residual" if residual else "plain", marker_color=of_network(bool(residual)),
            error_y={"array": part.sd, "thickness": 1.5, "color": NEUTRAL}, hovertemplate="%{y:.2f}<extra></extra>",
        )  # fmt: skip
    figure.update_xaxes(title=titled("layers"), type="category", **AXIS)
    figure.update_yaxes(title=titled("mean CKA of equal blocks"), range=[0, 1.05], **TICKS, **AXIS)
    return figure.update_layout(height=360, margin={"l": 64, "r": 8, "t": 34, "b": 44}, legend=ABOVE)
