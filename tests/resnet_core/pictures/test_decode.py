"""Does every file become the picture a person expects? Judged by what we drew."""

from __future__ import annotations

import struct
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from resnet_core.pictures.decode import decode
from resnet_core.pictures.preprocess import square
from tests.support.pictures import BLUE, RED, SAVE, WHITE, assert_near, chunk, encoded, png, quarters


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


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
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
