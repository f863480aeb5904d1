"""What is in every channel of a block? A grid of maps as one picture; one channel large; the residual equation as pictures."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import cache, lru_cache
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from numpy.typing import NDArray
from plotly.colors import sample_colorscale, unlabel_rgb

from dashboard.figures.colours import AMOUNT, NEUTRAL, SIGNED
from dashboard.figures.overlay import Pixels, grey_uri, heat_uri, indexed_uri, over_each_other, strength
from dashboard.figures.style import AXIS, log_axis
from resnet_core.inspection.records import FeatureMaps, Map, Sort

PLACES = {  # inside a block -> as a person reads it
    "x": "x",
    "conv1": "conv1",
    "bn1": "bn1",
    "conv2": "conv2",
    "bn2": "bn2",
    "conv3": "conv3",
    "F(x)": "F(x)",
    "shortcut": "shortcut",
    "sum": "F(x) + shortcut",
    "output": "after ReLU",
}
POSITIVE = ("x", "output")  # after a ReLU: nothing is below zero
SORTS: tuple[Sort, ...] = ("energy", "index", "mean", "variance", "class gradient", "similarity")
PIXELS = 420_000  # of a grid: 512 channels of 28 x 28; more are drawn smaller
SMALLEST = 24  # pixels of a map in the picture: smaller ones are enlarged, each value a square
GAP = 2  # pixels between maps
BRIGHT = 0.998  # quantile of the values that a shared scale ends at: one hot pixel would leave all others dark
TOP, APART = 3, 1 / 6  # places that are marked, and the share of the map's side between two: their marks are so large on a phone
OVER_SHAPE, EQUATION_SHAPE = 1.9, 3.6  # width over height


def columns_of(channels: int) -> int:
    """Return how many columns make a grid about half as high as it is wide, of maps that one can tell apart."""
    return 8 if channels <= 32 else 16 if channels <= 128 else 24 if channels <= 1024 else 32


def limit_of(found: Sequence[FeatureMaps], place: str) -> float:
    """Return the value at which a colour scale shared by all channels of all networks ends."""
    return max(float(np.quantile(np.abs(each.maps[place]), BRIGHT)) for each in found if place in each.maps)


def order_of(found: FeatureMaps, place: str, sort: Sort, like: int) -> NDArray[np.intp]:
    """Return the channel numbers sorted: the largest statistic first, or by index. like: the channel that similarity is to."""
    values = found.statistics(place, like)[sort]
    return np.argsort(values if sort == "index" else -values, kind="stable")


@cache
def _colours(signed: bool) -> Pixels:
    """(256, 4) RGBA: colour 0 is nothing's, and 1 to 255 run through the scale."""
    colours = sample_colorscale(SIGNED if signed else AMOUNT, np.linspace(0, 1, 255).tolist())
    return np.array([(0, 0, 0, 0), *((*unlabel_rgb(colour), 255) for colour in colours)]).astype(np.uint8)


def _levels(maps: Map, limits: NDArray[np.float32], signed: bool) -> Pixels:
    """(C, H, W) -> 1 to 255: from -limit to limit where signed, else from 0 to limit, of each channel its own."""
    share = maps / np.where(limits > 0, limits, 1)[:, None, None]
    return (1 + 254 * np.clip((share + 1) / 2 if signed else share, 0, 1)).astype(np.uint8)


