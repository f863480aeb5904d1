"""Which learning rate suits which network of the pair? Its pilots, a line a rate, plain beside residual."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from dashboard.figures.colours import of_depth, of_network
from dashboard.figures.style import ABOVE, AXIS, TICKS, heading, titled

SMOOTH = 5  # reports of 50 iterations, over which a line is a running mean


def by_rate(table: pd.DataFrame) -> pd.DataFrame:
    """Error of the training batches over the iterations, a row a run and report, with the highest learning rate of the run."""
    rows = table[(table.metric == "error_percent") & (table.split == "train_batches") & table.block.isna()]
    rate = rows.network.str.partition("-rate-")[2].astype(float)
    smooth = rows.groupby("run").value.transform(lambda values: values.rolling(SMOOTH, min_periods=1).mean())
    return rows.assign(rate=rate, error_percent=smooth)[["run", "residual", "rate", "step", "error_percent"]]


def rates_of_pair(table: pd.DataFrame) -> go.Figure:
    """Training error by learning rate, lightness is the rate: plain left, residual right."""
    found = by_rate(table)
    rates = sorted(found.rate.unique())
    figure = make_subplots(1, 2, shared_yaxes=True, horizontal_spacing=0.04, subplot_titles=["plain-34", "ResNet-34"])
    for column, residual in ((1, False), (2, True)):
        figure.layout.annotations[column - 1].font = {"size": 14, "color": of_network(residual)}
        for rate, part in found[found.residual == residual].groupby("rate"):
            figure.add_scatter(
                x=part.step, y=part.error_percent, name=f"{rate:g}", mode="lines", hovertemplate="%{y:.1f} %",
                line={"width": 2.2, "color": of_depth(residual, rates.index(rate), range(len(rates)))}, row=1, col=column,
            )  # fmt: skip
    figure.update_xaxes(title=titled("iteration"), showgrid=False, **AXIS)
    figure.update_yaxes(**TICKS, **AXIS)
    title = heading("training batches, error in %, by learning rate")
    margin = {"l": 0, "r": 8, "t": 80, "b": 40}
    return figure.update_layout(height=400, title=title, legend=ABOVE, hovermode="x unified", margin=margin)
