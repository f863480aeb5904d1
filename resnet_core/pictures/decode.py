"""What RGB picture is in these untrusted bytes?"""

from __future__ import annotations

import math
import re
import warnings
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from io import BytesIO
from threading import BoundedSemaphore, Lock

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps
from PIL.BmpImagePlugin import BmpImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.WebPImagePlugin import WebPImageFile

from resnet_core.errors import InputError

Picture = NDArray[np.uint8]  # (H, W, 3), sRGB

FORMATS = "JPEG, PNG, WebP, BMP or GIF"
MAX_MEGABYTES = 20
MAX_MEGAPIXELS = 50
MIN_SIDE = 8  # pixels
MAX_ASPECT = 20  # long side / short side
MAX_JPEG_SCANS = 100  # an encoder writes about 10; 75 crafted bytes add one that goes over all pixels
MAX_SCANNED_MEGAPIXELS = 1000  # megapixels times scans: a second, or less

# The class of the first bytes, instead of `Image.open`: that one checks sizes against a global setting, and cannot tell a broken
# picture from another kind of file.
_READERS: tuple[tuple[re.Pattern[bytes], str, type[ImageFile]], ...] = (
    (re.compile(rb"\xff\xd8\xff"), "JPEG", JpegImageFile),
    (re.compile(rb"\x89PNG\r\n\x1a\n"), "PNG", PngImageFile),
    (re.compile(rb"RIFF.{4}WEBP", re.DOTALL), "WebP", WebPImageFile),
    (re.compile(rb"BM"), "BMP", BmpImageFile),
    (re.compile(rb"GIF8[79]a"), "GIF", GifImageFile),
)
_JPEG_SCAN = re.compile(rb"\xff\xda\x00(?:\x08\x01|\x0a\x02|\x0c\x03|\x0e\x04)")
_FROM_16_BITS = np.rint(np.arange(65536) / 257).astype(np.uint8)
# How many pictures are decoded at once, which bounds the memory. A large one takes up to 0.9 GB and a second; small ones, as from
# a phone, do not wait for it.
SMALL_MEGAPIXELS, SMALL_SCANNED_MEGAPIXELS = 16, 200
_SMALL, _LARGE = BoundedSemaphore(2), BoundedSemaphore(1)


def decode(data: bytes, longest: int = 1600) -> Picture:
    """The picture in a JPEG, PNG, WebP, BMP or GIF file (its first frame), as a viewer shows it: (H, W, 3) uint8 RGB.

    It is upright (EXIF), its transparent parts lie on white, 16 bits are scaled to 8, and it is reduced (antialiased) to at most
    `longest` pixels on its long side. Colour profiles are not applied.

    Any other bytes raise InputError, as does a file above 20 MB (10⁶ bytes), 50 megapixels (known before decoding) or 20:1, or
    with a side below 8 pixels.
    """
    if not data:
        raise InputError("The file is empty; choose a picture.")
    if len(data) > MAX_MEGABYTES * 1e6:
        megabytes = math.ceil(len(data) / 1e5) / 10
        raise InputError(f"The file has {megabytes:.1f} MB, more than {MAX_MEGABYTES} MB; save the picture smaller.")
    kind, reader = next(((kind, reader) for start, kind, reader in _READERS if start.match(data)), ("", None))
    if reader is None:
        raise InputError(f"The file is not a {FORMATS} picture, whatever its name says; convert it to one of these.")

    with _quiet:
        try:
            image = reader(BytesIO(data))
            _check_size(*image.size)
            with _SMALL if _is_small(image, data) else _LARGE:
                return _rgb(image, longest)
        except InputError:
            raise
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


def _is_small(image: Image.Image, data: bytes) -> bool:
    """Whether decoding takes little memory and time. Raises InputError where it takes too long."""
    megapixels = image.width * image.height / 1e6
    scans = len(_JPEG_SCAN.findall(data)) if image.format == "JPEG" else 1
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


def _rgb(image: Image.Image, longest: int) -> Picture:
    if image.format == "JPEG":  # the gap lets 48 megapixels (4:3) be decoded at 1/2, still twice the 1600 pixels needed
        image.thumbnail((longest, longest), Image.Resampling.LANCZOS, reducing_gap=1.5)
    image.load()
    with suppress(Exception):  # a picture with broken EXIF is still a picture
        ImageOps.exif_transpose(image, in_place=True)
    if image.mode.startswith("I"):  # Pillow's own conversion clips at 255
        values, clear = np.clip(np.asarray(image), 0, 65535), image.info.get("transparency")
        grey = _FROM_16_BITS[values]
        image = Image.fromarray(np.where(values == clear, np.uint8(255), grey) if isinstance(clear, int) else grey)
    image = image.convert("RGBA" if image.has_transparency_data else "RGB")
    image.thumbnail((longest, longest), Image.Resampling.LANCZOS)
    if image.mode == "RGBA":
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
    return np.array(image)


def square(picture: Picture, side: int) -> Picture:
    """The centre square of a (H, W, 3) uint8 picture, resized with antialiasing (Lanczos): (side, side, 3) uint8."""
    return np.array(ImageOps.fit(Image.fromarray(picture), (side, side), Image.Resampling.LANCZOS))


@dataclass(frozen=True)
class Sample:
    """A photograph that scikit-image bundles; `source` and `licence` are its documentation's words."""

    name: str  # short, for a URL
    title: str
    file: str  # in skimage/data
    source: str
    licence: str
    classes: tuple[str, ...] = ()  # of ImageNet's, by torchvision's names: those that are right for it


_CC0 = "No copyright restrictions. CC0 by the photographer"
SAMPLES: dict[str, Sample] = {
    sample.name: sample
    for sample in (
        Sample(
            "coffee",
            "Coffee cup",
            "coffee.png",
            "courtesy of Pikolo Espresso Bar",
            f"{_CC0} (Rachel Michetti).",
            ("espresso", "cup", "coffee mug"),
        ),
        Sample(
            "cat",
            "Chelsea the cat",
            "chelsea.png",
            "Stefan van der Walt",
            f"{_CC0} (Stefan van der Walt).",
            ("tabby", "tiger cat", "Egyptian cat"),
        ),
        Sample(
            "rocket",
            "Launch photo of DSCOVR on Falcon 9",
            "rocket.jpg",
            "https://www.flickr.com/photos/spacexphotos/16511594820/in/photostream/",
            "The image was captured by SpaceX and released in the public domain.",
            ("missile", "projectile"),
        ),
        Sample(
            "astronaut",
            "The astronaut Eileen Collins",
            "astronaut.png",
            "https://flic.kr/p/r9qvLn",
            "No known copyright restrictions, released into the public domain.",
        ),
        Sample(
            "camera",
            "A man with a camera (grey)",
            "camera.png",
            "https://github.com/scikit-image/scikit-image/issues/3927",
            f"{_CC0} (Lav Varshney).",
        ),
        Sample(
            "galaxies",
            "Hubble eXtreme Deep Field",
            "hubble_deep_field.jpg",
            "http://hubblesite.org/newscenter/archive/releases/2012/37/image/a/",
            "The image was captured by NASA and may be freely used in the public domain.",
        ),
    )
}


@cache
def sample(name: str) -> Picture:
    """A sample photograph, (H, W, 3) uint8, read-only because it is shared; an unknown name raises InputError."""
    if name not in SAMPLES:
        raise InputError(f"There is no sample picture {name[:40]!r}; choose {', '.join(SAMPLES)}.")
    picture = decode((files("skimage") / "data" / SAMPLES[name].file).read_bytes())
    picture.setflags(write=False)
    return picture
