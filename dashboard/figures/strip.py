"""Where does each block look? All blocks of a network, stage by stage."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go

from dashboard.figures.colours import of_network
from dashboard.figures.overlay import Pixels, data_uri, heat_over
from resnet_core.inspection.records import Inspection

GAP = 0.06  # between cells, in cells
LABEL = 0.24  # room for a cell's name above it, in cells
HEIGHT = 470  # pixels


def block_strip(inspection: Inspection, picture: Pixels, maxima: Sequence[float], selected: str, residual: bool) -> go.Figure:
    """Grad-CAM of every block over the photograph: a row a stage, from conv2_x at the top, blocks from left to right.

    maxima: the value drawn brightest in each block (`cam_maxima`). selected: the label of the framed block. Every cell has one
    invisible point with the block's label as its customdata, so that a click says which block was meant.
    """
    stages = list(dict.fromkeys(block.stage for block in inspection.blocks))
    columns = max(block.index for block in inspection.blocks)
    figure = go.Figure()
    centres: dict[str, tuple[float, float]] = {}
    for block, maximum in zip(inspection.blocks, maxima, strict=True):
        x, y = block.index - 1, -stages.index(block.stage) * (1 + LABEL) - LABEL  # left and top edge
        centres[block.label] = (x + 0.5, y - 0.5)
        figure.add_layout_image(
            source=data_uri(heat_over(picture, block.cam, maximum)),
            xref="x", yref="y", x=x + GAP / 2, y=y - GAP / 2, sizex=1 - GAP, sizey=1 - GAP, sizing="stretch", layer="below",
        )  # fmt: skip
        chosen = block.label == selected
        figure.add_annotation(
            x=x + GAP / 2, y=y, text=f"<b>{block.label}</b>" if chosen else block.label, showarrow=False,
            xanchor="left", yanchor="bottom", xshift=-2, yshift=-4, font_size=12,
        )  # fmt: skip
    x, y = centres[selected]
    side = 0.5 - GAP / 2
    frame = {"color": of_network(residual), "width": 4}
    figure.add_shape(type="rect", x0=x - side, x1=x + side, y0=y - side, y1=y + side, line=frame)
    figure.add_scatter(
        x=[centre[0] for centre in centres.values()],
        y=[centre[1] for centre in centres.values()],
        customdata=list(centres),
        mode="markers",
        marker={"size": 50, "opacity": 0, "symbol": "square"},
        unselected={"marker": {"opacity": 0}},
        selected={"marker": {"opacity": 0}},
        text=[f"{b.label}: {' x '.join(map(str, b.output_shape))}<br>Grad-CAM at most {b.cam.max():.3g}" for b in inspection.blocks],
        hovertemplate="%{text}<extra></extra>",
        showlegend=False,
    )
    rows = len(stages)
    figure.update_xaxes(range=[0, columns], visible=False, fixedrange=True, constrain="domain")
    figure.update_yaxes(
        range=[-rows * (1 + LABEL), 0], visible=False, fixedrange=True, scaleanchor="x", constrain="domain", constraintoward="top"
    )
    figure.update_layout(
        height=HEIGHT, margin={"l": 0, "r": 0, "t": 0, "b": 0}, hovermode="closest", hoverdistance=80, dragmode=False, clickmode="event+select"
    )
    return figure
