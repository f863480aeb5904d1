"""How does a Grad-CAM look over its photograph? Numbers in, pixels out."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from functools import cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from plotly.colors import sample_colorscale, unlabel_rgb

from dashboard.figures.colours import HEAT
from resnet_core.inspection.records import Inspection

Pixels = NDArray[np.uint8]
Scale = Literal["block", "all", "own"]
SCALES: dict[Scale, str] = {
    "block": "in each block, both networks on one scale",
    "all": "all blocks of both networks on one scale",
    "own": "every map on its own scale",
}


@cache
def heat_colours() -> tuple[str, ...]:
    """256 colours from no evidence to most, without the scale's darkest fifth: over a dark photograph it would look like none."""
    return tuple(sample_colorscale(HEAT, np.linspace(0.2, 1, 256).tolist()))


@cache
def _heat_table() -> NDArray[np.float32]:
    return np.array([unlabel_rgb(colour) for colour in heat_colours()], dtype=np.float32)


def cam_maxima(inspections: Sequence[Inspection], scale: Scale) -> list[list[float]]:
    """For each inspection and block, the Grad-CAM value that is drawn brightest.

    "block": the largest in that block over all inspections; "all": over all blocks and inspections; "own": of each map.
    """
    own = np.array([[float(block.cam.max()) for block in inspection.blocks] for inspection in inspections])
    shared = {"block": own.max(axis=0, keepdims=True), "all": own.max(), "own": own}[scale]
    return np.broadcast_to(shared, own.shape).tolist()


def heat_over(picture: Pixels, cam: NDArray[np.float32], maximum: float) -> Pixels:
    """The photograph (S, S, 3), greyed, under its Grad-CAM; the stronger the evidence, the more of the heat colour covers it.

    `maximum` is drawn brightest; with 0 there is no evidence, and only the grey photograph is left.
    """
    side = picture.shape[0]
    enlarged = Image.fromarray(cam.astype(np.float32)).resize((side, side), Image.Resampling.BILINEAR)
    strength = np.clip(np.asarray(enlarged) / maximum, 0, 1) if maximum > 0 else np.zeros((side, side), np.float32)
    grey = picture.mean(axis=2, keepdims=True, dtype=np.float32) * 0.75
    heat = _heat_table()[(strength * 255).astype(np.uint8)]
    cover = 0.85 * np.sqrt(strength)[:, :, None]
    return (grey * (1 - cover) + heat * cover).astype(np.uint8)


def data_uri(pixels: Pixels, quality: int = 88) -> str:
    """The picture as a JPEG inside a URL: a tenth of a PNG's size for a photograph."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=quality)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()
