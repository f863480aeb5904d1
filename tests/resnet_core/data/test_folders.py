"""Is a folder of pictures looked at as a whole before anything is trained on it? Judged by torchvision, and by sentences."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from torchvision.datasets import ImageFolder

from resnet_core.data.sources import dataset_name, open_dataset
from resnet_core.errors import InputError


def picture(path: Path, width: int = 12, height: int = 12, seed: int = 0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for part in ("train", "val"):
        for name in ("ant", "bee"):
            for i in range(3):
                picture(tmp_path / "insects" / part / name / f"{i}.png", seed=i)
    return tmp_path / "insects"


@pytest.mark.parametrize("hidden", [".ipynb_checkpoints", ".git", "__MACOSX", "@eaDir"])
@pytest.mark.parametrize("kind", ["folder", "imagenet"])
def test_a_hidden_folder_is_no_class(folder: Path, kind: str, hidden: str) -> None:
    picture(folder / "train" / hidden / "0.png")
    assert open_dataset(f"{kind}:{folder}").classes == ("ant", "bee")


@pytest.mark.parametrize("kind", ["folder", "imagenet"])
def test_pictures_in_sub_folders_belong_to_their_class_as_in_torchvision(folder: Path, kind: str) -> None:
    picture(folder / "train/ant/red/big/9.png", seed=9)
    picture(folder / "train/bee/a/8.png", seed=8)
    (folder / "train/bee/Thumbs.db").write_bytes(b"words")
    data, peer = open_dataset(f"{kind}:{folder}"), ImageFolder(folder / "train")
    assert data.train.labels.tolist() == peer.targets
    if kind == "folder":
        assert all(np.array_equal(mine, np.asarray(theirs)) for mine, (theirs, _) in zip(data.train.images, peer, strict=True))


def empty_class(folder: Path) -> None:
    shutil.rmtree(folder / "train/ant")
    (folder / "train/ant").mkdir()


def empty_test_class(folder: Path) -> None:
    shutil.rmtree(folder / "val/bee")
    (folder / "val/bee").mkdir()


def one_class(folder: Path) -> None:
    for part in ("train", "val"):
        shutil.rmtree(folder / part / "bee")


def not_utf8(folder: Path) -> None:
    for part in ("train", "val"):
        (folder / part / "bee").rename(folder / part / "b\udcffe")


def rectangles(folder: Path) -> None:
    for path in folder.rglob("*.png"):
        picture(path, 40, 30)


def tiny(folder: Path) -> None:
    for i, path in enumerate(folder.rglob("*.png")):
        picture(path, 4, 4, seed=i)


def one_colour(folder: Path) -> None:
    for path in folder.rglob("*.png"):
        Image.new("RGB", (12, 12), "red").save(path)


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (empty_class, r"^The class ant in \S+train has no image; add some, or remove the class from train and val\.$"),
        (empty_test_class, r"^The class bee in \S+val has no image; "),
        (one_class, r"has a single class, ant; a network needs at least two"),
        (not_utf8, r"is not named in printable UTF-8; rename it"),
        (rectangles, r"have 40 x 30 pixels and are no squares; make them squares of one size, or take imagenet:"),
        (tiny, r"have 4 x 4 pixels; a network needs at least 8 x 8\.$"),
        (one_colour, r"^All training images have one colour;"),
        (lambda folder: picture(folder / "train/ant/1.png", 40, 40), r"have 2 sizes \(12 x 12, 40 x 40 pixels\); make them"),
    ],
)
def test_what_cannot_be_trained_on_is_said_before_training(folder: Path, spoil: Callable[[Path], None], says: str) -> None:
    spoil(folder)
    with pytest.raises(InputError, match=says) as caught:
        open_dataset(f"folder:{folder}")
    assert "\n" not in str(caught.value)
    str(caught.value).encode()


def test_the_advice_for_images_of_several_sizes_can_be_followed(folder: Path) -> None:
    picture(folder / "train/ant/1.png", 40, 30)
    (folder / "val").rename(folder / "test")
    with pytest.raises(InputError, match=f"or take imagenet:{folder} with --recipe he2015-imagenet"):
        open_dataset(f"folder:{folder}")
    data = open_dataset(f"imagenet:{folder}")
    assert (data.classes, len(data.train), len(data.test)) == (("ant", "bee"), 6, 6)


def test_a_channel_that_never_changes_is_not_divided_by_zero(folder: Path) -> None:
    for i, path in enumerate(folder.rglob("*.png")):
        pixels = np.random.default_rng(i).integers(0, 256, (12, 12, 3), dtype=np.uint8)
        pixels[..., 2] = 77
        Image.fromarray(pixels).save(path)
    data = open_dataset(f"folder:{folder}")
    assert (data.mean[2], data.std[2]) == (pytest.approx(77 / 255), 1.0)


@pytest.mark.parametrize("reference", ["folder:{}", "imagenet:{}"])
def test_photographs_of_equal_names_are_other_data(folder: Path, reference: str) -> None:
    before = open_dataset(reference.format(folder)).digest
    picture(folder / "train/ant/1.png", 12, 12, seed=77)
    with (folder / "train/ant/1.png").open("ab") as file:
        file.write(b"x")
    assert open_dataset(reference.format(folder)).digest != before


@pytest.mark.parametrize("reference", ["folder:{}", "imagenet:{}"])
def test_the_name_is_known_without_opening(folder: Path, reference: str) -> None:
    assert dataset_name(reference.format(folder)) == open_dataset(reference.format(folder)).name == "insects"


@pytest.mark.parametrize("reference", ["folder:~nobody-of-this-name/x", "imagenet:~nobody-of-this-name/x"])
def test_the_home_of_an_unknown_user_is_one_sentence(reference: str) -> None:
    with pytest.raises(InputError, match=r"^There is no home folder for ~nobody-of-this-name/x; write the whole path\.$"):
        open_dataset(reference)


def test_a_card_may_begin_with_a_byte_order_mark(folder: Path) -> None:
    (folder / "dataset.json").write_bytes(b'\xef\xbb\xbf{"title": "Bienen und K\xc3\xa4fer"}')
    assert open_dataset(f"folder:{folder}").title == "Bienen und Käfer"
