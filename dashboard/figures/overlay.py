"""How does a Grad-CAM look over its photograph? Numbers in, pictures out, to be laid over each other in the browser."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from functools import cache, lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from plotly.colors import hex_to_rgb, sample_colorscale, unlabel_rgb

from dashboard.figures.colours import HEAT, PLAIN, RESIDUAL
from resnet_core.inspection.records import Inspection

Pixels = NDArray[np.uint8]
COVER = int(255 * 0.85)  # alpha of the strongest evidence over a photograph
Scale = Literal["block", "all", "own"]
SCALES: dict[Scale, str] = {
    "block": "in each block, both networks on one scale",
    "all": "all blocks of both networks on one scale",
    "own": "every map on its own scale",
}


@cache
def _heat_table() -> Pixels:
    """(256, 4) RGBA, from no evidence to most; evidence covers the photograph with the square root of its strength.

    Without the scale's darkest fifth, which over a dark photograph would look like no evidence.
    """
    colours = sample_colorscale(HEAT, np.linspace(0.2, 1, 256).tolist())
    cover = COVER * np.sqrt(np.linspace(0, 1, 256))
    return np.column_stack([[unlabel_rgb(colour) for colour in colours], cover]).astype(np.uint8)


def cam_maxima(inspections: Sequence[Inspection], scale: Scale) -> list[list[float]]:
    """For each inspection and block, the Grad-CAM value that is drawn brightest.

    "block": the largest in the block of that name over all inspections that have it; "all": over all blocks and inspections;
    "own": of each map.
    """
    own = [{block.label: float(block.cam.max()) for block in inspection.blocks} for inspection in inspections]
    if scale == "all":
        most = max(value for each in own for value in each.values())
        return [[most] * len(each) for each in own]
    if scale == "block":
        return [[max(other.get(label, 0.0) for other in own) for label in each] for each in own]
    return [list(each.values()) for each in own]


def sheet(cells: Mapping[tuple[int, int], Pixels], above: float, gap: float) -> Pixels:
    """Square pictures (S, S) by (row, column) in one, on zeros; `gap` between them and `above` each row, in cells."""
    side = next(iter(cells.values())).shape[0]
    rows, columns = (1 + max(numbers) for numbers in zip(*cells, strict=True))
    pitch, head, edge = (round(side * length / (1 - gap)) for length in (1, above, gap / 2))
    pixels = np.zeros((rows * (pitch + head), columns * pitch), np.uint8)
    for (row, column), cell in cells.items():
        top, left = row * (pitch + head) + head + edge, column * pitch + edge
        pixels[top : top + side, left : left + side] = cell
    return pixels


def grey_photograph(picture: Pixels, side: int) -> Pixels:
    """(S, S, 3) -> (side, side), darkened, for a heat to lie on; no pixel is 0, which in a sheet says that there is none."""
    grey = Image.fromarray(picture).convert("L").resize((side, side), Image.Resampling.LANCZOS)
    return (1 + np.asarray(grey) * 0.75).astype(np.uint8)


def strength(cam: NDArray[np.float32], maximum: float, side: int) -> Pixels:
    """A Grad-CAM as (side, side) numbers from 0, no evidence, to 255, `maximum`; all 0 where that is 0."""
    if maximum <= 0:
        return np.zeros((side, side), np.uint8)
    enlarged = Image.fromarray(cam.astype(np.float32)).resize((side, side), Image.Resampling.BILINEAR)
    return (np.clip(np.asarray(enlarged) / maximum, 0, 1) * 255).astype(np.uint8)


def photograph_uri(grey: Pixels) -> str:
    """As a WebP in a URL, a tenth of a PNG's size for a photograph; black is nothing, and lets the page through."""
    alpha = Image.fromarray(np.where(grey == 0, 0, 255).astype(np.uint8))
    return _uri(Image.merge("LA", (Image.fromarray(grey), alpha)).convert("RGBA"), "webp", quality=80, method=0)


@cache
def _difference_table() -> Pixels:
    """(256, 4) RGBA: PLAIN at 1, through nothing at 128, to RESIDUAL at 255; 0 is nothing too."""
    share = (np.arange(256) - 128) / 127
    colours = np.where(share[:, None] < 0, hex_to_rgb(PLAIN), hex_to_rgb(RESIDUAL))
    cover = 255 * 0.9 * np.sqrt(np.abs(share).clip(0, 1))
    cover[0] = 0
    return np.column_stack([colours, cover]).astype(np.uint8)


def difference_uri(numbers: Pixels) -> str:
    """Return a transparent picture of differences: from 1 (more in plain) through 128 (equal) to 255 (more in residual)."""
    return indexed_uri(numbers, _difference_table())


@lru_cache(maxsize=64)  # the same for every class, block and method
def grey_uri(picture: bytes, side: int, shown: int) -> str:
    """The bytes of a photograph (side, side, 3) as `grey_photograph` of `shown` pixels, in a URL."""
    return photograph_uri(grey_photograph(np.frombuffer(picture, np.uint8).reshape(side, side, 3), shown))


def picture_uri(picture: Pixels, side: int = 64) -> str:
    """A small picture (S, S, 3), every pixel a square, as a PNG in a URL."""
    return _uri(Image.fromarray(picture).resize((side, side), Image.Resampling.NEAREST), "png", compress_level=6)


def thumbnail_uri(picture: Pixels) -> str:
    """A photograph (S, S, 3) as a JPEG in a URL."""
    return _uri(Image.fromarray(picture), "jpeg", quality=80)


def heat_uri(strengths: Pixels) -> str:
    """Strengths from 0 to 255 as a picture to lie over a photograph: the more evidence, the warmer and the less transparent."""
    return indexed_uri(strengths, _heat_table())


def heat_key_uri() -> str:
    """All colours of `heat_uri` from left to right, as a key to them."""
    opaque = _heat_table().copy()
    opaque[:, 3] = 255
    return indexed_uri(np.arange(256, dtype=np.uint8)[None].repeat(8, axis=0), opaque)


def indexed_uri(numbers: Pixels, table: Pixels, compress_level: int = 1) -> str:
    """(H, W) numbers of colours in (256, 4) RGBA, one byte a pixel, as a PNG in a URL."""
    image = Image.fromarray(numbers)
    image.putpalette(table[:, :3].tobytes())
    return _uri(image, "png", compress_level=compress_level, transparency=table[:, 3].tobytes())


def png_uri(picture: Pixels) -> str:
    """A picture (S, S, 4) as it is, as a PNG in a URL."""
    return _uri(Image.fromarray(picture), "png", compress_level=1)


def over_each_other(*sources: str, x: float, y: float, width: float, height: float) -> list[dict[str, object]]:
    """The pictures as Plotly's layout images in one place, first one lowest; (x, y) is the left and upper corner."""
    place = {"xref": "x", "yref": "y", "x": x, "y": y, "sizey": height, "sizing": "stretch", "layer": "below"}
    # Plotly tells images apart by place and size alone, and draws one of those that have both in common
    return [{"source": source, "sizex": width * (1 + 1e-6 * i), **place} for i, source in enumerate(sources)]


def _uri(image: Image.Image, kind: str, **options: int | bytes) -> str:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return f"data:image/{kind};base64,{base64.b64encode(buffer.getvalue()).decode()}"
