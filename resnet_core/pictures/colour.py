"""How do the numbers in a file become sRGB? By its ICC profile, or by the colour space that a PNG names."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

ToSRGB = Callable[[Image.Image], Image.Image]  # RGB or RGBA of any colour space, or CMYK -> the same in sRGB
Curve = Callable[[NDArray[np.float64]], NDArray[np.float64]]  # stored values -> light, both 0 to 1
Chromaticity = tuple[float, float]  # x, y

D65: Chromaticity = (0.3127, 0.3290)
SRGB_PRIMARIES: tuple[Chromaticity, ...] = ((0.64, 0.33), (0.30, 0.60), (0.15, 0.06))
_BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
_D50 = np.array([0.9642, 1.0, 0.8249])


def by_profile(profile: bytes, mode: str) -> ToSRGB | None:
    """Return the conversion of a picture of this Pillow mode by an ICC profile.

    Returns None if the profile is broken or is one for another kind of picture, such as inks for an RGB picture.
    """
    if int.from_bytes(profile[:4], "big") > len(profile):
        return None
    inks, grey = mode == "CMYK", mode in ("1", "L", "LA", "I", "I;16", "I;16B")
    try:
        source = ImageCms.ImageCmsProfile(BytesIO(profile))
        space = source.profile.xcolor_space.strip()
        if space != "CMYK" if inks else not (space == "RGB" or (space == "GRAY" and grey)):
            return None
        stored = {"GRAY": "L"}.get(space, space)
        precision = ImageCms.Flags.NOOPTIMIZE if stored == "L" else ImageCms.Flags.HIGHRESPRECALC
        flags = precision | ImageCms.Flags.NOWHITEONWHITEFIXUP
        transform = ImageCms.buildTransform(source, _srgb_profile(), stored, "RGB", flags=flags)
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return None

    def convert(image: Image.Image) -> Image.Image:
        if inks:
            return transform.apply(image)
        converted = transform.apply(image.getchannel(0) if stored == "L" else image.convert("RGB"))
        if image.mode == "RGBA":
            converted.putalpha(image.getchannel("A"))
        return converted

    return convert


@cache
def _srgb_bytes() -> bytes:
    """sRGB's profile, called version 2: towards one of version 4, Little CMS would move black, as no browser does."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    profile[8:12] = b"\x02\x40\0\0"
    return bytes(profile)


def _srgb_profile() -> ImageCms.ImageCmsProfile:
    return ImageCms.ImageCmsProfile(BytesIO(_srgb_bytes()))


@dataclass(frozen=True)
class ColourSpace:
    """Primaries, white and curve of an RGB colour space."""

    curve: Curve
    primaries: Sequence[Chromaticity] = SRGB_PRIMARIES
    white: Chromaticity = D65

    @property
    def is_possible(self) -> bool:
        """Whether the primaries span colours, and the white has a luminance."""
        spanned = np.linalg.det(np.stack([_xyz(primary) for primary in self.primaries], axis=1))
        return self.white[1] > 0 and abs(spanned) > 1e-6 and max(map(abs, (*self.white, *sum(self.primaries, ())))) < 10

    def __call__(self, image: Image.Image) -> Image.Image:
        """Convert an RGB or RGBA picture to sRGB; colours that sRGB does not have are clipped."""
        pixels = np.asarray(image.convert("RGB"))
        light = self.curve(np.arange(256) / 255).astype(np.float32)[pixels]
        matrix = np.linalg.solve(_to_d50(SRGB_PRIMARIES, D65), _to_d50(self.primaries, self.white))
        light = np.clip(light @ matrix.T.astype(np.float32), 0, 1)
        converted = Image.fromarray(_ENCODED[np.rint(light * 65535).astype(np.uint16)])
        if image.mode == "RGBA":
            converted.putalpha(image.getchannel("A"))
        return converted


def power(exponent: float) -> Curve:
    return lambda values: values**exponent


def srgb(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """sRGB's curve, IEC 61966-2-1."""
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def smpte240(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(values < 0.0913, values / 4, ((values + 0.1115) / 1.1115) ** (1 / 0.45))


def _encoded() -> NDArray[np.uint8]:
    light = np.arange(65536) / 65535
    return np.rint(255 * np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)).astype(np.uint8)


_ENCODED = _encoded()


def _xyz(chromaticity: Chromaticity) -> NDArray[np.float64]:
    """XYZ of a sum of 1; a primary may have no luminance."""
    x, y = chromaticity
    return np.array([x, y, 1 - x - y])


def _to_d50(primaries: Sequence[Chromaticity], white: Chromaticity) -> NDArray[np.float64]:
    """The matrix from linear RGB to XYZ, its white adapted to D50 after Bradford."""
    rgb = np.stack([_xyz(primary) for primary in primaries], axis=1)
    light = _xyz(white) / white[1]
    rgb = rgb * np.linalg.solve(rgb, light)
    gains = (_BRADFORD @ _D50) / (_BRADFORD @ light)
    return np.linalg.solve(_BRADFORD, np.diag(gains) @ _BRADFORD @ rgb)
