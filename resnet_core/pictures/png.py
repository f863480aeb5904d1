"""How is a PNG file read? Its chunks here, its pixels by Pillow.

Pillow gets a file of the pixels alone: texts and profiles, which it bounds and checks, do not stand in the way, and an animation
whose first frame is not its default picture is one picture like any other.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator
from io import BytesIO

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngImageFile

from resnet_core.pictures.colour import SRGB_PRIMARIES, ColourSpace, Curve, ToSRGB, by_profile, power, smpte240, srgb
from resnet_core.pictures.encoded import Encoded, eight_bits, orientation

SIGNATURE = b"\x89PNG\r\n\x1a\n"
MAX_PROFILE_BYTES = 4_000_000  # unpacked
_MODES = {0: "L", 2: "RGB", 3: "P", 4: "LA", 6: "RGBA"}
# cICP's codes (ITU-T H.273): primaries with their white, and curves
_C, _D65 = (0.310, 0.316), (0.3127, 0.3290)
_NTSC = ((0.63, 0.34), (0.31, 0.595), (0.155, 0.07))
_PRIMARIES = {
    1: (SRGB_PRIMARIES, _D65),
    4: (((0.67, 0.33), (0.21, 0.71), (0.14, 0.08)), _C),
    5: (((0.64, 0.33), (0.29, 0.60), (0.15, 0.06)), _D65),
    6: (_NTSC, _D65),
    7: (_NTSC, _D65),
    8: (((0.681, 0.319), (0.243, 0.692), (0.145, 0.049)), _C),
    9: (((0.708, 0.292), (0.17, 0.797), (0.131, 0.046)), _D65),
    10: (((1.0, 0.0), (0.0, 1.0), (0.0, 0.0)), (1 / 3, 1 / 3)),
    11: (((0.68, 0.32), (0.265, 0.69), (0.15, 0.06)), (0.314, 0.351)),
    12: (((0.68, 0.32), (0.265, 0.69), (0.15, 0.06)), _D65),
    22: (((0.63, 0.34), (0.295, 0.605), (0.155, 0.077)), _D65),
}
_DISPLAY = power(2.4)  # of a display for BT.709, BT.601 and BT.2020 (BT.1886)
_CURVES: dict[int, Curve] = {
    1: _DISPLAY, 4: power(2.2), 5: power(2.8), 6: _DISPLAY, 7: smpte240, 8: power(1), 11: _DISPLAY, 13: srgb, 14: _DISPLAY,
    15: _DISPLAY,
    17: lambda values: values**2.6 * 52.37 / 48,
}  # fmt: skip
# Whether a chunk says what its name promises; where it does not, it counts no more than an unknown one.
_IS_VALID: dict[bytes, Callable[[bytes], bool]] = {
    b"acTL": lambda content: len(content) == 8 and any(content[:4]),
    b"cICP": lambda content: len(content) == 4,
    b"sRGB": lambda content: len(content) == 1 and content[0] < 4,
}
_BEFORE_PALETTE = {b"cICP"}
_AFTER_PALETTE = {b"tRNS"}


def open_png(data: bytes) -> Encoded:
    """Read everything but the pixels. Raises ValueError or struct.error where the file is broken."""
    chunks = list(_chunks(data))
    first = next(i for i, (name, _) in enumerate([*chunks, (b"IDAT", b"")]) if name == b"IDAT")
    before: dict[bytes, bytes] = {}
    palette_comes = any(name == b"PLTE" for name, _ in chunks[:first])
    for name, content in chunks[:first]:
        misplaced = name in _BEFORE_PALETTE and b"PLTE" in before
        misplaced |= name in _AFTER_PALETTE and palette_comes and b"PLTE" not in before
        if not misplaced and _IS_VALID.get(name, bool)(content):
            before.setdefault(name, content)  # of two, the first counts
    width, height, depth, colour, *rest = struct.unpack(">IIBBBBB", before[b"IHDR"])
    size, place = (width, height), (0, 0)
    pixels = [content for name, content in chunks[first:] if name == b"IDAT"]
    if b"fcTL" not in before and b"acTL" in before:
        width, height, place, pixels = _first_frame(chunks[first:])
        if place[0] + width > size[0] or place[1] + height > size[1]:
            raise ValueError("the first frame lies outside the picture")
    parts = {b"IHDR": struct.pack(">IIBBBBB", width, height, depth, colour, *rest)}
    key: tuple[int, ...] | None = None
    if colour == 3:
        entries = before[b"PLTE"][: 3 * 256]
        parts[b"PLTE"] = entries + entries[-3:] * (256 - len(entries) // 3)  # beyond its end, the last entry counts
        if before.get(b"tRNS"):
            parts[b"tRNS"] = before[b"tRNS"][: len(entries) // 3]
    elif len(before.get(b"tRNS", b"")) == {0: 2, 2: 6}.get(colour):
        key = struct.unpack(f">{len(before[b'tRNS']) // 2}H", before[b"tRNS"])
    head = SIGNATURE + b"".join(_chunk(name, content) for name, content in parts.items())

    def load(_longest: int | None) -> Image.Image:
        try:
            image = _load(head, b"".join(pixels), depth, key)
        except (OSError, SyntaxError):  # the checksum behind the pixels may be wrong, which changes none
            image = _load(head, _with_checksum(b"".join(pixels)), depth, key)
        if image.size == size:
            return image
        canvas = Image.new("RGBA", size)
        canvas.paste(image.convert("RGBA"), place)
        return canvas

    to_srgb, unused = _colours(before, _MODES.get(colour, ""))
    return Encoded(size, load, orientation(before.get(b"eXIf", b"")), to_srgb, unused)


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Name and content. An ancillary chunk (small first letter) whose checksum is wrong is left out."""
    start = len(SIGNATURE)
    while start + 8 <= len(data):
        length, name = struct.unpack_from(">I4s", data, start)
        content, checksum = data[start + 8 : start + 8 + length], data[start + 8 + length : start + 12 + length]
        start += 12 + length
        right = len(checksum) < 4 or zlib.crc32(content, zlib.crc32(name)) == int.from_bytes(checksum, "big")
        if not right and name != b"IEND" and not name[0] & 0x20:
            raise ValueError(f"the checksum of {name!r} is wrong")
        if right:
            yield name, content
        if name == b"IEND":
            return