def _sized(maps: Map) -> Map:
    """Shrunk by means over squares where the grid would have more than PIXELS."""
    shrink = math.ceil(math.sqrt(maps.size / PIXELS))
    if shrink == 1:
        return maps
    channels, height, width = (length // shrink if i else length for i, length in enumerate(maps.shape))
    cut = maps[:, : height * shrink, : width * shrink]
    return cut.reshape(channels, height, shrink, width, shrink).mean((2, 4))


@lru_cache(maxsize=16)  # a selection leaves it as it is
def _sheet(found: FeatureMaps, place: str, order: bytes, limit: float | None) -> tuple[str, float]:
    """The grid as a picture in a URL, and how much of a cell's side its map fills."""
    signed = place not in POSITIVE
    maps = _sized(found.maps[place][np.frombuffer(order, np.intp)])
    channels, side = maps.shape[:2]
    levels = _levels(maps, np.abs(maps).max((1, 2)) if limit is None else np.full(channels, limit, np.float32), signed)
    if (enlarge := math.ceil(SMALLEST / side)) > 1:
        levels = levels.repeat(enlarge, 1).repeat(enlarge, 2)
    columns = columns_of(channels)
    rows = math.ceil(channels / columns)
    gaps = np.pad(levels, ((0, rows * columns - channels), (0, GAP), (0, GAP)))
    sheet = gaps.reshape(rows, columns, *gaps.shape[1:]).transpose(0, 2, 1, 3).reshape(rows * gaps.shape[1], -1)
    return indexed_uri(sheet, _colours(signed), compress_level=6), levels.shape[1] / gaps.shape[1]


def grid_shape(channels: int) -> float:
    """Width over height of a grid of square maps."""
    columns = columns_of(channels)
    return columns / math.ceil(channels / columns)


def channel_grid(found: FeatureMaps, place: str, order: NDArray[np.intp], limit: float | None, selected: int) -> go.Figure:
    """Draw all channels of one place inside a block as a grid of maps.

    Args:
        order: channel numbers, drawn row by row.
        limit: the value at which the colour scale of all channels ends; None: every channel has its own scale.
        selected: the channel that is framed.

    Returns:
        A figure without a size of its own, best of the shape `grid_shape`. A click's customdata is the channel's number, as text.
    """
    channels, columns = len(order), columns_of(len(order))
    rows = math.ceil(channels / columns)
    picture, filled = _sheet(found, place, order.tobytes(), limit)
    numbers = np.full(rows * columns, -1)
    numbers[:channels] = order
    cells = numbers.reshape(rows, columns)
    # black in white stands out on every colour of a map
    frames = [
        {
            "type": "rect",
            "line": {"color": colour, "width": width},
            "x0": column,
            "x1": column + filled,
            "y0": -row,
            "y1": -row - filled,
        }
        for row, column in np.argwhere(cells == selected).tolist()
        for colour, width in (("white", 6), ("black", 2))
    ]
    axis = {"visible": False, "fixedrange": True, "constrain": "domain"}
    clear = "rgba(0,0,0,0)"
    points = go.Heatmap(  # one invisible picture: as many points would be slow
        z=np.zeros(cells.shape, np.uint8),
        x0=0.5,
        y0=-0.5,
        dx=1,
        dy=-1,
        customdata=[[str(number) if number >= 0 else None for number in cell_row] for cell_row in cells.tolist()],
        colorscale=[[0, clear], [1, clear]],
        showscale=False,
        hovertemplate="channel %{customdata}<extra></extra>",
    )
    return go.Figure(
        points,
        {
            "images": over_each_other(picture, x=0, y=0, width=columns, height=rows),
            "shapes": frames,
            "xaxis": {"range": [0, columns], **axis},
            "yaxis": {"range": [-rows, 0], "scaleanchor": "x", "constraintoward": "top", **axis},
            "margin": {"l": 0, "r": 0, "t": 0, "b": 0},
            "dragmode": False,
        },
    )


def channel_table(found: FeatureMaps, place: str, order: NDArray[np.intp], like: int) -> pd.DataFrame:
    """The statistics of every channel of a place, a row a channel."""
    table = pd.DataFrame(found.statistics(place, like)).rename(
        columns={"index": "channel", "similarity": f"similarity to {like}"}
    )
    return table.astype({"channel": int}).iloc[order]


def _strongest(values: NDArray[np.float32]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows and columns of the TOP largest values above zero of (H, W), of which none is nearer than APART to a larger one."""
    places: list[NDArray[np.intp]] = []
    for place in np.column_stack(np.unravel_index(np.argsort(-values, axis=None, kind="stable"), values.shape)):
        if len(places) == TOP or values[tuple(place)] <= 0:
            break
        if all((np.abs(place - larger) / values.shape).max() >= APART for larger in places):
            places.append(place)
    rows, columns = np.reshape(places, (-1, 2)).astype(np.intp).T
    return rows, columns


def channel_over(found: FeatureMaps, place: str, channel: int, picture: Pixels, limit: float) -> go.Figure:
    """Left: where the channel is above zero, over the photograph (S, S, 3), and its `_strongest` places. Right: a histogram."""
    values = found.maps[place][channel]
    height, width = values.shape
    rows, columns = _strongest(values)
    pictures = grey_uri(picture.tobytes(), len(picture), 320), heat_uri(strength(np.maximum(values, 0), limit, 160))
    axis = {"fixedrange": True, "constrain": "domain"}
    tops = go.Scatter(
        x=(columns + 0.5) / width, y=1 - (rows + 0.5) / height, customdata=values[rows, columns], mode="markers+text",
        text=[str(i + 1) for i in range(len(rows))], textfont={"color": "white", "size": 12}, cliponaxis=False,
        hovertemplate="%{customdata:.3g}<extra></extra>",
        marker={"size": 20, "color": "rgba(0,0,0,0.35)", "line": {"color": "white", "width": 2}},
    )  # fmt: skip
    counts, edges = np.histogram(values, bins=40)
    bars = go.Bar(
        x=(edges[1:] + edges[:-1]) / 2, y=counts, width=np.diff(edges), marker={"color": NEUTRAL}, xaxis="x2", yaxis="y2",
        hovertemplate="%{x:.3g}: %{y}<extra></extra>",
    )  # fmt: skip
    place_of = {"xref": "paper", "yref": "paper", "y": 1, "yanchor": "bottom", "xanchor": "center", "showarrow": False}
    words = [(0.225, f"channel {channel}"), (0.79, f"histogram of its {values.size:,} values")]
    return go.Figure(
        [tops, bars],
        {
            "images": over_each_other(*pictures, x=0, y=1, width=1, height=1),
            "xaxis": {"range": [0, 1], "domain": [0, 0.45], "visible": False, **axis},
            "yaxis": {"range": [0, 1], "scaleanchor": "x", "constraintoward": "top", "visible": False, **axis},
            "xaxis2": {"domain": [0.58, 1], "anchor": "y2", "showgrid": False, "nticks": 5, **AXIS},
            "yaxis2": {"domain": [0.08, 1], "anchor": "x2", **log_axis(counts, most=5)},
            "annotations": [{"text": text, "x": x, "font": {"size": 13}, **place_of} for x, text in words],
            "margin": {"l": 0, "r": 8, "t": 28, "b": 20},
            "showlegend": False,
            "bargap": 0,
            "dragmode": False,
        },
    )


def equation_limit(found: Sequence[FeatureMaps], channel: int) -> float:
    """The largest absolute value that equations of this channel hold."""
    parts = [maps.maps[place] for maps in found for place in ("F(x)", "shortcut", "sum", "output") if place in maps.maps]
    return max((float(np.abs(part[channel]).max()) for part in parts if channel < len(part)), default=0.0) or 1.0


def equation(found: FeatureMaps, channel: int, limit: float) -> go.Figure:
    """One channel of the block: F(x) + shortcut = sum, and what ReLU leaves; in a plain network F(x) alone.

    limit: where the scale of all parts ends.
    """
    residual = "sum" in found.maps
    identity = residual and np.array_equal(found.maps["shortcut"], found.maps["x"])
    names = {"F(x)": "F(x)", "shortcut": "x" if identity else "shortcut(x)", "sum": "F(x) + x" if identity else "sum"}
    names["output"] = "after ReLU"
    shown = {place: found.maps[place][channel] for place in names if place in found.maps}
    figure = go.Figure()
    pitch, signs = 1 / 4, {"shortcut": "+", "sum": "=", "output": "→"}
    annotations = []
    for place, values in shown.items():
        i = list(names).index(place)
        number = "" if i == 0 else str(i + 1)
        height, width = values.shape
        figure.add_heatmap(
            z=values, coloraxis="coloraxis", xaxis=f"x{number}", yaxis=f"y{number}",
            hovertemplate="row %{y}, column %{x}: %{z:.3g}<extra>" + names[place] + "</extra>",
        )  # fmt: skip
        axis = {"visible": False, "fixedrange": True, "constrain": "domain"}
        domain = [i * pitch + 0.035, (i + 1) * pitch]
        scale = {"scaleanchor": f"x{number}", "anchor": f"x{number}", "constraintoward": "top"}
        figure.layout[f"xaxis{number}"] = {"range": [-0.5, width - 0.5], "domain": domain, "anchor": f"y{number}", **axis}
        figure.layout[f"yaxis{number}"] = {"range": [height - 0.5, -0.5], **scale, **axis}
        text = {"xref": "paper", "yref": "paper", "xanchor": "center", "showarrow": False}
        middle = {"x": sum(domain) / 2, "y": 1, "yanchor": "bottom", "font": {"size": 13}}
        annotations.append({"text": names[place], **middle, **text})
        if place in signs and (residual or place == "output"):
            annotations.append({"text": signs[place], "x": domain[0] - 0.0175, "y": 0.5, "font": {"size": 20}, **text})
    if not residual:
        words = {"text": "no shortcut", "x": 0.5175, "y": 0.5, "font": {"size": 13, "color": NEUTRAL}}
        annotations.append({**words, "xref": "paper", "yref": "paper", "xanchor": "center", "showarrow": False})
    figure.update_layout(
        annotations=annotations, margin={"l": 0, "r": 0, "t": 24, "b": 0}, dragmode=False,
        coloraxis={"colorscale": SIGNED, "cmin": -limit, "cmax": limit, "showscale": False},
    )  # fmt: skip
    return figure


def values_table(found: FeatureMaps, channel: int) -> pd.DataFrame:
    """One channel at all places of its block, a row a position; a place of another size, or without the channel, is left out."""
    height, width = found.maps["output"].shape[1:]
    rows, columns = np.indices((height, width)).reshape(2, -1)
    values: Mapping[str, Any] = {
        PLACES[place]: maps[channel].ravel()
        for place, maps in found.maps.items()
        if channel < len(maps) and maps.shape[1:] == (height, width)
    }
    return pd.DataFrame({"row": rows, "column": columns, **values})
