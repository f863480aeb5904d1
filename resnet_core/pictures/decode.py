"""What RGB picture is in these untrusted bytes?"""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from threading import BoundedSemaphore, Lock

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from resnet_core.errors import InputError
from resnet_core.pictures.bmp import open_bmp
from resnet_core.pictures.colour import by_profile
from resnet_core.pictures.encoded import Encoded, UnreadableKindError, eight_bits, orientation
from resnet_core.pictures.gif import open_gif
from resnet_core.pictures.jpeg import open_jpeg
from resnet_core.pictures.other_kinds import other_kind
from resnet_core.pictures.png import open_png
from resnet_core.pictures.webp import open_webp

Picture = NDArray[np.uint8]  # (H, W, 3), sRGB

FORMATS = "JPEG, PNG, WebP, BMP or GIF"
MAX_MEGABYTES = 20
MAX_MEGAPIXELS = 50
MIN_SIDE = 8  # pixels
MAX_ASPECT = 20  # long side / short side
MAX_JPEG_SCANS = 100  # an encoder writes about 10; 75 crafted bytes add one that goes over all pixels
MAX_SCANNED_MEGAPIXELS = 1000  # megapixels times scans: a second, or less

# By the first bytes, instead of `Image.open`: that one checks sizes against a global setting, and cannot tell a broken picture
# from another kind of file.
_READERS: tuple[tuple[re.Pattern[bytes], str, Callable[[bytes], Encoded]], ...] = (
    (re.compile(rb"\xff\xd8\xff"), "JPEG", open_jpeg),
    (re.compile(rb"\x89PNG\r\n\x1a\n"), "PNG", open_png),
    (re.compile(rb"RIFF.{4}WEBP", re.DOTALL), "WebP", open_webp),
    (re.compile(rb"BM"), "BMP", open_bmp),
    (re.compile(rb"GIF8[79]a"), "GIF", open_gif),
)
# How many pictures are decoded at once, which bounds the memory. A large one takes up to 0.9 GB and a second; small ones, as from
# a phone, do not wait for it.
SMALL_MEGAPIXELS, SMALL_SCANNED_MEGAPIXELS = 16, 200
_SMALL, _LARGE = BoundedSemaphore(2), BoundedSemaphore(1)


@dataclass(frozen=True)
class Decoded:
    """A decoded picture, and what its reader should know of its colours.

    Attributes:
        pixels: (H, W, 3) uint8, sRGB.
        note: one sentence where the colours are not converted; otherwise empty.
    """

    pixels: Picture
    note: str


def decode(data: bytes, longest: int = 1600) -> Picture:
    """Decode a stranger's JPEG, PNG, WebP, BMP or GIF file to the pixels that a browser shows.

    The picture is upright (EXIF), in sRGB (its colour profile is applied), its transparent parts lie on white, 16 bits are scaled
    to 8, and of an animation it is the first frame. It is reduced with antialiasing.

    Args:
        data: the file's bytes, whatever its name.
        longest: pixels that the long side has at most.

    Returns:
        (H, W, 3) uint8, sRGB.

    Raises:
        InputError: the bytes are no such picture, or above 20 MB (10⁶ bytes), 50 megapixels (known before decoding) or 20:1, or
            a side is below 8 pixels.
    """
    return decode_with_note(data, longest).pixels


def decode_with_note(data: bytes, longest: int = 1600) -> Decoded:
    """As `decode`, and say so where a colour profile could not be applied."""
    if not data:
        raise InputError("The file is empty; choose a picture.")
    if len(data) > MAX_MEGABYTES * 1e6:
        megabytes = math.ceil(len(data) / 1e5) / 10
        raise InputError(f"The file has {megabytes:.1f} MB, more than {MAX_MEGABYTES} MB; save the picture smaller.")

    def decode_in_turn(encoded: Encoded) -> Image.Image:
        _check_size(*encoded.size)
        with _SMALL if _is_small(encoded) else _LARGE:
            return _rgb(encoded, longest)

    image, encoded = _read(data, decode_in_turn)
    note = "Its colour profile cannot be applied; the colours are shown as sRGB." if encoded.unused_profile else ""
    return Decoded(np.array(image), note)


def read_image(data: bytes, longest: int | None = None) -> Image.Image:
    """Decode a picture of one's own, such as a training photograph, to the pixels of `decode`, without the bounds for strangers.

    Args:
        data: the bytes of a JPEG, PNG, WebP, BMP or GIF file of any size.
        longest: pixels that the long side has at most; None keeps the picture's own size.

    Returns:
        An RGB image of Pillow.

    Raises:
        InputError: the bytes are no such picture.
    """
    return _read(data, lambda encoded: _rgb(encoded, longest))[0]


