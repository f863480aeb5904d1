"""Where does each block look? All blocks of a network, stage by stage."""

from __future__ import annotations

from collections.abc import Callable, Sequence
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


def strip_shape(inspection: Inspection) -> float:
    """Width over height of the cells, their names and the key together."""
    columns, rows = max(block.index for block in inspection.blocks), len({block.stage for block in inspection.blocks})
    return columns / (KEY + rows * (1 + LABEL))


def block_strip(
    inspection: Inspection, picture: Pixels, maxima: Sequence[float], scale: Scale, selected: str, residual: bool
) -> go.Figure:
    """Grad-CAM of every block over the photograph: a row a stage, from conv2_x at the top, blocks from left to right.

    maxima: the value drawn brightest in each block, which `cam_maxima` found for `scale`. selected: the framed block's label.
    Every cell has one invisible point with the block's label as its customdata, so that a click says which block was meant. The
    figure takes the size of its place, best of the shape `strip_shape`.
    """
    heats = [strength(block.cam, maximum, HEAT_SIDE) for block, maximum in zip(inspection.blocks, maxima, strict=True)]
    texts = [
        f"{b.label}: {' x '.join(map(str, b.output_shape))}<br>Grad-CAM at most {b.cam.max():.3g}" for b in inspection.blocks
    ]
    key = _key(max(maxima), scale)
    return _strip(inspection.blocks, picture, heats, heat_uri, texts, key, selected, of_network(residual))


def difference_strip(
    plain: Inspection, residual: Inspection, picture: Pixels, maxima: Sequence[Sequence[float]], selected: str
) -> go.Figure:
    """Where each block of one network finds more than the same block of the other: its Grad-CAM's share of the maximum, less.

    Both networks have the same blocks. maxima: the value drawn brightest in each block, of the plain and of the residual one.
    Blue: more in the residual one, orange: more in the plain one; all blocks on one scale. Otherwise as `block_strip`.
    """
    heats, texts = [], []
    for theirs, block, *limits in zip(plain.blocks, residual.blocks, *maxima, strict=True):
        shares = [strength(each.cam, limit, HEAT_SIDE).astype(float) for each, limit in zip((theirs, block), limits, strict=True)]
        difference = (shares[1] - shares[0]) / 255
        heats.append((128 + 127 * difference).round().astype(np.uint8))
        texts.append(f"{block.label}<br>residual less plain: {difference.min():+.2f} to {difference.max():+.2f} of the scale")
    legend = [("more in plain", PLAIN, 0), ("more in residual", RESIDUAL, 1.2)]
    notes = [_text(f"■ {text}", x=x, y=-KEY / 2, xshift=-2, font={"size": 12, "color": colour}) for text, colour, x in legend]
    return _strip(residual.blocks, picture, heats, difference_uri, texts, ([], notes), selected, NEUTRAL)


def difference_table(plain: Inspection, residual: Inspection, maxima: Sequence[Sequence[float]]) -> pd.DataFrame:
    """A row a block: how large both Grad-CAMs get, and the values that their shares are of."""
    rows = zip(plain.blocks, residual.blocks, *maxima, strict=True)
    return pd.DataFrame(
        {"block": b.label, "plain": a.cam.max(), "residual": b.cam.max(), "plain_scale": low, "residual_scale": high}
        for a, b, low, high in rows
    )


def _strip(
    blocks: Sequence[BlockRecord],
    picture: Pixels,
    heats: Sequence[Pixels],
    draw: Callable[[Pixels], str],
    texts: Sequence[str],
    key: tuple[list[dict[str, object]], list[dict[str, object]]],
    selected: str,
    colour: str,
) -> go.Figure:
    """A cell a block: the photograph, and over it its heat, as `draw` makes a picture of all of them together."""
    stages = list(dict.fromkeys(block.stage for block in blocks))
    columns = max(block.index for block in blocks)
    images, annotations = key
    centres: dict[str, tuple[float, float]] = {}
    cells: dict[tuple[int, int], Pixels] = {}
    for block, heat in zip(blocks, heats, strict=True):
        row, column = stages.index(block.stage), block.index - 1
        cells[row, column] = heat
        y = -KEY - row * (1 + LABEL) - LABEL  # the cell's upper edge
        centres[block.label] = (column + 0.5, y - 0.5)
        annotations.append(_text(block.label, x=column + GAP / 2, y=y, yanchor="bottom", xshift=-2, yshift=-4))
    # two pictures in all: the browser would take a while to take in 16 of each
    photographs = _photographs(picture.tobytes(), picture.shape[0], tuple(cells))
    place = {"x": 0, "y": -KEY, "width": columns, "height": len(stages) * (1 + LABEL)}
    images += over_each_other(photographs, draw(sheet(cells, above=LABEL, gap=GAP)), **place)
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
    height = KEY + len(stages) * (1 + LABEL)
    return go.Figure(
        points,
        {
            "images": images,
            "annotations": annotations,
            "shapes": [{"type": "rect", "line": {"color": colour, "width": 4}, **frame}],
            "xaxis": {"range": [0, columns], **axis},
            "yaxis": {"range": [-height, 0], "scaleanchor": "x", "constraintoward": "top", **axis},
            "margin": {"l": 0, "r": 0, "t": 0, "b": 0},
            "hovermode": "closest",
            "hoverdistance": 80,
            "dragmode": False,
        },
    )


@lru_cache(maxsize=128)  # the same for every target, block and scale
def _photographs(picture: bytes, side: int, cells: tuple[tuple[int, int], ...]) -> str:
    grey = grey_photograph(np.frombuffer(picture, np.uint8).reshape(side, side, 3), PHOTOGRAPH_SIDE)
    return photograph_uri(sheet(dict.fromkeys(cells, grey), above=LABEL, gap=GAP))


def _text(text: str, **place: object) -> dict[str, object]:
    return {"text": text, "showarrow": False, "xanchor": "left", "font": {"size": 12}, **place}


def _key(maximum: float, scale: Scale) -> tuple[list[dict[str, object]], list[dict[str, object]]]:
    """The line above the cells that explains the colours, as images and annotations."""
    brightest = {
        "block": "most in this block of both networks",
        "all": f"most in all blocks: {maximum:.2g}",
        "own": "most in this block",
    }
    middle, height = -KEY / 2, 0.1
    gradient = heat_key_uri()
    images = over_each_other(gradient, x=0.75, y=middle + height / 2, width=1.2, height=height)
    return images, [_text("none", x=0, y=middle, xshift=-2), _text(brightest[scale], x=2, y=middle)]
