"""What is found inside trained networks? Responses, lesions, paths, the loss around the weights, and which blocks are alike."""

from __future__ import annotations

import math

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from dashboard.figures.colours import AMOUNT, of_depth, of_network
from dashboard.figures.style import AXIS, BELOW, TICKS, block_axis, heading, log_axis, network_name, titled

_MARGIN = {"l": 0, "r": 8, "t": 60, "b": 44}


def layer_responses(table: pd.DataFrame) -> go.Figure:
    """Figure 7: sd of every layer's response over its place, mean over seeds; lightness is depth."""
    depths = sorted(table.layers.unique())
    figure = go.Figure()
    for (residual, layers), part in table.groupby(["residual", "layers"]):
        line = part.groupby("place").response_sd.mean()
        figure.add_scatter(
            x=line.index, y=line, name=network_name(layers, residual), mode="lines", hovertemplate="%{y:.2f}",
            line={"color": of_depth(residual, layers, depths), "width": 2.5},
        )  # fmt: skip
    figure.update_xaxes(title=titled("layer, from the input"), showgrid=False, **AXIS)
    figure.update_yaxes(rangemode="tozero", **AXIS)
    words = heading("sd of the response, after batch norm, before addition and ReLU")
    figure.update_layout(height=380, margin=_MARGIN, legend=BELOW, title=words, hovermode="x unified")
    return figure


def lesion_summary(table: pd.DataFrame) -> pd.DataFrame:
    """Test error in percent after each kind of lesion, a row a network, kind, count and control: mean, sd, min, max, n."""
    keys = ["layers", "residual", "lesion", "count", "reestimated"]
    grouped = table.groupby(keys).error_percent
    return grouped.agg(["mean", "std", "min", "max", "size"]).reset_index()


def single_lesions(table: pd.DataFrame) -> go.Figure:
    """Test error after the removal of each single block: as it is (solid), with statistics estimated anew (hollow)."""
    one = table[table.lesion == "one removed"]
    figure = go.Figure()
    for (residual, layers, again), part in one.groupby(["residual", "layers", "reestimated"]):
        mean = part.groupby("blocks", sort=False).error_percent.mean()
        figure.add_scatter(
            x=mean.index, y=mean, mode="lines+markers", hovertemplate="%{y:.1f} %",
            name=network_name(layers, residual) + (", statistics anew" if again else ""),
            line={"color": of_network(residual), "width": 1.2 if again else 2.5, "dash": "dot" if again else "solid"},
            marker={"size": 7, "symbol": "circle-open" if again else "circle"},
        )  # fmt: skip
    for residual, part in table[(table.lesion == "none") & ~table.reestimated].groupby("residual"):
        figure.add_hline(part.error_percent.mean(), line={"color": of_network(residual), "width": 1, "dash": "dash"})
    figure.update_xaxes(**block_axis(one.blocks))
    figure.update_yaxes(range=[0, 100], **TICKS, **AXIS)
    words = heading("test error without one block, %; dashed: whole network")
    figure.update_layout(height=400, margin=_MARGIN, legend=BELOW, title=words, hovermode="x unified")
    return figure


def many_lesions(table: pd.DataFrame) -> go.Figure:
    """Test error over the number of removed blocks (left) and of exchanges (right); bars are the sd over draws."""
    summary = lesion_summary(table)
    figure = make_subplots(
        1, 2, shared_yaxes=True, horizontal_spacing=0.03, subplot_titles=("blocks removed", "exchanges of two")
    )
    kinds = (["none", "one removed", "several removed"], ["none", "exchanged"])
    for column, wanted in enumerate(kinds, start=1):
        rows = summary[summary.lesion.isin(wanted)]
        for (residual, layers, again), part in rows.groupby(["residual", "layers", "reestimated"]):
            part = part.sort_values("count")
            figure.add_scatter(
                x=part["count"], y=part["mean"], mode="lines+markers", showlegend=column == 1, hovertemplate="%{y:.1f} %",
                name=network_name(layers, residual) + (", statistics anew" if again else ""),
                error_y={"array": part["std"].fillna(0), "thickness": 1.2},
                line={"color": of_network(residual), "width": 1.2 if again else 2.5, "dash": "dot" if again else "solid"},
                marker={"size": 7, "symbol": "circle-open" if again else "circle"}, row=1, col=column,
            )  # fmt: skip
    figure.update_xaxes(showgrid=False, rangemode="tozero", **AXIS)
    figure.update_yaxes(range=[0, 100], **TICKS, **AXIS)
    layout = {"height": 400, "margin": {**_MARGIN, "t": 72}, "legend": BELOW, "hovermode": "x unified"}
    figure.update_layout(title=heading("test error, %"), **layout)
    return figure