def _chunk(name: bytes, content: bytes) -> bytes:
    return b"".join((struct.pack(">I", len(content)), name, content, struct.pack(">I", zlib.crc32(content, zlib.crc32(name)))))


def _first_frame(chunks: list[tuple[bytes, bytes]]) -> tuple[int, int, tuple[int, int], list[bytes]]:
    """Return width, height, (x, y) and compressed data of an animation's first frame, where its default picture is no frame."""
    start = next(i for i, (name, _) in enumerate([*chunks, (b"fcTL", b"")]) if name == b"fcTL")
    width, height, x, y = struct.unpack_from(">IIII", chunks[start][1] if start < len(chunks) else b"", 4)
    pixels = []
    for name, content in chunks[start + 1 :]:
        if name == b"fcTL":
            break
        if name == b"fdAT":
            pixels.append(content[4:])
    return width, height, (x, y), pixels


def _with_checksum(pixels: bytes) -> bytes:
    """The same zlib stream with the right Adler-32 at its end; unpacked in pieces, because it may be large."""
    stream, checksum, rest = zlib.decompressobj(-15), 1, pixels[2:]
    while rest and not stream.eof:
        checksum = zlib.adler32(stream.decompress(rest, 1_000_000), checksum)
        rest = stream.unconsumed_tail
    if not stream.eof:
        raise ValueError("the pixels end too early")
    return pixels[: len(pixels) - len(stream.unused_data)] + struct.pack(">I", checksum)


def _load(head: bytes, pixels: bytes, depth: int, key: tuple[int, ...] | None) -> Image.Image:
    file = head + _chunk(b"IDAT", pixels) + _chunk(b"IEND", b"")
    image: Image.Image = PngImageFile(BytesIO(file))
    image.load()
    values = np.asarray(image) if key else None
    if image.mode.startswith("I"):
        image = eight_bits(image)
    if depth == 8 and key:
        key = tuple(number & 255 for number in key)
    if values is None or key is None or max(key) >= 2**depth:
        return image
    if depth == 16 and len(key) == 3:
        with PngImageFile(BytesIO(file)) as low:
            low.tile = [tile._replace(args="RGB;16L") for tile in low.tile]  # Pillow's RGB has the high bytes; these are the low
            values = values * np.uint16(256) + np.asarray(low)
    elif depth < 8:
        values = values.astype(np.uint8) * (255 if image.mode == "1" else 1)
        key = (key[0] * 255 // (2**depth - 1),)
    clear = (values.reshape(*values.shape[:2], -1) == key).all(axis=2)
    image = image.convert("RGB")
    image.putalpha(Image.fromarray(np.where(clear, np.uint8(0), np.uint8(255))))
    return image


def _colours(chunks: dict[bytes, bytes], mode: str) -> tuple[ToSRGB | None, bool]:
    """The conversion to sRGB, and whether a colour space cannot be used. cICP counts first, then iCCP, sRGB, gAMA."""
    unused = False
    if cicp := chunks.get(b"cICP"):
        if cicp[0] in _PRIMARIES and cicp[1] in _CURVES:
            primaries, white = _PRIMARIES[cicp[0]]
            return ColourSpace(_CURVES[cicp[1]], primaries, white), False
        unused = True
    if b"iCCP" in chunks:
        name, _, packed = chunks[b"iCCP"].partition(b"\0")
        stream, profile = zlib.decompressobj(), b""
        try:
            if name and packed[:1] == b"\0":
                profile = stream.decompress(packed[1:], MAX_PROFILE_BYTES)
        except zlib.error:
            pass
        if stream.eof and (to_srgb := by_profile(profile, mode)):
            return to_srgb, False
        unused = True
    if b"sRGB" in chunks:
        return None, unused
    if len(gamma := chunks.get(b"gAMA", b"")) != 4 or not (stored := int.from_bytes(gamma, "big")):
        return None, unused
    chromaticities = chunks.get(b"cHRM", b"")
    if len(chromaticities) == 32:
        x, y = np.array(struct.unpack(">8I", chromaticities)).reshape(4, 2).T / 100_000
        white, *others = zip(x.tolist(), y.tolist(), strict=True)
        space = ColourSpace(power(100_000 / stored), others, white)
        return (space, unused) if space.is_possible else (None, unused)
    if abs(stored * 2.2 / 100_000 - 1) <= 0.05:  # what programs write that mean sRGB; libpng's own threshold
        return None, unused
    return ColourSpace(power(100_000 / stored)), unused
