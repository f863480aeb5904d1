"""Are whole pictures read whatever stands around their pixels, and colours converted? Judged by the same picture without it."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from resnet_core.errors import InputError
from resnet_core.pictures.decode import decode, decode_with_note, read_image
from resnet_core.pictures.preprocess import as_picture
from tests.support.picture_corpus import (  # fmt: skip
    INKS,
    PROFILES,
    apng,
    bmps,
    exif,
    iccp,
    jpeg,
    jpeg_kinds,
    jpeg_segments,
    picture,
    png_chunks,
    png_colours,
    rgb_png,
    webp,
)
from tests.support.pictures import assert_near, assert_sentence, encoded, refusal

WITHOUT_END = [name for name in jpeg_segments() if "end" in name]


@pytest.mark.parametrize("name", WITHOUT_END)
def test_a_jpeg_without_its_end_marker_is_whole(name: str) -> None:
    whole = jpeg_kinds()["progressive"] if "progressive" in name else jpeg()
    found = decode(jpeg_segments()[name])
    if "grey" in name:
        whole = encoded(Image.fromarray(picture()).convert("L"), "JPEG", quality=95)
    assert_near(found, decode(whole), 0)


@pytest.mark.parametrize("part", [0.3, 0.6, 0.9, 0.99])
@pytest.mark.parametrize("progressive", [False, True])
def test_a_jpeg_that_is_cut_inside_its_pixels_is_called_incomplete(part: float, progressive: bool) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (200, 300, 3), dtype=np.uint8)
    data = encoded(noise, "JPEG", quality=90, progressive=progressive)
    assert "damaged or incomplete" in refusal(data[: int(len(data) * part)])


@pytest.mark.parametrize(
    "name", ["text-2MB", "ztxt-2MB", "itxt-2MB", "iccp-2MB-of-nothing", "many-texts", "wrong-adler", "odd-chunks"]
)
def test_what_is_no_pixel_of_a_png_does_not_cost_the_picture(name: str) -> None:
    assert_near(decode(png_chunks()[name]), picture(), 0)


def test_a_hidden_default_picture_stays_hidden() -> None:
    assert (decode(apng()["hidden-default"]) == (30, 180, 40)).all()
    assert "damaged or incomplete" in refusal(apng()["first-frame-missing"])


@pytest.mark.parametrize("name", ["display-p3", "adobe-rgb", "rec-2020", "linear", "gamma-1.8"])
def test_a_colour_is_converted_as_its_profile_says(name: str) -> None:
    """By the matrices and curves that made the profile, in float64."""
    from tests.support.picture_corpus import ADOBE, DISPLAY_P3, REC_2020, SRGB, colorants

    primaries = {"display-p3": DISPLAY_P3, "adobe-rgb": ADOBE, "rec-2020": REC_2020}.get(name, SRGB)
    exponent = {"adobe-rgb": 563 / 256, "rec-2020": 2.4, "linear": 1.0, "gamma-1.8": 1.8}.get(name)
    x = picture() / 255
    light = x**exponent if exponent else np.where(x <= 0.04045, x / 12.92, ((x + 0.055) / 1.055) ** 2.4)
    light = np.clip(light @ np.linalg.solve(colorants(SRGB), colorants(primaries)).T, 0, 1)
    expected = np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055) * 255
    for data in (rgb_png(iccp(PROFILES[name])), webp(icc_profile=PROFILES[name])):
        assert np.abs(decode(data) - expected).max() < 2


def test_inks_are_converted_by_their_profile() -> None:
    inks = Image.new("CMYK", (16, 16), (255, 0, 0, 0))
    plain, profiled = (decode(encoded(inks, "JPEG", quality=95, **options)) for options in ({}, {"icc_profile": INKS}))
    assert_near(plain, np.full((16, 16, 3), (0, 255, 255), np.uint8), 3)
    assert_near(profiled, np.full((16, 16, 3), (0, 212, 186), np.uint8), 3)  # the profile's Lab (76, -50, 0)


def test_a_profile_that_cannot_be_used_is_told_and_costs_nothing() -> None:
    pq = png_colours()["cicp-pq"]
    for data, plain in ((jpeg(icc_profile=PROFILES["broken"]), jpeg()), (jpeg(icc_profile=INKS), jpeg()), (pq, rgb_png())):
        found = decode_with_note(data)
        assert_sentence(found.note)
        assert_near(found.pixels, decode(plain), 0)
    assert decode_with_note(jpeg(icc_profile=PROFILES["display-p3"])).note == ""
    assert decode_with_note(jpeg()).note == ""


def test_the_orientation_of_a_webp_is_ignored_as_in_chromium() -> None:
    assert_near(decode(webp(exif=exif(6))), picture(), 0)


def test_a_kind_that_cannot_be_read_is_named() -> None:
    twelve_bits = jpeg().replace(b"\xff\xc0\x00\x11\x08", b"\xff\xc1\x00\x11\x0c")
    assert "a JPEG of 12 bits a colour" in refusal(twelve_bits)
    assert "a lossless, hierarchical or arithmetic JPEG" in refusal(jpeg().replace(b"\xff\xc0\x00\x11", b"\xff\xc3\x00\x11"))
    plain = bmps()["24bit"]
    assert "a BMP with compression 5" in refusal(plain[:30] + b"\5" + plain[31:])


def test_own_pictures_are_read_in_their_own_size_without_bounds() -> None:
    wide = np.zeros((4, 2000, 3), np.uint8)
    assert read_image(encoded(wide)).size == (2000, 4)
    assert read_image(encoded(wide), longest=100).size == (100, 1)
    with pytest.raises(InputError, match="damaged or incomplete"):
        read_image(encoded(wide)[:60])


def test_every_source_of_a_picture_gives_the_same_pixels(tmp_path: Path) -> None:
    data = jpeg(exif=b"Exif\0\0" + exif(6), icc_profile=PROFILES["display-p3"])
    (tmp_path / "photograph.jpg").write_bytes(data)
    expected = decode(data)
    for source in (data, tmp_path / "photograph.jpg", str(tmp_path / "photograph.jpg"), Image.open(BytesIO(data)), expected):
        assert_near(as_picture(source), expected, 0)
    sixteen = Image.fromarray(np.linspace(0, 65535, 400).reshape(20, 20).astype(np.uint16))
    assert_near(as_picture(sixteen), decode(encoded(sixteen)), 0)


@pytest.mark.parametrize(
    "source",
    [None, 7, "no/such/file.jpg", "\0", b"", b"text", np.zeros((3, 8, 8), np.float32), np.zeros((8, 8), np.uint8),
     np.zeros((0, 8, 3), np.uint8), Image.new("F", (8, 8)), [1, 2, 3]],
    ids=["none", "number", "no file", "nul", "no bytes", "text", "floats", "grey", "empty", "mode F", "list"],
)  # fmt: skip
def test_anything_else_is_refused_in_one_sentence(source: object) -> None:
    with pytest.raises(InputError) as caught:
        as_picture(source)
    assert "\n" not in str(caught.value)
    assert str(caught.value).endswith(".")