def path_lengths(table: pd.DataFrame) -> pd.DataFrame:
    """A row a network and length: how many paths have it, their mean gradient norm, and both together, as shares.

    blocks: the number of blocks; `paths` is binomial (Veit et al. 2016, section 4), `effective` is paths x norm (section 5).
    """
    found = table.groupby(["layers", "length"]).gradient_norm.mean().rename("gradient_norm").reset_index()
    blocks = found.groupby("layers").length.transform("max")
    counts = pd.Series([math.comb(n, k) / 2**n for n, k in zip(blocks, found.length, strict=True)], index=found.index)
    whole = found.assign(blocks=blocks, paths=counts, effective=counts * found.gradient_norm)
    return whole.assign(effective=whole.effective / whole.groupby("layers").effective.transform("sum"))


def path_gradients(table: pd.DataFrame) -> go.Figure:
    """Left: the gradient norm through one path by its length. Right: how many paths there are, and where the gradient passes."""
    found = path_lengths(table)
    depths = sorted(found.layers.unique())
    titles = ("gradient of one path", "shares by length")
    figure = make_subplots(1, 2, horizontal_spacing=0.09, subplot_titles=titles)
    for layers, part in found.groupby("layers"):
        colour, name = of_depth(True, layers, depths), f"ResNet-{layers}"
        shared = {"mode": "lines+markers", "marker": {"size": 5}}
        figure.add_scatter(
            x=part.length, y=part.gradient_norm, name=name, line={"color": colour, "width": 2.5}, showlegend=False,
            hovertemplate="%{y:.2g}", **shared, row=1, col=1,
        )  # fmt: skip
        figure.add_scatter(
            x=part.length, y=part.paths, name=f"{name}: paths", line={"color": colour, "width": 1.5, "dash": "dot"},
            hovertemplate="%{y:.3f}", **shared, row=1, col=2,
        )  # fmt: skip
        figure.add_scatter(
            x=part.length, y=part.effective, name=f"{name}: gradient", line={"color": colour, "width": 3},
            hovertemplate="%{y:.3f}", **shared, row=1, col=2,
        )  # fmt: skip
    figure.update_xaxes(title=titled("length (blocks through F)"), showgrid=False, **AXIS)
    figure.update_yaxes(**log_axis(found.gradient_norm), row=1, col=1)
    figure.update_yaxes(rangemode="tozero", row=1, col=2, **AXIS)
    figure.update_layout(height=400, margin={**_MARGIN, "t": 40}, legend=BELOW, hovermode="x unified")
    return figure


