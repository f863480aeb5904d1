"""How rough is the loss around trained weights? Surfaces that can be turned, maps, and two measures of roughness."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from numpy.typing import NDArray
from plotly.subplots import make_subplots

from dashboard.figures.colours import AMOUNT, NEUTRAL, of_network
from dashboard.figures.style import ABOVE, AXIS, TICKS, network_name, titled

BAR = {"title": {"text": "loss", "font": {"size": 14}}, "thickness": 12, "tickfont": {"size": 13}}
BELOW = {"orientation": "h", "len": 0.7, "y": 0, "yanchor": "top"}  # a colour bar, for narrow screens
DISTANCE, HEIGHT = 1.45, 0.85  # of the camera, in units of the drawn box


@dataclass(frozen=True)
class Grid:
    """One network's loss on the plane: loss[i, j] at betas[i], alphas[j]."""

    network: str  # "plain-56"
    layers: int
    residual: bool
    alphas: NDArray[np.float64]
    betas: NDArray[np.float64]
    loss: NDArray[np.float64]

    @property
    def minima(self) -> NDArray[np.bool_]:
        """Which points are lower than all eight neighbours; points of the edge never are."""
        inner = self.loss[1:-1, 1:-1]
        rows, columns = self.loss.shape
        around = [
            self.loss[1 + down : rows - 1 + down, 1 + right : columns - 1 + right]
            for down in (-1, 0, 1) for right in (-1, 0, 1) if (down, right) != (0, 0)
        ]  # fmt: skip
        return np.pad(np.all([inner < other for other in around], axis=0), 1)

    @property
    def laplacian(self) -> NDArray[np.float64]:
        """By how much the four neighbours' sum differs from four times a point inside: 0 on a slope, in the unit of the loss."""
        z = self.loss
        return z[2:, 1:-1] + z[:-2, 1:-1] + z[1:-1, 2:] + z[1:-1, :-2] - 4 * z[1:-1, 1:-1]

    @property
    def centre(self) -> float:
        """The loss at the trained weights."""
        i, j = (int(np.abs(axis).argmin()) for axis in (self.betas, self.alphas))
        return float(self.loss[i, j])


def grids(table: pd.DataFrame, statistics: str, directions: str = "0 and 1") -> list[Grid]:
    """Return the networks' grids, plain before residual, shallow before deep.

    Args:
        table: of `load_measured`, of the study "landscape".
        statistics: of batch norm: "batch" or "stored".
        directions: the two seeds that they were drawn from.
    """
    rows = table[(table.statistics == statistics) & (table.directions == directions)]
    found = []
    for (layers, residual), part in rows.groupby(["layers", "residual"]):
        square = part.pivot_table(index="beta", columns="alpha", values="loss")
        axes = square.columns.to_numpy(), square.index.to_numpy()
        found.append(Grid(network_name(layers, residual), layers, residual, *axes, square.to_numpy()))
    return found


def roughness(shown: list[Grid]) -> pd.DataFrame:
    """Return a row a network: number of minima, bend (median |Laplacian|), centre, within (percent of points within 0.5 of "
    "it)."""
    return pd.DataFrame(
        {
            "network": grid.network,
            "layers": grid.layers,
            "residual": grid.residual,
            "minima": int(grid.minima.sum()),
            "bend": float(np.median(np.abs(grid.laplacian))),
            "centre": grid.centre,
            "within": 100 * float((np.abs(grid.loss - grid.centre) <= 0.5).mean()),
        }
        for grid in shown
    )


def surface(grid: Grid, low: float, high: float, turn: int) -> go.Figure:
    """Draw a grid as a surface, its local minima as points.

    Args:
        low, high: ends of the heights and of the colours, the same for networks that stand side by side.
        turn: where the camera stands, in degrees around the vertical.
    """
    figure = go.Figure()
    figure.add_surface(
        x=grid.alphas, y=grid.betas, z=grid.loss, cmin=low, cmax=high, colorscale=AMOUNT,
        colorbar={**BAR, "title": {"text": "loss  ", "font": {"size": 14}}, **BELOW},
        hovertemplate="loss %{z:.2f}<extra></extra>",
    )  # fmt: skip
    i, j = np.nonzero(grid.minima)
    figure.add_scatter3d(
        x=grid.alphas[j], y=grid.betas[i], z=grid.loss[i, j] + 0.01 * (high - low), mode="markers", name="local minimum",
        marker={"size": 5, "color": of_network(grid.residual), "line": {"color": "white", "width": 1}}, showlegend=False,
        hovertemplate="local minimum, loss %{z:.2f}<extra></extra>",
    )  # fmt: skip
    angle = math.radians(turn)
    eye = {"x": DISTANCE * math.cos(angle), "y": DISTANCE * math.sin(angle), "z": HEIGHT}
    flat = {"tickvals": [-1, 0, 1], "tickfont": {"size": 12}}
    figure.update_scenes(
        camera={"eye": eye, "center": {"x": 0, "y": 0, "z": -0.2}},
        aspectmode="manual", aspectratio={"x": 1, "y": 1, "z": 0.7},
        xaxis={"title": "α", **flat}, yaxis={"title": "β", **flat},
        zaxis={"title": "", "range": [low, high], "tickfont": {"size": 12}},
    )  # fmt: skip
    return figure.update_layout(margin={"l": 0, "r": 0, "t": 0, "b": 60})


