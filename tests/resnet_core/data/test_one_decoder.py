"""Does a training see of a picture what inspection shows of it? Judged by the pixels that were painted, and by `decode`."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from resnet_core.data.photographs import PhotographFolder, UnreadablePictureError, read_picture
from resnet_core.data.sources import open_dataset
from resnet_core.pictures.decode import decode
from tests.support.picture_corpus import DISPLAY_P3, rgb_profile

SIDE = 16
Save = Callable[[Path], None]


def colours() -> np.ndarray:
    """Four flat quarters, different ones, so that a turned picture differs and JPEG keeps the colours."""
    pixels = np.zeros((SIDE, SIDE, 3), dtype=np.uint8)
    half = SIDE // 2
    pixels[:half, :half], pixels[:half, half:], pixels[half:, :half], pixels[half:, half:] = (
        (200, 30, 30), (30, 200, 30), (30, 30, 200), (230, 230, 40),
    )  # fmt: skip
    return pixels


def grey_16_bits(path: Path) -> None:
    values = (np.arange(SIDE * SIDE, dtype=np.uint16) * 257).reshape(SIDE, SIDE)
    Image.fromarray(values).save(path, "PNG")


def transparent(path: Path) -> None:
    pixels = np.dstack([colours(), np.full((SIDE, SIDE), 255, np.uint8)])
    pixels[: SIDE // 2, :, 3] = 0
    Image.fromarray(pixels, "RGBA").save(path, "PNG")


def rotated(path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(colours()).save(path, "JPEG", exif=exif, quality=100, subsampling=0)


def one_bit(path: Path) -> None:
    Image.fromarray(colours()[..., 0] > 100).save(path, "PNG")


def cmyk(path: Path) -> None:
    Image.fromarray(colours()).convert("CMYK").save(path, "JPEG", quality=100)


def keyed(path: Path) -> None:
    Image.fromarray(colours()).save(path, "PNG", transparency=(200, 30, 30))


def palette(path: Path) -> None:
    Image.fromarray(colours()).quantize(8).save(path, "GIF")


def another_gamut(path: Path) -> None:
    Image.fromarray(colours()).save(path, "PNG", icc_profile=rgb_profile(DISPLAY_P3, 2.2))


PICTURES: dict[str, Save] = {
    save.__name__: save for save in (grey_16_bits, transparent, rotated, one_bit, cmyk, keyed, palette, another_gamut)
}


@pytest.mark.parametrize("name", PICTURES)
def test_a_folder_of_pictures_holds_the_pixels_that_inspection_shows(tmp_path: Path, name: str) -> None:
    for part in ("train", "test"):
        for label in "ab":
            (tmp_path / part / label).mkdir(parents=True)
            PICTURES[name](tmp_path / part / label / "one")
    shown = decode((tmp_path / "train/a/one").read_bytes())
    (batch, _), *_ = open_dataset(f"folder:{tmp_path}").train.test_batches(2, SIDE)
    assert torch.equal(batch[0], torch.from_numpy(shown).permute(2, 0, 1))


@pytest.mark.parametrize("name", PICTURES)
def test_a_photograph_is_cropped_from_the_pixels_that_inspection_shows(tmp_path: Path, name: str) -> None:
    PICTURES[name](tmp_path / "one")
    files = PhotographFolder(tmp_path, np.array([b"one"]), torch.tensor([3]), workers=0)
    shown = Image.fromarray(decode((tmp_path / "one").read_bytes())).resize((256, 256), Image.Resampling.BILINEAR)
    ((batch, labels),) = files.test_batches(1, 224)
    assert labels.tolist() == [3]
    assert np.array_equal(batch[0].permute(1, 2, 0), np.asarray(shown)[16:240, 16:240])


def test_the_painted_colours_are_what_a_training_sees(tmp_path: Path) -> None:
    """16 bits are scaled, hidden colours are white, and a photograph is upright: none of it taken from `decode`."""
    read = {name: np.asarray(read_picture(_saved(tmp_path / name, save))).astype(int) for name, save in PICTURES.items()}
    assert np.array_equal(read["grey_16_bits"][..., 0].ravel(), np.arange(256))
    assert (read["transparent"][: SIDE // 2] == 255).all()
    assert np.array_equal(read["transparent"][SIDE // 2 :], colours()[SIDE // 2 :])
    assert np.abs(read["rotated"] - np.rot90(colours(), -1)).max() <= 4
    assert (read["keyed"][: SIDE // 2, : SIDE // 2] == 255).all()


@pytest.mark.parametrize("ending", ["ppm", "tiff"])
def test_kinds_that_no_browser_shows_are_read_too(tmp_path: Path, ending: str) -> None:
    Image.fromarray(colours()).save(tmp_path / f"one.{ending}")
    assert np.array_equal(np.asarray(read_picture(tmp_path / f"one.{ending}")), colours())


@pytest.mark.parametrize("workers", [0, 1])
def test_a_broken_photograph_is_one_sentence_that_names_it(tmp_path: Path, workers: int) -> None:
    rotated(tmp_path / "good.jpg")
    (tmp_path / "broken.jpg").write_bytes((tmp_path / "good.jpg").read_bytes()[:-200])
    files = PhotographFolder(tmp_path, np.array([b"good.jpg", b"broken.jpg"]), torch.tensor([0, 1]))
    with pytest.raises(UnreadablePictureError) as caught:
        list(replace(files, workers=workers).test_batches(2, 32))
    assert str(caught.value).startswith(f"{tmp_path / 'broken.jpg'} is not a picture that can be read (The JPEG file is damaged")
    assert "\n" not in str(caught.value)
    assert caught.value.path == tmp_path / "broken.jpg"


@pytest.mark.skipif(os.name == "nt", reason="Windows takes no such names")
def test_text_that_is_called_a_picture_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "one.png").write_text("no picture")
    with pytest.raises(UnreadablePictureError, match=r"one\.png is not a picture that can be read \(The file is not a JPEG"):
        read_picture(tmp_path / "one.png")


def _saved(path: Path, save: Save) -> Path:
    save(path)
    return path
