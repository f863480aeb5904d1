"""Where does each block look? All blocks of a network, stage by stage."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from plotly.colors import unlabel_rgb

from dashboard.figures.colours import of_network
from dashboard.figures.overlay import Pixels, Scale, data_uri, heat_colours, heat_over
from resnet_core.inspection.records import Inspection

GAP = 0.06  # between cells, in cells
LABEL = 0.24  # room for a cell's name above it, in cells
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
    stages = list(dict.fromkeys(block.stage for block in inspection.blocks))
    columns = max(block.index for block in inspection.blocks)
    figure = go.Figure()
    images, annotations = _key(max(maxima), scale)  # set at once below: plotly checks the whole list at every addition
    centres: dict[str, tuple[float, float]] = {}
    for block, maximum in zip(inspection.blocks, maxima, strict=True):
        x, y = block.index - 1, -KEY - stages.index(block.stage) * (1 + LABEL) - LABEL  # left and top edge
        centres[block.label] = (x + 0.5, y - 0.5)
        pixels = heat_over(picture, block.cam, maximum)
        images.append(_image(pixels, x=x + GAP / 2, y=y - GAP / 2, sizex=1 - GAP, sizey=1 - GAP))
        name = f"<b>{block.label}</b>" if block.label == selected else block.label
        annotations.append(_text(name, x=x + GAP / 2, y=y, yanchor="bottom", xshift=-2, yshift=-4))
    middle_x, middle_y = centres[selected]
    side = 0.5 - GAP / 2
    frame = {"color": of_network(residual), "width": 4}
    figure.add_shape(type="rect", x0=middle_x - side, x1=middle_x + side, y0=middle_y - side, y1=middle_y + side, line=frame)
    figure.add_scatter(
        x=[centre[0] for centre in centres.values()],
        y=[centre[1] for centre in centres.values()],
        customdata=list(centres),
        mode="markers",
        marker={"size": 50, "opacity": 0, "symbol": "square"},
        unselected={"marker": {"opacity": 0}},
        selected={"marker": {"opacity": 0}},
        text=[
            f"{b.label}: {' x '.join(map(str, b.output_shape))}<br>Grad-CAM at most {b.cam.max():.3g}" for b in inspection.blocks
        ],
        hovertemplate="%{text}<extra></extra>",
        showlegend=False,
    )
    rows = len(stages)
    figure.update_xaxes(range=[0, columns], visible=False, fixedrange=True, constrain="domain")
    figure.update_yaxes(
        range=[-KEY - rows * (1 + LABEL), 0],
        visible=False,
        fixedrange=True,
        scaleanchor="x",
        constrain="domain",
        constraintoward="top",
    )
    figure.update_layout(
        images=images, annotations=annotations,
        margin={"l": 0, "r": 0, "t": 0, "b": 0}, hovermode="closest", hoverdistance=80, dragmode=False, clickmode="event+select",
    )  # fmt: skip
    return figure


def _image(pixels: Pixels, **place: object) -> dict[str, object]:
    return {"source": data_uri(pixels), "xref": "x", "yref": "y", "sizing": "stretch", "layer": "below", **place}


def _text(text: str, **place: object) -> dict[str, object]:
    return {"text": text, "showarrow": False, "xanchor": "left", "font": {"size": 12}, **place}


def _key(maximum: float, scale: Scale) -> tuple[list[dict[str, object]], list[dict[str, object]]]:
    """The line above the cells that explains the colours, as images and annotations."""
    brightest = {
        "block": "most in this block of both networks",
        "all": f"most in all blocks: {maximum:.2g}",
        "own": "most in this block",
    }
    gradient = np.array([unlabel_rgb(colour) for colour in heat_colours()], dtype=np.uint8)[None].repeat(8, axis=0)
    middle = -KEY / 2
    images = [_image(gradient, x=0.75, y=middle, yanchor="middle", sizex=1.2, sizey=0.1)]
    return images, [_text("none", x=0, y=middle, xshift=-2), _text(brightest[scale], x=2, y=middle)]
