"""Does every file become the picture a person expects, or one sentence? Judged by what we drew and scikit-image's words."""

from __future__ import annotations

import ast
import pickle
import re
import socket
import struct
import subprocess
import sys
import time
import warnings
import zipfile
import zlib
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from resnet_core.errors import InputError
from resnet_core.images import FORMATS, SAMPLES, Picture, decode, sample, square

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


# What a person sees


@pytest.mark.parametrize("kind", SAVE)
def test_each_format_gives_back_the_picture_that_was_saved(kind: str) -> None:
    assert_near(decode(encoded(quarters(), kind, **SAVE[kind])), quarters(), 4 if kind == "JPEG" else 0)


# What a camera stores for each EXIF orientation, from the tag's definition: where row 0 and column 0 of the stored array lie.
STORED = {
    1: lambda upright: upright,  # top, left
    2: lambda upright: upright[:, ::-1],  # top, right
    3: lambda upright: upright[::-1, ::-1],  # bottom, right
    4: lambda upright: upright[::-1],  # bottom, left
    5: lambda upright: upright.swapaxes(0, 1),  # left, top
    6: lambda upright: upright[:, ::-1].swapaxes(0, 1),  # right, top
    7: lambda upright: upright[::-1, ::-1].swapaxes(0, 1),  # right, bottom
    8: lambda upright: upright[::-1].swapaxes(0, 1),  # left, bottom
}


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("orientation", STORED)
def test_every_exif_orientation_gives_the_same_upright_picture(kind: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encoded(np.ascontiguousarray(STORED[orientation](quarters())), kind, exif=exif, **SAVE[kind])
    assert_near(decode(data), quarters(), 4 if kind == "JPEG" else 0)
    assert decode(data, longest=32).shape == (24, 32, 3)


def test_a_turned_16_bit_picture_is_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    upright = np.linspace(0, 65535, 20 * 30).reshape(20, 30).astype(np.uint16)
    found = decode(encoded(Image.fromarray(np.ascontiguousarray(STORED[6](upright))), exif=exif))
    assert_near(found, np.repeat(upright[:, :, None] // 256, 3, axis=2).astype(np.uint8), 1)


def with_exif(jpeg: bytes, body: bytes) -> bytes:
    segment = b"Exif\x00\x00" + body
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(segment) + 2) + segment + jpeg[2:]


@pytest.mark.parametrize(
    "body", [b"", b"MM\x00*", b"II*\x00\xff\xff\xff\x7f", b"MM\x00*\x00\x00\x00\x08\xff\xff" + b"\x01\x12\x00\x03" * 9]
)
def test_broken_exif_does_not_cost_the_picture(body: bytes) -> None:
    assert_near(decode(with_exif(encoded(quarters(), "JPEG", **SAVE["JPEG"]), body)), quarters(), 4)


def test_a_wrong_exif_field_costs_neither_the_picture_nor_its_orientation() -> None:
    orientation = struct.pack(">HHIHH", 0x0112, 3, 1, 6, 0)
    maker = struct.pack(
        ">HHII", 0x010F, 12, 2, 0
    )  # doubles where a text belongs: Pillow turns the picture, then fails to write this
    body = b"MM\x00*\x00\x00\x00\x08\x00\x02" + orientation + maker + bytes(4)
    stored = encoded(np.ascontiguousarray(STORED[6](quarters())), "JPEG", **SAVE["JPEG"])
    assert_near(decode(with_exif(stored, body)), quarters(), 4)


def test_a_16_bit_grey_gradient_is_scaled_and_not_clipped() -> None:
    values = np.linspace(0, 65535, 256).round().astype(">u2")  # 0, 257, 514, … 65535
    rows = b"".join(b"\x00" + values.tobytes() for _ in range(16))
    expected = np.broadcast_to(np.arange(256, dtype=np.uint8)[None, :, None], (16, 256, 3))
    assert_near(decode(png(256, 16, 16, 0, rows)), expected, 0)


def test_the_transparent_value_of_a_16_bit_grey_picture_is_white() -> None:
    values = np.linspace(0, 65535, 256).round().astype(">u2")
    rows = b"".join(b"\x00" + values.tobytes() for _ in range(16))
    found = decode(png(256, 16, 16, 0, rows, chunk(b"tRNS", values[7:8].tobytes())))
    assert (found[:, 7] == 255).all()
    assert (found[:, 8] == 8).all()


def test_16_bit_colour_and_alpha_are_scaled() -> None:
    pixel = np.array([65535, 32768, 0, 32768], ">u2").tobytes()  # half transparent orange
    found = decode(png(8, 8, 16, 6, (b"\x00" + pixel * 8) * 8))
    assert_near(found, np.full((8, 8, 3), (255, 191, 127), np.uint8), 1)


def test_a_cmyk_jpeg_has_the_colours_of_its_inks() -> None:
    inks = Image.new("CMYK", (64, 32), (0, 0, 0, 0))
    inks.paste((255, 0, 0, 0), (0, 0, 32, 32))  # cyan beside paper
    data = encoded(inks, "JPEG", quality=95)
    assert b"Adobe" in data  # Adobe's marker and inverted values, as Photoshop writes them
    assert_near(decode(data)[:, :24], np.full((32, 24, 3), (0, 255, 255), np.uint8), 6)
    assert_near(decode(data)[:, 40:], np.full((32, 24, 3), WHITE, np.uint8), 6)


def test_transparent_palette_entries_are_white() -> None:
    palette = Image.new("P", (16, 16), 0)
    palette.putpalette([*RED, *BLUE])
    palette.paste(1, (8, 0, 16, 16))
    for data in (
        encoded(palette, transparency=0),
        encoded(palette, transparency=b"\x00\xff"),
        encoded(palette, "GIF", transparency=0),
    ):
        assert_near(decode(data)[:, :8], np.full((16, 8, 3), WHITE, np.uint8), 0)
        assert_near(decode(data)[:, 8:], np.full((16, 8, 3), BLUE, np.uint8), 0)


def test_alpha_is_composited_on_white() -> None:
    alpha = np.zeros((16, 16, 1), np.uint8)
    alpha[:, 8:] = 128
    expected = np.full((16, 16, 3), 255, np.uint8)
    expected[:, 8:] = np.round(np.array(RED) * 128 / 255 + 255 * 127 / 255)
    rgba = np.concatenate([np.full((16, 16, 3), RED, np.uint8), alpha], axis=2)
    assert_near(decode(encoded(rgba)), expected, 1)
    assert_near(decode(encoded(rgba, "WEBP", lossless=True, exact=True)), expected, 1)
    grey = np.concatenate([np.full((16, 16, 1), 100, np.uint8), alpha], axis=2)
    assert_near(decode(encoded(Image.fromarray(grey))), np.where(alpha == 0, 255, 178).repeat(3, axis=2).astype(np.uint8), 1)


def test_hidden_colours_do_not_bleed_when_a_transparent_picture_is_reduced() -> None:
    rgba = np.zeros((256, 256, 4), np.uint8)  # transparent black stripes between opaque white ones
    rgba[:, ::2] = 255
    assert (decode(encoded(rgba), longest=32) >= 254).all()


def test_grey_one_bit_and_a_transparent_grey_are_what_they_look_like() -> None:
    grey = np.linspace(0, 255, 32 * 32).reshape(32, 32).astype(np.uint8)
    expected = np.repeat(grey[:, :, None], 3, axis=2)
    for kind in ("PNG", "BMP"):
        assert_near(decode(encoded(grey, kind)), expected, 0)
    assert_near(decode(encoded(grey, "JPEG", quality=95)), expected, 3)
    for kind in ("PNG", "BMP"):
        found = decode(encoded(Image.fromarray(grey > 127), kind))
        assert_near(found, np.where(expected > 127, 255, 0).astype(np.uint8), 0)
    assert (decode(encoded(grey, transparency=int(grey[20, 20])))[20, 20] == 255).all()


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
def test_an_animation_gives_its_first_frame(kind: str) -> None:
    frames = [Image.fromarray(quarters()), Image.new("RGB", (64, 48), BLUE), Image.new("RGB", (64, 48), RED)]
    options = {"WEBP": {"lossless": True}}.get(kind, {})
    data = encoded(frames[0], kind, save_all=True, append_images=frames[1:], duration=50, **options)
    assert_near(decode(data), quarters(), 0)


def test_a_large_picture_is_reduced_in_proportion_and_without_aliasing() -> None:
    stripes = np.zeros((600, 2400, 3), np.uint8)
    stripes[:, ::2] = 255  # one pixel wide: anything but an average is a moiré
    for kind in SAVE:
        found = decode(encoded(stripes, kind, **SAVE[kind]), longest=240)
        assert_near(found, np.full((60, 240, 3), 127, np.uint8), 8)


@pytest.mark.parametrize("progressive", [False, True])
def test_jpeg_is_reduced_while_decoding_to_what_full_decoding_would_give(progressive: bool) -> None:
    y, x = np.mgrid[:1501, :2003]
    picture = np.stack([x * 255 // 2003, y * 255 // 1501, (np.hypot(x - 1000, y - 700) / 9) % 255], axis=2).astype(np.uint8)
    data = encoded(picture, "JPEG", quality=95, subsampling=0, progressive=progressive)
    full = Image.open(BytesIO(data)).convert("RGB").resize((250, 187), Image.Resampling.LANCZOS)
    found = decode(data, longest=250)
    assert found.shape == (187, 250, 3)
    assert np.abs(found.astype(int) - np.asarray(full).astype(int)).mean() < 1


def test_the_limits_are_inclusive_and_a_strip_can_still_be_reduced() -> None:
    assert decode(encoded(quarters(8, 160))).shape == (8, 160, 3)
    assert decode(encoded(quarters(160, 8))).shape == (160, 8, 3)
    assert decode(encoded(quarters(8, 160)), longest=16).shape == (1, 16, 3)


# What is refused


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


# The square a network sees


def test_the_square_is_the_centre() -> None:
    wide = np.zeros((40, 100, 3), np.uint8)
    wide[:, 30:70] = RED
    assert_near(square(wide, 40), np.full((40, 40, 3), RED, np.uint8), 0)
    assert_near(square(np.ascontiguousarray(wide.swapaxes(0, 1)), 40), np.full((40, 40, 3), RED, np.uint8), 0)


def test_the_square_is_resized_without_aliasing() -> None:
    checks = np.repeat((np.indices((256, 256)).sum(axis=0) % 2 * 255).astype(np.uint8)[:, :, None], 3, axis=2)
    assert_near(square(checks, 32), np.full((32, 32, 3), 127, np.uint8), 6)
    ramp = np.broadcast_to(np.arange(256, dtype=np.uint8)[None, :, None], (256, 256, 3))
    assert_near(square(ramp, 64)[:, 2:-2], square(ramp, 64)[:1, 2:-2].repeat(64, axis=0), 0)
    assert_near(
        square(ramp, 64)[0, 2:-2], (np.arange(64) * 4 + 1.5)[2:-2, None].repeat(3, axis=1).astype(np.uint8), 2
    )  # block means


@pytest.mark.parametrize("shape", [(1, 1), (3, 200), (200, 3), (64, 64), (300, 451)])
def test_the_square_has_the_asked_side_for_any_picture(shape: tuple[int, int]) -> None:
    assert_near(square(np.full((*shape, 3), 90, np.uint8), 64), np.full((64, 64, 3), 90, np.uint8), 0)


# The bundled photographs

_PACKAGE = find_spec("skimage")
assert _PACKAGE is not None
assert _PACKAGE.submodule_search_locations is not None
FETCHERS = Path(_PACKAGE.submodule_search_locations[0]) / "data" / "_fetchers.py"


def documentation(file: str) -> str:
    """What scikit-image says of a file: the docstring of the function that loads it, without markup."""
    for node in ast.parse(FETCHERS.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef) and f"data/{file}" in ast.unparse(node):
            return " ".join(re.sub(r"[`<>]|__?$", " ", ast.get_docstring(node) or "", flags=re.MULTILINE).split())
    raise AssertionError(f"scikit-image documents no {file}")


@pytest.mark.parametrize("name", SAMPLES)
def test_a_sample_has_the_documented_shape_and_is_read_only(name: str) -> None:
    picture = sample(name)
    documented = re.search(r": \((\d+), (\d+)(?:, 3)?\) uint8", documentation(SAMPLES[name].file))
    assert documented is not None
    assert picture.shape == (int(documented[1]), int(documented[2]), 3)
    assert picture.std() > 20  # a photograph, not a blank
    with pytest.raises(ValueError, match="read-only"):
        picture[0, 0] = 0
    assert sample(name) is picture
    assert square(picture, 224).shape == (224, 224, 3)


@pytest.mark.parametrize("name", SAMPLES)
def test_a_sample_is_public_domain_in_scikit_images_own_words(name: str) -> None:
    shown, said = SAMPLES[name], documentation(SAMPLES[name].file)
    assert shown.name == name
    assert re.fullmatch(r"[a-z]+", name)
    assert shown.source in said
    assert re.search("CC0|public domain", shown.licence)
    without_links = re.sub(r" https?://\S+", "", said)
    assert shown.licence.rstrip(".") in without_links


def test_samples_need_no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a sample asked for the network")

    for name in ("socket", "create_connection", "getaddrinfo"):
        monkeypatch.setattr(socket, name, refuse)
    sample.cache_clear()
    assert {name: sample(name).ndim for name in SAMPLES} == dict.fromkeys(SAMPLES, 3)


def test_an_unknown_sample_is_refused_with_the_known_names() -> None:
    for name in ("dog", "../../etc/passwd", "", "x" * 5000, "two\nlines"):
        with pytest.raises(InputError) as caught:
            sample(name)
        assert_sentence(str(caught.value))
        assert "coffee, cat" in str(caught.value)


def test_importing_needs_neither_torch_nor_streamlit_nor_scikit_image() -> None:
    code = "import sys, resnet_core.images; print(sorted({'torch', 'streamlit', 'skimage'} & set(sys.modules)))"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2]
    )
    assert result.stdout.strip() == "[]"
