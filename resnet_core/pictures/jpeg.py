"""How is a JPEG file read? Its segments here, as libjpeg does, its pixels by Pillow.

Pillow gets the file without comments and application segments, which it parses more strictly than any browser.
"""

from __future__ import annotations

import re
from io import BytesIO

from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile

from resnet_core.pictures.colour import by_profile
from resnet_core.pictures.encoded import Encoded, UnreadableKindError, orientation

_END = b"\xff\xd9"
_PADDING = bytes(range(1, 255)) * 4  # no marker in it
_SCAN = re.compile(rb"\xff\xda\x00(?:\x08\x01|\x0a\x02|\x0c\x03|\x0e\x04)")
_SCAN_MARKER, _EXIF, _ICC, _ADOBE, _COMMENT = 0xDA, 0xE1, 0xE2, 0xEE, 0xFE
_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
_HUFFMAN = {0xC0, 0xC1, 0xC2}  # baseline, extended, progressive


def open_jpeg(data: bytes) -> Encoded:
    """Read everything but the pixels. Raises UnreadableKindError or whatever Pillow meets in broken bytes."""
    kept, exif = [b"\xff\xd8"], []
    profiles: dict[tuple[int, int], bytes] = {}  # by number and count of the parts; of two, the first counts
    segments, pixels = _segments(data)
    for marker, content in segments:
        if marker in _FRAMES:
            _check_kind(marker, content)
        if marker == _EXIF and content[:5] == b"Exif\0":
            exif.append(content[6:])
        if marker == _ICC and content[:12] == b"ICC_PROFILE\0" and len(content) > 14:
            profiles.setdefault((content[12], content[13]), content[14:])
        jfif = marker == 0xE0 and content[:5] == b"JFIF\0" and len(content) >= 14
        adobe = marker == _ADOBE and content[:5] == b"Adobe" and len(content) >= 12
        if jfif or adobe or not (0xE0 <= marker <= 0xEF or marker == _COMMENT):
            kept.append(bytes((0xFF, marker)) + (len(content) + 2).to_bytes(2, "big") + content)
    file = b"".join((*kept, pixels))

    def load(longest: int | None) -> Image.Image:
        try:
            return _load(file, longest)
        except OSError:
            # Where only the end marker is missing, what follows the pixels changes none of them.
            start = file.rstrip(b"\xff")
            whole = _load(start + _END, longest)
            if whole.tobytes() != _load(start + _PADDING + _END, longest).tobytes():
                raise
            return whole

    image = JpegImageFile(BytesIO(file))
    profile = b"".join(profiles.get((i + 1, len(profiles)), b"") for i in range(len(profiles)))
    to_srgb = by_profile(profile, image.mode) if profile else None
    turn = orientation(exif[0]) if exif else 1
    return Encoded(image.size, load, turn, to_srgb, bool(profiles) and to_srgb is None, len(_SCAN.findall(data)))


def _segments(data: bytes) -> tuple[list[tuple[int, bytes]], bytes]:
    """(marker, content) of what stands before the first scan, and the rest; bytes between segments are skipped."""
    found: list[tuple[int, bytes]] = []
    start = 2
    while True:
        start = data.find(b"\xff", start)
        while start >= 0 and data[start + 1 : start + 2] == b"\xff":  # any number of these may precede a marker
            start += 1
        if start < 0 or start + 4 > len(data):
            return found, b""
        marker, length = data[start + 1], int.from_bytes(data[start + 2 : start + 4], "big")
        if marker == _SCAN_MARKER:
            return found, data[start:]
        if marker in (0x00, 0x01) or 0xD0 <= marker <= 0xD8:  # without content
            start += 2
            continue
        if length < 2:
            raise ValueError("a segment is shorter than its length")
        found.append((marker, data[start + 4 : start + 2 + length]))
        start += 2 + length


def _check_kind(marker: int, content: bytes) -> None:
    bits, components = content[0], content[5]
    if marker not in _HUFFMAN:
        raise UnreadableKindError("a lossless, hierarchical or arithmetic JPEG")
    if bits != 8:
        raise UnreadableKindError(f"a JPEG of {bits} bits a colour")
    if components not in (1, 3, 4):
        raise UnreadableKindError(f"a JPEG of {components} colours")


def _load(file: bytes, longest: int | None) -> Image.Image:
    image: Image.Image = JpegImageFile(BytesIO(file))
    if longest:  # the gap lets 48 megapixels (4:3) be decoded at 1/2, still twice the 1600 pixels needed
        image.thumbnail((longest, longest), Image.Resampling.LANCZOS, reducing_gap=1.5)
    image.load()
    return image
