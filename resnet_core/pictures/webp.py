"""How is a WebP file read? By Pillow, after two corrections of its container."""

from __future__ import annotations

import struct
from io import BytesIO

from PIL import Image
from PIL.WebPImagePlugin import WebPImageFile

from resnet_core.pictures.colour import by_profile
from resnet_core.pictures.encoded import Encoded

_PROFILE, _ALPHA, _ANIMATION = 0x20, 0x10, 0x02  # flags of the extended header


def open_webp(data: bytes) -> Encoded:
    """Read everything but the pixels. An orientation in its EXIF is ignored, as Chromium does."""
    file = bytearray(data)
    struct.pack_into("<I", file, 4, min(int.from_bytes(data[4:8], "little"), len(data) - 8))
    flags = file[20] if file[12:16] == b"VP8X" and len(file) > 20 else 0
    if flags & _ANIMATION:
        file[20] |= _ALPHA  # what the first frame leaves free is transparent
    image = WebPImageFile(BytesIO(bytes(file)))
    profile = image.info.get("icc_profile") if flags & _PROFILE and not flags & _ANIMATION else None
    to_srgb = by_profile(profile, image.mode) if profile else None

    def load(_longest: int | None) -> Image.Image:
        image.load()
        return image

    return Encoded(image.size, load, to_srgb=to_srgb, unused_profile=bool(profile) and to_srgb is None)
