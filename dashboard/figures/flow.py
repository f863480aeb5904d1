"""How do a quantity's values run through the blocks of both networks?"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import plotly.graph_objects as go

from dashboard.figures.colours import NEUTRAL, of_depth
from dashboard.figures.style import ABOVE, AXIS, block_axis, heading, log_axis
from dashboard.plain import plotly_plain
from resnet_core.inspection.records import BlockRecord, Inspection

MOST_NUMBERED = 20  # blocks; of more, each stage's first is named


def gradient_flow(inspections: Mapping[str, Inspection], selected: str) -> go.Figure:
    """How sensitive the target's logit is to each block's output.

    y: gradient norm ‖∂y_t/∂x‖₂ of one (C, H, W) output x, log scale, no unit. x: block in forward order. One line a network, by
    its name; a zero is a gap, not a point. selected: a block that one of them has.
    """
    return _by_block(inspections, selected, lambda block: block.gradient_norm, "gradient norm ‖∂y/∂x‖")


def responses(inspections: Mapping[str, Inspection], selected: str) -> go.Figure:
    """How large each block's response is, as in Figure 7 of the paper.

    y: standard deviation of F(x) over one (C, H, W) output, after batch norm, before addition and ReLU, log scale, no unit.
    """
    return _by_block(inspections, selected, lambda block: block.response_std, "sd of F(x)")


def _by_block(
    inspections: Mapping[str, Inspection], selected: str, quantity: Callable[[BlockRecord], float | None], title: str
) -> go.Figure:
    kinds = [inspection.blocks[0].residual_norm is not None for inspection in inspections.values()]
    labels = {(block.stage, block.index): block.label for each in inspections.values() for block in each.blocks}
    order = [labels[place] for place in sorted(labels)]
    crowded = len(order) > MOST_NUMBERED
    lines = []
    for place, ((name, inspection), residual) in enumerate(zip(inspections.items(), kinds, strict=True)):
        blocks = inspection.blocks
        names = [block.label for block in blocks]
        ranks = [i for i, kind in enumerate(kinds) if kind == residual]
        first = len(ranks) > 1 and place == ranks[0]  # of two of one kind
        lines.append(
            go.Scatter(
                x=names if crowded else [[block.stage for block in blocks], [str(block.index) for block in blocks]],
                y=[quantity(block) or None for block in blocks],
                name=plotly_plain(name),
                mode="lines+markers",
                line={
                    "color": of_depth(residual, place, ranks),
                    "width": 3,
                    "dash": "dash" if first else "solid" if residual else "dot",
                },
                marker={"size": 6 if crowded else 9, "symbol": "square" if first else "circle" if residual else "diamond"},
                text=names,
                hovertemplate="%{text}: %{y:.3g}<extra>" + plotly_plain(name) + "</extra>",
                connectgaps=False,
            )
        )
    at = order.index(selected)
    marker = {"type": "line", "x0": at, "x1": at, "y0": 0, "y1": 1, "yref": "y domain"}
    numbered = {"showgrid": False, "dividercolor": NEUTRAL, **AXIS}
    named = {**block_axis(order), "categoryorder": "array", "categoryarray": order}
    return go.Figure(
        lines,
        {
            "height": 320,
            "margin": {"l": 0, "r": 8, "t": 52, "b": 52},
            "title": heading(title),
            "shapes": [{"line": {"color": NEUTRAL, "width": 1, "dash": "dash"}, **marker}],
            "xaxis": named if crowded else numbered,
            "yaxis": log_axis(value for line in lines for value in line.y if value),
            "legend": ABOVE,
            "hovermode": "x unified",
        },
    )
