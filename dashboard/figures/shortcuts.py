"""What should stand on the shortcuts: nothing, zero-padding, a projection where dimensions change, or one everywhere?"""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from dashboard.figures.colours import of_depth, of_network
from dashboard.figures.degradation import over_seeds
from dashboard.figures.style import AXIS, BELOW, TICKS, heading, titled


def shortcut_curves(table: pd.DataFrame) -> go.Figure:
    """Training error over the iterations by what stands on the shortcuts: nothing, option A, B or C; a band is all seeds.

    table: of runs.load, networks of one depth; the option is the end of a network's name, A where it has none.
    """
    found = over_seeds(table, "train_batches")
    options = sorted({_option(name, residual) for name, residual in zip(found.network, found.residual, strict=True)})
    figure = go.Figure()
    for (name, residual), part in found.groupby(["network", "residual"]):
        option = _option(name, residual)
        colour = of_depth(True, options.index(option), range(1, len(options))) if residual else of_network(False)
        figure.add_scatter(
            x=[*part.step, *part.step[::-1]], y=[*part.high, *part.low[::-1]], fill="toself", fillcolor=colour, opacity=0.2,
            line_width=0, mode="lines", hoverinfo="skip", showlegend=False,
        )  # fmt: skip
        figure.add_scatter(
            x=part.step, y=part["mean"], name=option, mode="lines", hovertemplate="%{y:.1f} %",
            line={"color": colour, "width": 2.5, "dash": {"A": "solid", "B": "dash", "C": "dot"}.get(option[-1], "solid")},
        )  # fmt: skip
    figure.update_xaxes(title=titled("iteration"), showgrid=False, **AXIS)
    figure.update_yaxes(range=[0, 1.06 * found[found.step >= found.step.max() / 8].high.max()], **TICKS, **AXIS)
    margin = {"l": 0, "r": 8, "t": 40, "b": 0}
    return figure.update_layout(
        height=400, title=heading("training error, %"), legend=BELOW, hovermode="x unified", margin=margin
    )


def _option(network: str, residual: bool) -> str:
    """What the legend says, in alphabetical order."""
    if not residual:
        return "no shortcuts"
    last = network.rsplit("-", 1)[-1]
    return f"option {last if last in ('B', 'C') else 'A'}"
