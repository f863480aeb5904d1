"""What does one block do to the photograph?"""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from dashboard.figures.colours import AMOUNT
from dashboard.figures.overlay import Pixels, grey_uri, heat_uri, over_each_other, strength
from resnet_core.inspection.records import BlockRecord

MAPS_SHAPE = 1.85  # width over height
LEFT, RIGHT = [0, 0.48], [0.52, 1]  # of the width, for one map each


def block_maps(block: BlockRecord, picture: Pixels, cam_maximum: float, activation_maximum: float) -> go.Figure:
    """Left: Grad-CAM over the photograph. Right: the mean of the output over its channels, one square a value, from 0.

    It takes the size of its place, best of the shape MAPS_SHAPE.
    """
    height, width = block.activation.shape
    pictures = grey_uri(picture.tobytes(), len(picture), 320), heat_uri(strength(block.cam, cam_maximum, side=160))
    photograph = go.Scatter(x=[0.5], y=[0.5], mode="markers", marker={"opacity": 0}, hoverinfo="skip", showlegend=False)
    activation = go.Heatmap(
        z=block.activation,
        zmin=0,
        zmax=activation_maximum or 1,
        colorscale=AMOUNT,
        colorbar={"thickness": 12, "len": 0.9, "tickfont": {"size": 12}, "nticks": 5},
        hovertemplate="row %{y}, column %{x}: %{z:.3g}<extra></extra>",
        xaxis="x2",
        yaxis="y2",
    )
    axis = {"visible": False, "fixedrange": True, "constrain": "domain"}
    heading = {"xref": "paper", "yref": "paper", "y": 1, "yanchor": "bottom", "showarrow": False, "font": {"size": 12}}
    middles = [(left + right) / 2 for left, right in (LEFT, RIGHT)]
    return go.Figure(
        [photograph, activation],
        {
            "images": over_each_other(*pictures, x=0, y=1, width=1, height=1),
            "xaxis": {"range": [0, 1], "domain": LEFT, **axis},
            "yaxis": {"range": [0, 1], "scaleanchor": "x", "constraintoward": "top", **axis},
            "xaxis2": {"range": [-0.5, width - 0.5], "domain": RIGHT, "anchor": "y2", **axis},
            "yaxis2": {"range": [height - 0.5, -0.5], "scaleanchor": "x2", "anchor": "x2", "constraintoward": "top", **axis},
            "annotations": [
                {"text": text, "x": x, **heading} for text, x in zip(("Grad-CAM", "mean activation"), middles, strict=True)
            ],
            "margin": {"l": 0, "r": 0, "t": 28, "b": 0},
            "dragmode": False,
        },
    )


def map_table(block: BlockRecord) -> pd.DataFrame:
    """The two maps of a block, a row a position."""
    height, width = block.cam.shape
    rows, columns = np.indices((height, width)).reshape(2, -1)
    return pd.DataFrame(
        {"row": rows, "column": columns, "grad_cam": block.cam.ravel(), "mean_activation": block.activation.ravel()}
    )


def block_table(blocks: dict[str, BlockRecord]) -> pd.DataFrame:
    """The numbers of one block, a column a network, as text; a dash where a plain network has no such thing."""

    def number(value: float | None) -> str:
        return "–" if value is None else f"{value:.4g}"

    columns = {}
    for name, block in blocks.items():
        columns[name] = {
            "output (channels, height, width)": " × ".join(map(str, block.output_shape)),
            "gradient norm ‖∂y/∂x‖": number(block.gradient_norm),
            "mean of the output": number(block.mean),
            "sd of the output": number(block.std),
            "zeros in the output": f"{100 * block.zero_fraction:.1f} %",
            "sd of F(x), before addition and ReLU": number(block.response_std),
            "‖x‖, the block's input": number(block.input_norm),
            "‖F(x)‖": number(block.residual_norm),
            "‖shortcut(x)‖": number(block.shortcut_norm),
            "‖F(x)‖ / ‖x‖": number(block.residual_ratio),
        }
    return pd.DataFrame(columns)
