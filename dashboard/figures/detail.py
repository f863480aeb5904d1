"""What does one block do to the photograph?"""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from dashboard.figures.colours import AMOUNT
from dashboard.figures.overlay import Pixels, data_uri, heat_over
from resnet_core.inspection.records import BlockRecord

MAPS_SHAPE = 1.85  # width over height


def block_maps(block: BlockRecord, picture: Pixels, cam_maximum: float, activation_maximum: float) -> go.Figure:
    """Left: Grad-CAM over the photograph. Right: the mean of the output over its channels, one square a value, from 0.

    It takes the size of its place, best of the shape MAPS_SHAPE.
    """
    figure = make_subplots(cols=2, subplot_titles=("Grad-CAM", "mean activation"), horizontal_spacing=0.04)
    figure.add_trace(
        go.Image(source=data_uri(heat_over(picture, block.cam, cam_maximum), quality=92), hoverinfo="skip"), row=1, col=1
    )
    figure.add_heatmap(
        z=block.activation,
        zmin=0,
        zmax=activation_maximum or 1,
        colorscale=AMOUNT,
        colorbar={"thickness": 12, "len": 0.9, "tickfont_size": 12, "nticks": 5},
        hovertemplate="row %{y}, column %{x}: %{z:.3g}<extra></extra>",
        row=1,
        col=2,
    )
    height, width = block.activation.shape
    figure.update_xaxes(visible=False, fixedrange=True, constrain="domain")
    figure.update_yaxes(visible=False, fixedrange=True, constrain="domain")
    figure.update_xaxes(range=[-0.5, width - 0.5], row=1, col=2)
    figure.update_yaxes(range=[height - 0.5, -0.5], scaleanchor="x2", row=1, col=2)
    figure.update_annotations(font_size=14)
    figure.update_layout(margin={"l": 0, "r": 0, "t": 28, "b": 0}, dragmode=False)
    return figure


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
        ratio = None if block.residual_norm is None or not block.input_norm else block.residual_norm / block.input_norm
        columns[name] = {
            "output (channels, height, width)": " × ".join(map(str, block.output_shape)),
            "gradient norm ‖∂y/∂x‖": number(block.gradient_norm),
            "mean of the output": number(block.mean),
            "sd of the output": number(block.std),
            "zeros in the output": f"{block.zero_fraction:.1%}",
            "sd of F(x), before addition and ReLU": number(block.response_std),
            "‖x‖, the block's input": number(block.input_norm),
            "‖F(x)‖": number(block.residual_norm),
            "‖shortcut(x)‖": number(block.shortcut_norm),
            "‖F(x)‖ / ‖x‖": number(ratio),
        }
    return pd.DataFrame(columns)
