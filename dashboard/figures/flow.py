"""How do a quantity's values run through the blocks of both networks?"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import plotly.graph_objects as go

from dashboard.figures.colours import NEUTRAL, of_network
from dashboard.figures.style import ABOVE, AXIS, heading, log_axis
from resnet_core.inspection.records import BlockRecord, Inspection


def gradient_flow(inspections: Mapping[str, Inspection], selected: str) -> go.Figure:
    """How strongly each block's output moves the target's logit.

    y: gradient norm ‖∂y_t/∂x‖₂ of one (C, H, W) output x, log scale, no unit. x: block in forward order. One line a network; a
    zero is a gap, not a point.
    """
    return _by_block(inspections, selected, lambda block: block.gradient_norm, "gradient norm ‖∂y/∂x‖")


def responses(inspections: Mapping[str, Inspection], selected: str) -> go.Figure:
    """How large each block's response is, as in Figure 7 of the paper.

    y: standard deviation of F(x) over one (C, H, W) output, after batch norm, before addition and ReLU, log scale, no unit.
    """
    return _by_block(inspections, selected, lambda block: block.response_std, "sd of F(x)")


def _by_block(
    inspections: Mapping[str, Inspection], selected: str, quantity: Callable[[BlockRecord], float], title: str
) -> go.Figure:
    lines = []
    for name, inspection in inspections.items():
        blocks = inspection.blocks
        residual = blocks[0].residual_norm is not None
        lines.append(
            go.Scatter(
                x=[[block.stage for block in blocks], [str(block.index) for block in blocks]],
                y=[quantity(block) or None for block in blocks],
                name=name,
                mode="lines+markers",
                line={"color": of_network(residual), "width": 3, "dash": "solid" if residual else "dot"},
                marker={"size": 9, "symbol": "circle" if residual else "diamond"},
                text=[block.label for block in blocks],
                hovertemplate="%{text}: %{y:.3g}<extra>" + name + "</extra>",
                connectgaps=False,
            )
        )
    labels = [block.label for block in next(iter(inspections.values())).blocks]
    place = labels.index(selected)
    marker = {"type": "line", "x0": place, "x1": place, "y0": 0, "y1": 1, "yref": "y domain"}
    return go.Figure(
        lines,
        {
            "height": 320,
            "margin": {"l": 0, "r": 8, "t": 52, "b": 52},
            "title": heading(title),
            "shapes": [{"line": {"color": NEUTRAL, "width": 1, "dash": "dash"}, **marker}],
            "xaxis": {"showgrid": False, "dividercolor": NEUTRAL, **AXIS},
            "yaxis": log_axis(value for line in lines for value in line.y if value),
            "legend": ABOVE,
            "hovermode": "x unified",
        },
    )
