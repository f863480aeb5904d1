"""Pictures for tests: drawn here, encoded by Pillow or byte by byte."""

from __future__ import annotations

import re
import struct
import zlib
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from PIL import Image

from resnet_core.errors import InputError
from resnet_core.pictures.decode import Picture, decode

RED, GREEN, BLUE, YELLOW, WHITE = (220, 30, 30), (30, 180, 40), (20, 40, 210), (230, 220, 20), (255, 255, 255)
SAVE: dict[str, dict[str, Any]] = {
    "JPEG": {"quality": 95, "subsampling": 0},
    "PNG": {},
    "WEBP": {"lossless": True},
    "BMP": {},
    "GIF": {},
}


def quarters(height: int = 48, width: int = 64) -> Picture:
    """Red and green above blue and yellow: no turn or mirror leaves it the same."""
    picture = np.empty((height, width, 3), np.uint8)
    picture[: height // 2, : width // 2], picture[: height // 2, width // 2 :] = RED, GREEN
    picture[height // 2 :, : width // 2], picture[height // 2 :, width // 2 :] = BLUE, YELLOW
    return picture


def encoded(picture: Picture | Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    image = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
    buffer = BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def assert_near(found: Picture, expected: Picture, tolerance: int) -> None:
    assert found.dtype == np.uint8
    assert found.shape == expected.shape
    assert np.abs(found.astype(int) - expected.astype(int)).max() <= tolerance


def chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def png(width: int, height: int, depth: int, colour: int, rows: bytes, *extra: bytes) -> bytes:
    """A PNG file written from the specification, without Pillow."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    data = chunk(b"IDAT", zlib.compress(rows))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + b"".join(extra) + data + chunk(b"IEND", b"")


def refusal(data: bytes) -> str:
    with pytest.raises(InputError) as caught:
        decode(data)
    message = str(caught.value)
    assert_sentence(message)
    assert_near(decode(encoded(quarters())), quarters(), 0)  # nothing of the bad file stays
    return message


def assert_sentence(message: str) -> None:
    assert "\n" not in message
    assert message.endswith(".")
    assert 20 <= len(message) <= 200
    assert not re.search(r"Error|Traceback|<|0x|PIL|None", message)
