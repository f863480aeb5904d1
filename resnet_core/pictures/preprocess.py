"""How does what a person gives become one RGB picture, and its centre square?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps

from resnet_core.errors import InputError
from resnet_core.pictures.decode import Picture, decode, from_pillow

PictureSource = Any  # a path, the bytes of a file, a Pillow image or a uint8 array (H, W, 3)


def as_picture(source: PictureSource) -> Picture:
    """Return any picture as an RGB array.

    Args:
        source: the path of a picture file, its bytes, a Pillow image, or a uint8 array (H, W, 3), which is returned as it is.

    Returns:
        (H, W, 3) uint8, sRGB; a file or a Pillow image is reduced to at most 1600 pixels on its long side, as `decode` does.

    Raises:
        InputError: the source is of another type, or no picture.
    """
    if isinstance(source, str | Path):
        try:
            source = Path(source).read_bytes()
        except (OSError, ValueError) as error:  # no path can hold a zero byte
            reason = getattr(error, "strerror", None) or str(error)
            raise InputError(
                f"{str(source)[:200]!r} cannot be read as a picture: {reason}; give the path of a picture."
            ) from None
    if isinstance(source, bytes | bytearray | memoryview):
        return decode(bytes(source))
    if isinstance(source, Image.Image):
        return from_pillow(source)
    if isinstance(source, np.ndarray):
        if source.dtype == np.uint8 and source.ndim == 3 and source.shape[2] == 3 and source.size:
            return source
        raise InputError(f"A picture's array must be uint8 (height, width, 3), not {source.dtype} {source.shape}.")
    raise InputError(
        f"A picture must be a path, bytes, a Pillow image or a uint8 array (height, width, 3), not {type(source).__name__}."
    )


def square(picture: Picture, side: int) -> Picture:
    """Cut out the centre square of a picture and resize it with antialiasing (Lanczos).

    Args:
        picture: (H, W, 3) uint8.
        side: pixels of the result.

    Returns:
        (side, side, 3) uint8.
    """
    return np.array(ImageOps.fit(Image.fromarray(picture), (side, side), Image.Resampling.LANCZOS))