def maps(shown: list[Grid], low: float, high: float) -> go.Figure:
    """Draw grids as maps from above, a panel a network, with a ring on every local minimum."""
    figure = make_subplots(1, len(shown), horizontal_spacing=0.06, subplot_titles=[grid.network for grid in shown])
    for column, grid in enumerate(shown, start=1):
        figure.add_contour(
            x=grid.alphas, y=grid.betas, z=grid.loss, coloraxis="coloraxis", line={"width": 0.5, "color": "white"},
            contours={"start": low, "end": high, "size": (high - low) / 14}, hovertemplate="loss %{z:.2f}<extra></extra>",
            row=1, col=column,
        )  # fmt: skip
        i, j = np.nonzero(grid.minima)
        figure.add_scatter(
            x=grid.alphas[j], y=grid.betas[i], mode="markers", showlegend=False, hoverinfo="skip", row=1, col=column,
            marker={"size": 10, "symbol": "circle", "color": of_network(grid.residual), "line": {"color": "white", "width": 2}},
        )  # fmt: skip
        x = "x" if column == 1 else f"x{column}"
        figure.update_xaxes(range=[grid.alphas.min(), grid.alphas.max()], row=1, col=column)
        figure.update_yaxes(scaleanchor=x, constrain="domain", range=[grid.betas.min(), grid.betas.max()], row=1, col=column)
    figure.update_xaxes(title=titled("α"), tickvals=[-1, 0, 1], constrain="domain", **AXIS)
    figure.update_yaxes(tickvals=[-1, 0, 1], **AXIS)
    figure.update_yaxes(title=titled("β"), col=1)
    figure.update_yaxes(showticklabels=False, col=2)
    figure.update_annotations(font_size=14)
    bar = {**BAR, "tickvals": np.arange(math.ceil(low), high)}
    return figure.update_layout(
        height=380, margin={"l": 40, "r": 8, "t": 30, "b": 44},
        coloraxis={"colorscale": AMOUNT, "cmin": low, "cmax": high, "colorbar": bar},
    )  # fmt: skip


def bends(found: pd.DataFrame) -> go.Figure:
    """Draw the median bend by depth: a bar a network, from `roughness`."""
    depths = [*map(str, sorted(found.layers.unique()))]
    figure = go.Figure()
    for residual, part in found.groupby("residual"):
        bars = part.set_index(part.layers.astype(str)).bend.reindex(depths)
        figure.add_bar(
            x=depths, y=bars, name="residual" if residual else "plain", marker_color=of_network(bool(residual)),
            text=[f"{value:.3f}" for value in bars], textposition="outside", textfont={"size": 14}, hoverinfo="skip",
        )  # fmt: skip
    figure.update_xaxes(title=titled("layers"), type="category", **AXIS)
    figure.update_yaxes(title=titled("median |Laplacian|, nats"), range=[0, 1.15 * found.bend.max()], **TICKS, **AXIS)
    return figure.update_layout(height=380, margin={"l": 64, "r": 8, "t": 34, "b": 44}, legend=ABOVE)


def cliffs(shown: dict[str, list[Grid]]) -> go.Figure:
    """Draw profiles of the loss through the trained weights along α, by pair of directions; logarithmic.

    Args:
        shown: grids by the words for their statistics and directions.
    """
    figure = go.Figure()
    dashes = ("solid", "dash", "dot")
    for (words, every), dash in zip(shown.items(), dashes, strict=False):
        for grid in every:
            i = int(np.abs(grid.betas).argmin())
            figure.add_scatter(
                x=grid.alphas, y=grid.loss[i], mode="lines", name=f"{grid.network}, {words}",
                line={"color": of_network(grid.residual), "width": 2.5, "dash": dash}, hovertemplate="%{y:.3g}",
            )  # fmt: skip
    figure.add_vline(0, line={"color": NEUTRAL, "width": 1})
    figure.update_xaxes(title=titled("α: steps along the first direction; 0: the trained weights"), showgrid=False, **AXIS)
    figure.update_yaxes(title=titled("loss"), type="log", dtick=1, exponentformat="power", **TICKS, **AXIS)
    legend = {"orientation": "h", "x": 0, "y": -0.22, "yanchor": "top", "font": {"size": 13}}
    return figure.update_layout(height=420, margin={"l": 64, "r": 8, "t": 8, "b": 44}, legend=legend, hovermode="x unified")
