"""What do the readers of all formats hand over? A picture that is opened and not yet decoded, and what its file says of it."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image

from resnet_core.pictures.colour import ToSRGB

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


_FROM_16_BITS = np.rint(np.arange(65536) / 257).astype(np.uint8)


class UnreadableKindError(Exception):
    """The file is whole, of a kind within its format that cannot be read; the text names the kind ("12 bits a colour")."""


@dataclass(frozen=True)
class Encoded:
    """A picture in its file.

    Attributes:
        size: width and height in pixels, before it is turned.
        load: decodes the pixels; a JPEG may come reduced, but larger than the given number of pixels on its long side.
        orientation: as EXIF counts them; 1 is upright.
        to_srgb: converts the colours; None where they are sRGB.
        unused_profile: the file has a colour profile that cannot be used.
        scans: how often a decoder goes over the pixels.
    """

    size: tuple[int, int]
    load: Callable[[int | None], Image.Image]
    orientation: int = 1
    to_srgb: ToSRGB | None = None
    unused_profile: bool = False
    scans: int = 1

    def upright(self, image: Image.Image) -> Image.Image:
        return image.transpose(_TURNS[self.orientation]) if self.orientation in _TURNS else image


def orientation(exif: bytes) -> int:
    """Return the orientation in an EXIF block (a TIFF header and its first directory), 1 if it has none or is broken."""
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(exif[:4])
    if order is None:
        return 1
    try:
        (start,) = struct.unpack_from(f"{order}I", exif, 4)
        (count,) = struct.unpack_from(f"{order}H", exif, start)
        for i in range(count):
            tag, kind, number, value = struct.unpack_from(f"{order}HHIH", exif, start + 2 + 12 * i)
            if (tag, kind, number) == (0x0112, 3, 1):
                return value if 1 <= value <= 8 else 1
    except struct.error:
        pass
    return 1


def eight_bits(image: Image.Image) -> Image.Image:
    """Scale a grey image of 16 bits to 8; Pillow's own conversion clips at 255."""
    return Image.fromarray(_FROM_16_BITS[np.clip(np.asarray(image), 0, 65535)])
