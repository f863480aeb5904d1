"""What if a block is missing? The damage of lesions as a share of what a network can lose, plain and residual on one scale."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from dashboard.figures.colours import NEUTRAL, of_network
from dashboard.figures.style import ABOVE, AXIS, TICKS, block_axis, network_name, titled

REMOVED, EXCHANGED = ("one removed", "several removed"), ("exchanged",)
_MARGIN = {"l": 64, "r": 8, "t": 34, "b": 44}


def damage(table: pd.DataFrame, chance_percent: float) -> pd.DataFrame:
    """Return the lesions with the column `damage`, in percent of what the network can lose.

    0: the whole network's error with the same statistics of batch norm; 100: the error of guessing. Below 0 the lesion helped.

    Args:
        table: of `load_measured`, of the study "lesion".
        chance_percent: error of guessing.
    """
    keys = ["network", "reestimated"]
    whole = table[table.lesion == "none"].groupby(keys).error_percent.mean().rename("whole_percent")
    rows = table[table.lesion != "none"].join(whole, on=keys)
    return rows.assign(damage=100 * (rows.error_percent - rows.whole_percent) / (chance_percent - rows.whole_percent))


def test_images(table: pd.DataFrame) -> int:
    """Return how many images the errors were counted on: one image more or less is the smallest step between two errors."""
    steps = table.error_percent.drop_duplicates().sort_values().diff().round(6)
    return round(100 / steps[steps > 0].min())


def over_draws(damaged: pd.DataFrame, lesions: tuple[str, ...]) -> pd.DataFrame:
    """Return the damage of these lesions by their number: mean, sd over blocks or draws, and n."""
    keys = ["layers", "residual", "reestimated", "count"]
    rows = damaged[damaged.lesion.isin(lesions)].groupby(keys).damage
    return rows.agg(mean="mean", sd="std", n="size").reset_index()


def one_block(damaged: pd.DataFrame, reestimated: bool, block: str | None) -> go.Figure:
    """Draw the damage of every single block's removal: a bar a network and block; `block` is marked."""
    rows = damaged[(damaged.lesion == "one removed") & (damaged.reestimated == reestimated)]
    blocks = list(dict.fromkeys(rows.blocks))
    figure = go.Figure()
    for (residual, layers), part in rows.groupby(["residual", "layers"]):
        bars = part.groupby("blocks").damage.mean().reindex(blocks)
        name = network_name(layers, residual)
        figure.add_bar(
            x=blocks, y=bars, customdata=blocks, name=name, marker_color=of_network(residual),
            hovertemplate="%{y:.0f} %",
        )  # fmt: skip
    _lines(figure)
    figure.update_xaxes(title=titled("the missing block, from image to answer"), **block_axis(blocks))
    low, high = min(0.0, rows.damage.min()), max(100.0, rows.damage.max())
    figure.update_yaxes(range=[low - 5, high + 12])
    if block in blocks:
        at = blocks.index(block)
        figure.add_shape(
            type="rect", x0=at - 0.5, x1=at + 0.5, y0=0, y1=1, yref="paper", line={"color": NEUTRAL, "width": 2}, layer="below"
        )
    return figure.update_layout(height=430, bargap=0.25, barmode="group", hovermode="x unified", margin=_MARGIN, legend=ABOVE)


def several(damaged: pd.DataFrame, lesions: tuple[str, ...], reestimated: bool, words: str) -> go.Figure:
    """Draw damage over the number of lesions: mean and sd over draws, dotted with the other statistics of batch norm.

    Args:
        words: title of the axis.
    """
    found = over_draws(damaged, lesions)
    counts = [0, *sorted(found["count"].unique())]
    figure = go.Figure()
    for (residual, layers, again), part in found.groupby(["residual", "layers", "reestimated"]):
        chosen = again == reestimated
        name = network_name(layers, residual)
        figure.add_scatter(
            x=[counts.index(count) for count in (0, *part["count"])], y=[0, *part["mean"]], mode="lines+markers", name=name,
            showlegend=chosen, marker={"size": 8 if chosen else 5},
            line={"color": of_network(residual), "width": 3 if chosen else 1.5, "dash": "solid" if chosen else "dot"},
            error_y={"array": [0, *part.sd.fillna(0)], "thickness": 1.5} if chosen else None,
            hovertemplate=f"{name}, {'re-estimated' if again else 'stored'} statistics: %{{y:.0f}} %<extra></extra>",
        )  # fmt: skip
    _lines(figure)
    ticks = {"tickvals": [*range(len(counts))], "ticktext": [*map(str, counts)]}
    figure.update_xaxes(title=titled(words), showgrid=False, **ticks, **AXIS)
    figure.update_yaxes(range=[-5, 125])
    return figure.update_layout(height=360, margin=_MARGIN, legend=ABOVE)


def _lines(figure: go.Figure) -> None:
    """The two ends of the scale."""
    figure.add_hline(0, line={"color": NEUTRAL, "width": 1})
    label = {"text": "everything lost: guessing", "font": {"size": 13}, "textposition": "start", "yanchor": "bottom"}
    figure.add_hline(100, line={"color": NEUTRAL, "width": 1, "dash": "dash"}, label=label)
    figure.update_yaxes(title=titled("damage, % of what can be lost"), **TICKS, **AXIS)
