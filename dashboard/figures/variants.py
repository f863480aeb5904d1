"""One thing differs between trainings: what stands on the shortcuts, or the learning rate. A line each over the iterations."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd
import plotly.graph_objects as go

from dashboard.figures.colours import of_depth, of_network
from dashboard.figures.degradation import over_seeds
from dashboard.figures.style import AXIS, BELOW, TICKS, heading, titled

OPTIONS = {"A": "solid", "B": "dash", "C": "dot"}
RATES = {"": ("0.1 at once", "solid"), "-warm-up": ("0.01 first", "dash"), "-low-rate": ("0.02", "dot")}


@dataclass(frozen=True)
class Look:
    name: str  # in the legend
    colour: str
    dash: str = "solid"


def shortcut_curves(table: pd.DataFrame) -> go.Figure:
    """Training error by what stands on the shortcuts: nothing, option A, B or C.

    table: of runs.load, networks of one depth; the option is the end of a network's name, A where it has none.
    """

    def look(network: str, residual: bool, _layers: int) -> Look:
        if not residual:
            return Look("no shortcuts", of_network(False))
        last = network.rsplit("-", 1)[-1]
        option = last if last in OPTIONS else "A"
        return Look(f"option {option}", of_depth(True, ord(option), [*map(ord, OPTIONS)]), OPTIONS[option])

    looks = {row: look(*row) for row in _networks(table)}
    return _curves(table, dict(sorted(looks.items(), key=lambda item: item[1].name)))


def rate_curves(table: pd.DataFrame) -> go.Figure:
    """Training error of residual networks by the learning rate that they start with.

    table: of runs.load, of the study "rates"; the rate is the end of a network's name, the paper's where it has none.
    """
    depths = sorted(table.layers.unique())

    def look(network: str, residual: bool, layers: int) -> Look:
        ending = next(ending for ending in reversed(RATES) if network.endswith(ending))
        name, dash = RATES[ending]
        return Look(f"{layers} layers, {name}", of_depth(residual, layers, depths), dash)

    return _curves(table, {row: look(*row) for row in _networks(table)})


def _networks(table: pd.DataFrame) -> list[tuple[str, bool, int]]:
    """Name, residual, layers of each."""
    return list(
        table[["network", "residual", "layers"]].drop_duplicates().sort_values(["layers", "network"]).itertuples(False, None)
    )


def _curves(table: pd.DataFrame, looks: dict[tuple[str, bool, int], Look]) -> go.Figure:
    """Training error over the iterations, a line a network; a band is all seeds."""
    found = over_seeds(table, "train_batches")
    figure = go.Figure()
    for (network, _, _), look in looks.items():
        part = found[found.network == network]
        figure.add_scatter(
            x=[*part.step, *part.step[::-1]], y=[*part.high, *part.low[::-1]], fill="toself", fillcolor=look.colour, opacity=0.2,
            line_width=0, mode="lines", hoverinfo="skip", showlegend=False,
        )  # fmt: skip
        figure.add_scatter(
            x=part.step, y=part["mean"], name=look.name, mode="lines", hovertemplate="%{y:.1f} %",
            line={"color": look.colour, "width": 2.5, "dash": look.dash},
        )  # fmt: skip
    figure.update_xaxes(title=titled("iteration"), showgrid=False, **AXIS)
    figure.update_yaxes(range=[0, 1.06 * found[found.step >= found.step.max() / 8].high.max()], **TICKS, **AXIS)
    margin = {"l": 0, "r": 8, "t": 40, "b": 0}
    return figure.update_layout(
        height=400, title=heading("training error, %"), legend=BELOW, hovermode="x unified", margin=margin
    )
