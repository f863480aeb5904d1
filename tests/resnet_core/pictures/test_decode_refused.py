"""Is every file that is no picture refused in one sentence, and quickly?"""

from __future__ import annotations

import pickle
import struct
import time
import warnings
import zipfile
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from resnet_core.errors import InputError
from resnet_core.pictures.decode import FORMATS, decode
from tests.support.pictures import BLUE, SAVE, assert_near, assert_sentence, chunk, encoded, png, quarters, refusal


def bomb(width: int, height: int) -> bytes:
    return png(width, height, 8, 2, b"\x00" * 100_000)


def test_a_decompression_bomb_is_refused_from_its_header() -> None:
    start = time.perf_counter()
    message = refusal(bomb(50_000, 50_000))
    assert time.perf_counter() - start < 0.5
    assert "50000 by 50000 pixels" in message
    assert "50 megapixels" in message


def gif_header(screen: int, frame: int) -> bytes:
    return (
        b"GIF89a"
        + struct.pack("<HHBBB", screen, screen, 0, 0, 0)
        + b","
        + struct.pack("<HHHHB", 0, 0, frame, frame, 0)
        + b"\x08\x00;"
    )


BOMBS = {
    "GIF": gif_header(50_000, 50_000),
    "GIF whose frame is larger than its screen": gif_header(10, 10_000),
    "BMP": b"BM" + struct.pack("<IHHIIiiHHIIiiII", 100, 0, 0, 54, 40, 50_000, 50_000, 1, 24, 0, 0, 0, 0, 0, 0) + bytes(46),
    "JPEG": b"\xff\xd8\xff\xc0\x00\x11\x08\xea\x60\xea\x60\x03\x01\x11\x00\x02\x11\x00\x03\x11\x00"  # 60,000 × 60,000
    b"\xff\xda\x00\x0c\x03\x01\x00\x02\x11\x03\x11\x00\x3f\x00" + bytes(100),
    "WebP": b"RIFF\x24\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0\xff\x3f\x00\xff\x3f\x00VP8L" + bytes(8),  # 16,384 × 16,384
}


@pytest.mark.parametrize("data", BOMBS.values(), ids=BOMBS)
def test_a_bomb_in_another_format_is_refused_quickly(data: bytes) -> None:
    start = time.perf_counter()
    assert "50 megapixels" in refusal(data)
    assert time.perf_counter() - start < 0.5


def test_pillows_own_limit_neither_matters_nor_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    for limit in (None, 10):
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
        assert_near(decode(encoded(quarters())), quarters(), 0)
        assert "50 megapixels" in refusal(bomb(10_000, 10_000))
        assert limit == Image.MAX_IMAGE_PIXELS


def test_no_warning_leaves_and_the_filters_are_as_before() -> None:
    broken_animation = png(16, 16, 8, 0, (b"\x00" + b"\x80" * 16) * 16, chunk(b"acTL", struct.pack(">II", 0, 0)))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        before = list(warnings.filters)
        assert decode(broken_animation).shape == (16, 16, 3)
        refusal(bomb(10_000, 10_000))
        assert warnings.filters == before


@pytest.mark.parametrize(
    ("width", "height", "reason"),
    [(30_000, 10, "20:1"), (10, 30_000, "20:1"), (161, 8, "20:1"), (1, 1, "at least 8 pixels"), (100, 7, "at least 8 pixels")],
)
def test_what_makes_no_picture_is_refused_with_its_size(width: int, height: int, reason: str) -> None:
    message = refusal(encoded(np.zeros((height, width, 3), np.uint8)))
    assert reason in message
    assert f"{width} by {height} pixels" in message


def test_an_empty_file_is_called_empty() -> None:
    assert "empty" in refusal(b"")


def test_a_file_of_21_megabytes_is_refused_with_both_sizes() -> None:
    message = refusal(encoded(quarters()) + b"\x00" * 21_000_000)
    assert "21.1 MB" in message
    assert "20 MB" in message