def loss_landscapes(table: pd.DataFrame, directions: str = "0 and 1", statistics: str = "stored") -> go.Figure:
    """The loss around each network's weights, log colours on one scale; a panel a network."""
    rows = table[(table.directions == directions) & (table.statistics == statistics)]
    networks = sorted(rows[["residual", "layers"]].drop_duplicates().itertuples(index=False, name=None))
    figure = make_subplots(
        math.ceil(len(networks) / 2), 2, horizontal_spacing=0.04, vertical_spacing=0.12,
        subplot_titles=[network_name(n, r) for r, n in networks],
    )  # fmt: skip
    finite = rows.loss[rows.loss.map(math.isfinite) & (rows.loss > 0)].map(math.log10)
    low, high = finite.min(), min(finite.max(), finite.min() + 4)
    for i, (residual, layers) in enumerate(networks):
        part = rows[(rows.residual == residual) & (rows.layers == layers)]
        square = part.groupby(["beta", "alpha"]).loss.mean().unstack("alpha")
        figure.add_contour(
            x=square.columns, y=square.index, z=square.map(lambda loss: math.log10(max(loss, 1e-12))), coloraxis="coloraxis",
            customdata=square, hovertemplate="loss %{customdata:.3g}<extra></extra>", line={"width": 0.5, "color": "white"},
            contours={"start": low, "end": high, "size": (high - low) / 12}, row=1 + i // 2, col=1 + i % 2,
        )  # fmt: skip
    figure.update_xaxes(tickvals=[-0.5, 0, 0.5], showticklabels=False, **AXIS)  # as the lowest row: they would cover titles
    figure.update_xaxes(title=titled("α"), showticklabels=True, row=math.ceil(len(networks) / 2))
    figure.update_yaxes(title=titled("β"), col=1)
    figure.update_yaxes(tickvals=[-0.5, 0, 0.5], **AXIS)
    figure.update_yaxes(showticklabels=False, col=2)
    for i in range(len(networks)):  # a step is as long in either direction
        place = {"row": 1 + i // 2, "col": 1 + i % 2}
        figure.update_xaxes(constrain="domain", **place)
        figure.update_yaxes(constrain="domain", scaleanchor=f"x{i + 1 if i else ''}", **place)
    for annotation, (residual, _) in zip(figure.layout.annotations, networks, strict=True):
        annotation.font = {"size": 14, "color": of_network(residual)}
    words = "of each batch, as in training" if statistics == "batch" else "stored with the weights"
    finest = 2 if high - low > 1.5 else 10  # ticks a decade
    ticks = [tick / finest for tick in range(math.ceil(finest * low), math.floor(finest * high) + 1)]
    bar = {"tickvals": ticks, "ticktext": [f"{10**tick:.2g}" for tick in ticks], "title": "loss", "thickness": 12}
    figure.update_layout(
        height=680,
        margin={**_MARGIN, "t": 64},
        title=heading(f"statistics of batch norm: {words}"),
        coloraxis={"colorscale": AMOUNT, "cmin": low, "cmax": high, "colorbar": bar},
    )
    return figure


def block_similarity(table: pd.DataFrame, layers: int, residual: bool) -> go.Figure:
    """CKA between a network's blocks (up) and those of itself, its twin and another seed (across), mean over seeds."""
    rows = table[(table.layers == layers) & (table.residual == residual)]
    others = list(dict.fromkeys(rows.other))
    titles = [{"itself": "itself", "another seed": "2nd seed"}.get(other, "its twin") for other in others]
    figure = make_subplots(1, len(others), shared_yaxes=True, horizontal_spacing=0.03, subplot_titles=titles)
    figure.update_annotations(font={"size": 13})
    order = list(dict.fromkeys(rows.block))
    for column, other in enumerate(others, start=1):
        part = rows[rows.other == other]
        square = part.groupby(["block", "other_block"], sort=False).cka.mean().unstack("other_block")
        square = square.reindex(index=order, columns=[name for name in order if name in square.columns])
        figure.add_heatmap(
            x=square.columns, y=square.index, z=square, coloraxis="coloraxis", row=1, col=column,
            hovertemplate="%{y}, %{x}: %{z:.2f}<extra></extra>",
        )  # fmt: skip
    axis = block_axis(order)
    figure.update_xaxes(ticktext=[name.removeprefix("conv") for name in axis["tickvals"]], constrain="domain", **axis)
    figure.update_yaxes(**axis)
    bar = {"title": "CKA", "thickness": 12}
    words = heading(f"Blocks of {network_name(layers, residual)} (up) beside those of")
    figure.update_layout(
        height=400, margin={**_MARGIN, "t": 72}, title=words,
        coloraxis={"colorscale": AMOUNT, "cmin": 0, "cmax": 1, "colorbar": bar},
    )  # fmt: skip
    return figure
