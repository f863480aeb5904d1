"""How is a BMP file read? Colours by bit masks, palettes and run lengths here, everything else by Pillow."""

from __future__ import annotations

import struct
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.BmpImagePlugin import BmpImageFile

from resnet_core.pictures.colour import by_profile
from resnet_core.pictures.encoded import Encoded, UnreadableKindError

_RAW, _RLE8, _RLE4, _MASKS, _MASKS_WITH_ALPHA = 0, 1, 2, 3, 6
_HEADERS = (12, 40, 52, 56, 64, 108, 124)  # bytes


def open_bmp(data: bytes) -> Encoded:
    """Read everything but the pixels. Raises struct.error, UnreadableKindError, or whatever Pillow meets in broken bytes."""
    start, header = struct.unpack_from("<II", data, 10)
    if 16 <= header < 40:  # OS/2's second header, as short as it may be
        longer = 40 - header
        data = data[:10] + struct.pack("<II", start + longer, 40) + data[18 : 14 + header] + bytes(longer) + data[14 + header :]
        start, header = start + longer, 40
    if header not in _HEADERS:
        raise UnreadableKindError(f"a BMP with a header of {header} bytes")
    if header == 12:
        return _by_pillow(data)
    width, height, _, bits, compression = struct.unpack_from("<iiHHI", data, 18)
    os2 = header == 64  # where the codes of masks mean something else
    if compression not in (_RAW, _RLE8, _RLE4, _MASKS, _MASKS_WITH_ALPHA) or (os2 and compression >= _MASKS):
        raise UnreadableKindError(f"a BMP with compression {compression}")
    if compression in (_MASKS, _MASKS_WITH_ALPHA) and bits in (16, 32):
        masks = struct.unpack_from("<4I", data, 54)
        if compression == _MASKS and header < 56:
            masks = (*masks[:3], 0)
        encoded = Encoded((width, abs(height)), lambda _: _masked(data[start:], width, height, bits, masks))
    elif header >= 108 and compression == _RAW and bits == 32:  # of the masks, only that of alpha counts
        masks = (0xFF0000, 0xFF00, 0xFF, *struct.unpack_from("<I", data, 66))
        encoded = Encoded((width, abs(height)), lambda _: _masked(data[start:], width, height, bits, masks))
    elif compression in (_RLE8, _RLE4):
        encoded = Encoded((width, abs(height)), lambda _: _run_lengths(data, start, header))
    elif bits in (1, 2, 4, 8):
        encoded = Encoded((width, abs(height)), lambda _: _indexed(data, start, header))
    else:
        encoded = _by_pillow(data)
    if header == 124 and data[70:74] == b"DEBM":  # the profile is in the file
        at, length = struct.unpack_from("<II", data, 126)
        to_srgb = by_profile(data[14 + at : 14 + at + length], "RGB")
        return Encoded(encoded.size, encoded.load, to_srgb=to_srgb, unused_profile=to_srgb is None)
    return encoded


def _by_pillow(data: bytes) -> Encoded:
    image = BmpImageFile(BytesIO(data))

    def load(_longest: int | None) -> Image.Image:
        image.load()
        return image

    return Encoded(image.size, load)


def _masked(data: bytes, width: int, height: int, bits: int, masks: tuple[int, ...]) -> Image.Image:
    kind = np.dtype(f"<u{bits // 8}")
    row = -(-width * bits // 32) * 4
    stored = np.frombuffer(data, np.uint8, row * abs(height)).reshape(abs(height), row)  # ValueError where they are too few
    words = stored.view(kind)[:, :width][:: -1 if height > 0 else 1]
    channels = [_channel(words, mask) for mask in (masks if masks[3] else masks[:3])]
    return Image.fromarray(np.stack(channels, axis=2))


def _channel(words: NDArray[np.unsignedinteger], mask: int) -> NDArray[np.uint8]:
    if not mask:
        return np.zeros(words.shape, np.uint8)
    low = (mask & -mask).bit_length() - 1
    values, most = (words & words.dtype.type(mask & np.iinfo(words.dtype).max)) >> words.dtype.type(low), mask >> low
    return np.rint(values * np.float32(255 / most)).astype(np.uint8)


def _run_lengths(data: bytes, start: int, header: int) -> Image.Image:
    """Pixels that no run covers are black."""
    width, upwards, _, _, compression = struct.unpack_from("<iiHHI", data, 18)
    height = abs(upwards)
    four = compression == _RLE4
    runs = [bytes((i >> 4, i & 15)) * 128 if four else bytes((i,)) * 255 for i in range(256)]
    indices, free = bytearray(width * height), bytearray(width * height)  # rows from the bottom
    x, row, at = 0, 0, start  # row: of its first pixel
    while row < len(indices):
        count, value = data[at], data[at + 1]  # IndexError where the end is missing
        at += 2
        if count:
            count = min(count, width - x)
            indices[row + x : row + x + count] = runs[value][:count]
            x += count
        elif value <= 2:  # the end of a row or of the picture, or a step to the right and up
            to_x, to_row = 0, row + width
            if value == 1:
                to_row = len(indices)
            elif value == 2:
                to_x, to_row = min(x + data[at], width), min(row + width * data[at + 1], len(indices))
                at += 2
            if to_row + to_x > row + x:
                free[row + x : to_row + to_x] = b"\1" * (min(to_row + to_x, len(free)) - row - x)
            x, row = to_x, to_row
        else:
            length = (value + 1) // 2 if four else value
            run = data[at : at + length]
            if four:
                run = bytes(half for pair in run for half in (pair >> 4, pair & 15))
            count = min(value, len(run), width - x)
            indices[row + x : row + x + count] = run[:count]
            x, at = x + count, at + length + length % 2
    pixels = _palette(data, start, header)[np.frombuffer(indices, np.uint8)]
    pixels[np.frombuffer(free, np.bool_)] = 0
    return Image.fromarray(pixels.reshape(height, width, 3)[:: -1 if upwards > 0 else 1])


def _indexed(data: bytes, start: int, header: int) -> Image.Image:
    width, upwards, _, bits = struct.unpack_from("<iiHH", data, 18)
    height, row = abs(upwards), -(-width * bits // 32) * 4
    stored = np.frombuffer(data, np.uint8, row * height, start).reshape(height, row)  # ValueError where they are too few
    lows = range(8 - bits, -1, -bits)
    indices = np.stack([stored >> low & (1 << bits) - 1 for low in lows], axis=2).reshape(height, -1)[:, :width]
    return Image.fromarray(_palette(data, start, header)[indices[:: -1 if upwards > 0 else 1]])


def _palette(data: bytes, start: int, header: int) -> NDArray[np.uint8]:
    """(256, 3); what the file does not list is black."""
    (listed,) = struct.unpack_from("<I", data, 46)
    (bits,) = struct.unpack_from("<H", data, 28)
    entries = np.frombuffer(data[14 + header : start], np.uint8)
    entries = entries[: len(entries) // 4 * 4].reshape(-1, 4)[: min(listed or 256, 2**bits), 2::-1]
    palette = np.zeros((256, 3), np.uint8)
    palette[: len(entries)] = entries
    return palette
