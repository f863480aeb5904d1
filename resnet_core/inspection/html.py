"""How does a result look in a notebook? Small pictures inside HTML, without a library for figures."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable
from html import escape as text
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

__all__ = ["picture", "side_by_side", "text"]

SIDE = 96  # pixels of a drawn map
FOR, AGAINST = (197, 27, 125), (77, 146, 33)  # magenta above zero, green below, as the dashboard has it


def picture(values: NDArray[Any], caption: str) -> str:
    """Return an <figure> of a map (H, W): white at zero, full colour at the largest absolute value."""
    size = np.abs(values).astype(np.float64)
    largest = float(size.max(initial=0)) or 1.0
    strength = (size / largest)[..., None]
    colour = np.where(values[..., None] >= 0, FOR, AGAINST)
    pixels = np.round(255 - strength * (255 - colour)).astype(np.uint8)
    longest = max(values.shape)
    height, width = (max(1, round(SIDE * side / longest)) for side in values.shape)
    file = io.BytesIO()
    Image.fromarray(pixels).resize((width, height), Image.Resampling.NEAREST).save(file, "PNG")
    data = base64.b64encode(file.getvalue()).decode()
    return (
        f'<figure style="margin:2px;text-align:center"><img src="data:image/png;base64,{data}" alt="{text(caption)}"/>'
        f"<figcaption>{text(caption)}</figcaption></figure>"
    )


def side_by_side(pictures: Iterable[str]) -> str:
    """Return the pictures in rows that wrap."""
    return f'<div style="display:flex;flex-wrap:wrap">{"".join(pictures)}</div>'
