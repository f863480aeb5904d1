"""How do figures say the same thing the same way? Axes, headings, and the words for networks and for what is measured."""

from __future__ import annotations

from typing import Any

from dashboard.figures.colours import NEUTRAL

AXIS = {"fixedrange": True, "tickfont": {"size": 13}}
TICKS = {"ticks": "outside", "ticklen": 8, "tickcolor": "rgba(0,0,0,0)"}  # room between the numbers of the two axes
BELOW = {"orientation": "h", "x": 0, "y": -0.25, "yanchor": "top", "font": {"size": 13}}  # a legend
QUANTITIES = {  # of a block
    "gradient_norm": "gradient norm ‖∂L/∂y‖ of the block's outputs",
    "response_sd": "sd of F(x), after batch norm, before addition and ReLU",
    "weight_norm": "norm of the block's convolutions",
    "output_rms": "root mean square of the block's outputs",
}


def heading(text: str) -> dict[str, Any]:
    """A figure's title: small, grey, in the upper left corner."""
    place = {"x": 0, "xref": "paper", "y": 1, "yref": "container", "yanchor": "top", "pad": {"t": 8}}
    return {"text": text, "font": {"size": 14, "color": NEUTRAL}, **place}


def titled(text: str) -> dict[str, Any]:
    """An axis' title."""
    return {"text": text, "font": {"size": 14}}


def network_name(layers: int, residual: bool) -> str:
    """As the paper writes it: ResNet-20, plain-20."""
    return f"{'ResNet' if residual else 'plain'}-{layers}"