@pytest.mark.parametrize("kind", SAVE)
def test_a_truncated_picture_is_called_incomplete(kind: str) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    data = encoded(noise, kind, **SAVE[kind])
    for part in (len(data) // 3, len(data) // 2):
        assert "damaged or incomplete" in refusal(data[:part])


def archive() -> bytes:
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w") as inside:
        inside.writestr("cat.png", encoded(quarters()))
    return buffer.getvalue()


OTHERS = {
    "text named .jpg": b"This is not a picture.\n" * 20,
    "random bytes": np.random.default_rng(1).bytes(5000),
    "SVG": b'<svg xmlns="http://www.w3.org/2000/svg" width="64" height="64"><rect width="64" height="64"/></svg>',
    "PDF": encoded(quarters(), "PDF"),
    "TIFF": encoded(quarters(), "TIFF"),
    "PPM": encoded(quarters(), "PPM"),
    "ICO": encoded(quarters(), "ICO"),
    "zip": archive(),
    "pickle": pickle.dumps(quarters()),
    "one byte": b"\xff",
}


@pytest.mark.parametrize("data", OTHERS.values(), ids=OTHERS)
def test_any_other_kind_of_file_is_refused_and_the_accepted_ones_are_named(data: bytes) -> None:
    assert FORMATS in refusal(data)


@pytest.mark.parametrize(
    "start",
    [b"\xff\xd8\xff\xe0", b"\x89PNG\r\n\x1a\n", b"RIFF\x10\0\0\0WEBPVP8 ", b"BM", b"GIF89a"],
    ids=["JPEG", "PNG", "WebP", "BMP", "GIF"],
)
@pytest.mark.parametrize(
    "rest", [b"", b"\x00" * 200, b"\xff" * 200, b"\x01\x02" * 100], ids=["nothing", "zeros", "ones", "steps"]
)
def test_a_right_beginning_with_rubbish_behind_is_refused(start: bytes, rest: bytes) -> None:
    refusal(start + rest)


def test_a_jpeg_of_endless_scans_is_refused_at_once() -> None:
    """75 bytes a scan: 20 MB of them would keep libjpeg busy for hours."""
    data = encoded(Image.new("L", (7000, 7000), 128), "JPEG", progressive=True)
    last = data[data.rindex(b"\xff\xda") : -2]
    start = time.perf_counter()
    assert "scans" in refusal(data[:-2] + last * 5000 + data[-2:])
    assert time.perf_counter() - start < 0.5


# Any bytes at all

VALID = [encoded(quarters(), kind, **SAVE[kind]) for kind in SAVE]
VALID += [
    encoded(
        quarters(),
        "JPEG",
        progressive=True,
        exif=b"Exif\x00\x00MM\x00*\x00\x00\x00\x08\x00\x01\x01\x12\x00\x03\x00\x00\x00\x01\x00\x06\x00\x00",
    ),
    encoded(Image.fromarray(quarters()).quantize(4), transparency=1),
    encoded(Image.fromarray(quarters()), "GIF", save_all=True, append_images=[Image.new("RGB", (64, 48), BLUE)]),
    encoded(Image.fromarray(quarters()).convert("RGBA"), "WEBP", quality=50),
]


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    data = bytearray(draw(st.sampled_from(VALID)))
    for _ in range(draw(st.integers(0, 6))):
        at = draw(st.integers(0, len(data) - 1))
        data[at : at + draw(st.integers(0, 3))] = draw(st.binary(max_size=4))
        data = data or bytearray(b"\x00")
    return bytes(data[: draw(st.integers(0, len(data)))] if draw(st.booleans()) else data)


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.one_of(damaged(), damaged(), damaged(), st.binary(max_size=300)))
def test_any_bytes_give_a_picture_or_one_sentence(data: bytes) -> None:
    try:
        picture = decode(data)
    except InputError as error:
        assert_sentence(str(error))
    else:
        assert picture.dtype == np.uint8
        assert picture.ndim == 3
        assert picture.shape[2] == 3
        assert max(picture.shape) <= 1600


def test_eight_threads_decode_what_one_does() -> None:
    files = [*VALID, *OTHERS.values()] * 6

    def outcome(data: bytes) -> tuple[object, ...]:
        try:
            picture = decode(data)
        except InputError as error:
            return (str(error),)
        return picture.shape, picture.tobytes()

    before = list(warnings.filters)
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(outcome, files)) == [outcome(data) for data in files]
    assert warnings.filters == before


NAMED = {
    "a TIFF or raw picture": encoded(quarters(), "TIFF"),
    "an AVIF picture": encoded(quarters(), "AVIF"),
    "a JPEG 2000 picture": encoded(quarters(), "JPEG2000"),
    "a HEIC picture": b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(100),
    "a video": b"\0\0\0\x18ftypisom\0\0\0\0mp42avc1" + bytes(100),
    "a JPEG XL picture": b"\0\0\0\x0cJXL \r\n\x87\n" + bytes(100),
    "an icon": encoded(quarters(), "ICO"),
    "a PNM picture": encoded(quarters(), "PPM"),
    "a PDF document": encoded(quarters(), "PDF"),
    "an archive": archive(),
    "an SVG drawing": b"\xef\xbb\xbf<?xml version='1.0'?>\n<svg xmlns='http://www.w3.org/2000/svg'/>",
    "a web page": b"<!DOCTYPE html><html><body>404</body></html>",
}


@pytest.mark.parametrize("kind", NAMED)
def test_what_people_choose_by_mistake_is_named(kind: str) -> None:
    assert refusal(NAMED[kind]) == f"The file is {kind}, which cannot be read here; convert it to {FORMATS}."