def from_pillow(image: Image.Image, longest: int = 1600) -> Picture:
    """Return a Pillow image as `decode` would its file: upright, in sRGB, on white, reduced to `longest` pixels.

    Raises:
        InputError: Pillow cannot decode it, or it has no side or other numbers than 8 or 16 bits.
    """
    if image.mode in ("I", "F") or not all(image.size):
        raise InputError(f"A Pillow image of mode {image.mode} and size {image.size} has no colours to show; convert it to RGB.")
    exif = image.info.get("exif", b"")
    turn = orientation(exif.removeprefix(b"Exif\0\0")) if isinstance(exif, bytes) else 1
    profile = image.info.get("icc_profile")

    def load(_longest: int | None) -> Image.Image:
        return eight_bits(image) if image.mode.startswith("I") else image.copy()

    with _quiet:
        try:
            return np.array(_rgb(Encoded(image.size, load, turn, by_profile(profile, image.mode) if profile else None), longest))
        except OSError:
            raise InputError("The Pillow image cannot be decoded: its file is damaged or incomplete.") from None


def _read(data: bytes, decoded: Callable[[Encoded], Image.Image]) -> tuple[Image.Image, Encoded]:
    """The picture by `decoded`, with every error as a sentence."""
    kind, reader = next(((kind, reader) for start, kind, reader in _READERS if start.match(data)), ("", None))
    if reader is None:
        if other := other_kind(data):
            raise InputError(f"The file is {other}, which cannot be read here; convert it to {FORMATS}.")
        raise InputError(f"The file is not a {FORMATS} picture, whatever its name says; convert it to one of these.")
    with _quiet:
        try:
            encoded = reader(data)
            return decoded(encoded), encoded
        except (InputError, MemoryError):
            raise
        except UnreadableKindError as error:
            raise InputError(f"The file is {error}, which cannot be read here; save it as PNG, or as an ordinary JPEG.") from None
        except Image.DecompressionBombError:  # Pillow's own limit in a WebP or GIF frame, far above ours
            raise InputError(f"The picture has more than {MAX_MEGAPIXELS} megapixels; save it smaller.") from None
        except Exception:  # whatever Pillow meets in broken bytes: OSError, SyntaxError, ValueError, struct.error, IndexError, …
            raise InputError(f"The {kind} file is damaged or incomplete; download or save it again.") from None


class _Quiet:
    """No warnings while any thread is inside: `warnings.catch_warnings` alone is not safe with threads."""

    def __init__(self) -> None:
        self._lock, self._inside = Lock(), 0
        self._caught = warnings.catch_warnings(action="ignore")

    def __enter__(self) -> None:
        with self._lock:
            self._inside += 1
            if self._inside == 1:
                self._caught = warnings.catch_warnings(action="ignore")
                self._caught.__enter__()

    def __exit__(self, *_error: object) -> None:
        with self._lock:
            self._inside -= 1
            if not self._inside:
                self._caught.__exit__(None, None, None)


_quiet = _Quiet()


def _is_small(encoded: Encoded) -> bool:
    """Whether decoding takes little memory and time. Raises InputError where it takes too long."""
    megapixels, scans = encoded.size[0] * encoded.size[1] / 1e6, encoded.scans
    if scans > MAX_JPEG_SCANS or scans * megapixels > MAX_SCANNED_MEGAPIXELS:
        raise InputError(f"The JPEG file has {scans} scans of its pixels, which take too long; save it again.")
    return megapixels <= SMALL_MEGAPIXELS and scans * megapixels <= SMALL_SCANNED_MEGAPIXELS


def _check_size(width: int, height: int) -> None:
    size, megapixels = f"{width} by {height} pixels", width * height / 1e6
    if megapixels > MAX_MEGAPIXELS:
        raise InputError(f"The picture has {size}, more than {MAX_MEGAPIXELS} megapixels; save it smaller.")
    if min(width, height) < MIN_SIDE:
        raise InputError(f"The picture has only {size}; choose one with at least {MIN_SIDE} pixels on each side.")
    if max(width, height) > MAX_ASPECT * min(width, height):
        raise InputError(f"The picture has {size}, a strip longer than {MAX_ASPECT}:1; crop it first.")


def _rgb(encoded: Encoded, longest: int | None) -> Image.Image:
    image = encoded.upright(encoded.load(longest))
    if image.mode != "CMYK" or encoded.to_srgb is None:
        image = image.convert("RGBA" if image.has_transparency_data else "RGB")
    if longest:
        image.thumbnail((longest, longest), Image.Resampling.LANCZOS)
    if encoded.to_srgb:
        image = encoded.to_srgb(image)
    if image.mode == "RGBA":
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
    return image
