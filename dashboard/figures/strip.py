"""Where does each block look? All blocks of a network, stage by stage."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from dashboard.figures.colours import NEUTRAL, PLAIN, RESIDUAL, of_network
from dashboard.figures.overlay import (
    Pixels,
    Scale,
    difference_uri,
    grey_photograph,
    heat_key_uri,
    heat_uri,
    over_each_other,
    photograph_uri,
    sheet,
    strength,
)
from resnet_core.inspection.records import BlockRecord, Inspection

GAP = 0.06  # between cells, in cells
LABEL = 0.24  # room for a cell's name above it, in cells
HEAT_SIDE, PHOTOGRAPH_SIDE = 56, 112  # pixels of a cell
KEY = 0.34  # height of the line that explains the colours, in cells
MOST_COLUMNS = 9  # a longer stage goes on below
ROOMY = 6  # columns, at least; where there are more, a cell's name is without "conv"


@dataclass(frozen=True)
class _Grid:
    """A row a stage, or more; lengths are in cells."""

    places: dict[str, tuple[int, int]]  # row and column of every block, by its name
    rows: int
    columns: int

    @classmethod
    def of(cls, blocks: Sequence[BlockRecord]) -> _Grid:
        places: dict[str, tuple[int, int]] = {}
        row = -1
        for block in blocks:
            column = (block.index - 1) % MOST_COLUMNS
            row += column == 0
            places[block.label] = row, column
        return cls(places, row + 1, max(ROOMY, *(column + 1 for _, column in places.values())))

    @property
    def room(self) -> float:
        """How much more of a cell a text needs, where cells are small."""
        return self.columns / ROOMY

    @property
    def label(self) -> float:
        return LABEL * self.room

    @property
    def key(self) -> float:
        return KEY * self.room

    @property
    def height(self) -> float:
        return self.key + self.rows * (1 + self.label)


def strip_shape(inspection: Inspection) -> float:
    """Width over height of the cells, their names and the key together."""
    grid = _Grid.of(inspection.blocks)
    return grid.columns / grid.height


def block_strip(
    inspection: Inspection, picture: Pixels, maxima: Sequence[float], scale: Scale, selected: str, residual: bool
) -> go.Figure:
    """Grad-CAM of every block over the photograph: a row a stage, or more, from conv2_x at the top, blocks from left to right.

    maxima: the value drawn brightest in each block, which `cam_maxima` found for `scale`. selected: the framed block's label.
    Every cell has one invisible point with the block's label as its customdata, so that a click says which block was meant. The
    figure takes the size of its place, best of the shape `strip_shape`.
    """
    heats = [strength(block.cam, maximum, HEAT_SIDE) for block, maximum in zip(inspection.blocks, maxima, strict=True)]
    texts = [
        f"{b.label}: {' x '.join(map(str, b.output_shape))}<br>Grad-CAM at most {b.cam.max():.3g}" for b in inspection.blocks
    ]
    grid = _Grid.of(inspection.blocks)
    return _strip(grid, picture, heats, heat_uri, texts, _key(grid, max(maxima), scale), selected, of_network(residual))


def difference_strip(
    inspections: Sequence[Inspection], picture: Pixels, maxima: Sequence[Sequence[float]], selected: str
) -> go.Figure:
    """Where each block of one network finds more than the same block of the other: its Grad-CAM's share of the maximum, less.

    Both networks have the same blocks, one is plain and one residual. maxima: the value drawn brightest in each block of each.
    Blue: more in the residual one, orange: more in the plain one; all blocks on one scale. Otherwise as `block_strip`.
    """
    heats, texts = [], []
    pairs = _block_by_block(inspections, maxima)
    for two in pairs:
        shares = [strength(block.cam, limit, HEAT_SIDE).astype(float) for block, limit in two]
        difference = (shares[1] - shares[0]) / 255
        heats.append((128 + 127 * difference).round().astype(np.uint8))
        label = two[0][0].label
        texts.append(f"{label}<br>residual minus plain: {difference.min():+.2f} to {difference.max():+.2f} of the scale")
    legend = [("more in plain", PLAIN, 0), ("more in residual", RESIDUAL, 2)]
    grid = _Grid.of([residual for _, (residual, _) in pairs])
    middle = {"y": -grid.key / 2, "xshift": -2}
    notes = [_text(f"■ {text}", x=x * grid.room, font={"size": 12, "color": colour}, **middle) for text, colour, x in legend]
    return _strip(grid, picture, heats, difference_uri, texts, ([], notes), selected, NEUTRAL)


def difference_table(inspections: Sequence[Inspection], maxima: Sequence[Sequence[float]]) -> pd.DataFrame:
    """A row a block: how large both Grad-CAMs get, and the values that their shares are of."""
    return pd.DataFrame(
        {"block": a.label, "plain": a.cam.max(), "residual": b.cam.max(), "plain_scale": low, "residual_scale": high}
        for (a, low), (b, high) in _block_by_block(inspections, maxima)
    )


def _block_by_block(
    inspections: Sequence[Inspection], maxima: Sequence[Sequence[float]]
) -> list[tuple[tuple[BlockRecord, float], tuple[BlockRecord, float]]]:
    """The plain network's block and its maximum, then the residual one's."""
    rows = [list(zip(each.blocks, limits, strict=True)) for each, limits in zip(inspections, maxima, strict=True)]
    plain, residual = sorted(rows, key=lambda row: row[0][0].residual_norm is not None)
    return list(zip(plain, residual, strict=True))


def _strip(
    grid: _Grid,
    picture: Pixels,
    heats: Sequence[Pixels],
    draw: Callable[[Pixels], str],
    texts: Sequence[str],
    key: tuple[list[dict[str, object]], list[dict[str, object]]],
    selected: str,
    colour: str,
) -> go.Figure:
    """A cell a block: the photograph, and over it its heat, as `draw` makes a picture of all of them together."""
    images, annotations = key
    centres: dict[str, tuple[float, float]] = {}
    for label, (row, column) in grid.places.items():
        y = -grid.key - row * (1 + grid.label) - grid.label  # the cell's upper edge
        centres[label] = (column + 0.5, y - 0.5)
        name = label if grid.columns <= ROOMY else label.removeprefix("conv")
        annotations.append(_text(name, x=column + GAP / 2, y=y, yanchor="bottom", xshift=-2, yshift=-4))
    # two pictures in all: the browser would take a while to take in 16 of each
    places = tuple(grid.places.values())
    photographs = _photographs(picture.tobytes(), picture.shape[0], places, grid.label)
    heat = draw(sheet(dict(zip(places, heats, strict=True)), above=grid.label, gap=GAP))
    width = 1 + max(column for _, column in places)
    images += over_each_other(photographs, heat, x=0, y=-grid.key, width=width, height=grid.height - grid.key)
    middle_x, middle_y = centres[selected]
    side = 0.5 - GAP / 2
    frame = {"x0": middle_x - side, "x1": middle_x + side, "y0": middle_y - side, "y1": middle_y + side}
    points = go.Scatter(
        x=[centre[0] for centre in centres.values()],
        y=[centre[1] for centre in centres.values()],
        customdata=list(centres),
        mode="markers",
        marker={"size": 50, "opacity": 0, "symbol": "square"},
        text=list(texts),
        hovertemplate="%{text}<extra></extra>",
        showlegend=False,
    )
    axis = {"visible": False, "fixedrange": True, "constrain": "domain"}
    return go.Figure(
        points,
        {
            "images": images,
            "annotations": annotations,
            "shapes": [{"type": "rect", "line": {"color": colour, "width": 4}, **frame}],
            "xaxis": {"range": [0, grid.columns], **axis},
            "yaxis": {"range": [-grid.height, 0], "scaleanchor": "x", "constraintoward": "top", **axis},
            "margin": {"l": 0, "r": 0, "t": 0, "b": 0},
            "hovermode": "closest",
            "hoverdistance": 80,
            "dragmode": False,
        },
    )


@lru_cache(maxsize=128)  # the same for every target, block and scale
def _photographs(picture: bytes, side: int, cells: tuple[tuple[int, int], ...], above: float) -> str:
    grey = grey_photograph(np.frombuffer(picture, np.uint8).reshape(side, side, 3), PHOTOGRAPH_SIDE)
    return photograph_uri(sheet(dict.fromkeys(cells, grey), above=above, gap=GAP))


def _text(text: str, **place: object) -> dict[str, object]:
    return {"text": text, "showarrow": False, "xanchor": "left", "font": {"size": 12}, **place}


def _key(grid: _Grid, maximum: float, scale: Scale) -> tuple[list[dict[str, object]], list[dict[str, object]]]:
    """The line above the cells that explains the colours, as images and annotations."""
    brightest = {
        "block": "most in this block of both networks",
        "all": f"most in all blocks: {maximum:.2g}",
        "own": "most in this block",
    }
    middle, height, room = -grid.key / 2, 0.1 * grid.room, grid.room
    images = over_each_other(heat_key_uri(), x=0.75 * room, y=middle + height / 2, width=1.2 * room, height=height)
    return images, [_text("none", x=0, y=middle, xshift=-2), _text(brightest[scale], x=2 * room, y=middle)]
