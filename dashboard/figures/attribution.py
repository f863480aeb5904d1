"""How does an attribution look over its photograph? What speaks for the class is magenta, what speaks against it green."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from numpy.typing import NDArray
from PIL import Image

from dashboard.figures.colours import AGAINST, FOR
from dashboard.figures.overlay import Pixels, grey_uri, over_each_other, png_uri

SIDE = 256  # pixels of the drawn picture
STRONGEST = 235  # alpha of the strongest evidence
METHODS = {  # name -> how a person calls it, what it asks, who had it first
    "grad-cam": ("Grad-CAM", "Where in the last block's maps is evidence?", "Selvaraju et al. 2017"),
    "guided-backprop": (
        "Guided backprop",
        "Which details, where each ReLU lets only what is positive back?",
        "Springenberg et al. 2015",
    ),
    "guided-grad-cam": ("Guided Grad-CAM", "Which details in that place?", "Selvaraju et al. 2017"),
    "gradient-x-input": (
        "Gradient × input",
        "What would greying each pixel take away, to first order?",
        "Shrikumar et al. 2016",
    ),
    "smoothgrad": ("SmoothGrad", "What is the gradient, averaged over noisy copies?", "Smilkov et al. 2017"),
    "integrated-gradients": (
        "Integrated gradients",
        "What does each pixel add, on the way from grey?",
        "Sundararajan et al. 2017",
    ),
    "occlusion": ("Occlusion", "What is lost where a square is covered?", "Zeiler and Fergus 2014"),
}


def _colour(name: str) -> tuple[int, int, int]:
    return int(name[1:3], 16), int(name[3:5], 16), int(name[5:7], 16)


def signed_heat(values: NDArray[np.float32], limit: float, side: int = SIDE) -> Pixels:
    """(H, W) -> (side, side, 4) RGBA: FOR above zero, AGAINST below, transparent at zero, opaque at `limit` and beyond."""
    enlarged = np.asarray(Image.fromarray(values.astype(np.float32)).resize((side, side), Image.Resampling.BILINEAR))
    share = np.clip(enlarged / limit, -1, 1) if limit > 0 else np.zeros_like(enlarged)
    colours = np.where(share[..., None] >= 0, _colour(FOR), _colour(AGAINST))
    # with the square root, what is a quarter as strong still covers half
    return np.dstack([colours, STRONGEST * np.sqrt(np.abs(share))]).astype(np.uint8)


def limit_of(values: NDArray[np.float32]) -> float:
    """What is drawn strongest: the 99.5th percentile of the sizes, as a few pixels would leave the others pale."""
    return float(np.quantile(np.abs(values), 0.995))


def attribution_map(values: NDArray[np.float32], picture: Pixels) -> go.Figure:
    """The photograph (S, S, 3) in grey, and over it the attribution (H, W) on its own scale."""
    heat = png_uri(signed_heat(values, limit_of(values)))
    images = over_each_other(grey_uri(picture.tobytes(), len(picture), SIDE), heat, x=0, y=0, width=1, height=1)
    axis: dict[str, Any] = {"visible": False, "fixedrange": True}
    layout = {
        "images": images,
        "margin": {"l": 0, "r": 0, "t": 0, "b": 0},
        "xaxis": {"range": [0, 1], **axis},
        "yaxis": {"range": [-1, 0], **axis},
    }
    return go.Figure([go.Scatter(x=[0], y=[-1], mode="markers", marker={"opacity": 0}, hoverinfo="skip")], layout)


def attribution_numbers(values: NDArray[np.float32]) -> pd.DataFrame:
    """The values pixel by pixel, to a thousandth of the largest: as large as the picture, no larger than it must be to send."""
    largest = float(np.abs(values).max()) or 1.0
    return pd.DataFrame(np.round(values.astype(float), max(0, 3 - int(np.floor(np.log10(largest))))))
