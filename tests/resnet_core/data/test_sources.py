"""Are the images and labels those of the source? Judged by torchvision's readers, file by file, and by published counts."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.datasets import CIFAR10, ImageFolder

from resnet_core.data.sources import open_dataset
from resnet_core.errors import InputError

PUBLISHED = [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]  # digits a class, in the repository's description of its test set


def test_digits_are_the_1797_of_the_repository() -> None:
    data = open_dataset("digits")
    assert (len(data.train), len(data.test)) == (1500, 297)
    assert torch.cat([data.train.labels, data.test.labels]).bincount().tolist() == PUBLISHED
    assert data.train.images.shape == (1500, 8, 8, 3)
    # the first row of the file, 0 to 16
    assert data.train.images[0, 0, :, 0].tolist() == [round(v * 255 / 16) for v in (0, 0, 5, 13, 9, 1, 0, 0)]
    pixels = data.train.images.double() / 255
    assert data.mean == pytest.approx(pixels.mean((0, 1, 2)).tolist())
    assert data.std == pytest.approx(pixels.std((0, 1, 2), correction=0).tolist())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    generator = np.random.default_rng(0)
    for part in ("train", "val"):
        for name in ("ant", "bee"):
            (tmp_path / part / name).mkdir(parents=True)
            for i in range(3):
                pixels = generator.integers(0, 256, (12, 12, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(tmp_path / part / name / f"{i}.png")
    return tmp_path


def test_a_folder_is_read_as_torchvision_reads_it(folder: Path) -> None:
    data = open_dataset(f"folder:{folder}")
    peer = ImageFolder(folder / "train")
    assert data.classes == tuple(peer.classes)
    for i, (image, label) in enumerate(peer):
        assert np.array_equal(data.train.images[i], image)
        assert data.train.labels[i] == label
    assert len(data.test) == 6


def test_what_a_system_leaves_in_folders_is_no_image_and_here_has_a_name(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "train/ant/.DS_Store").write_bytes(b"Bud1")
    monkeypatch.chdir(folder)
    monkeypatch.setenv("HOME", str(folder))
    for words in ("folder:.", "folder:~"):
        data = open_dataset(words)
        assert (len(data.train), data.name) == (6, folder.name)


def test_data_are_told_apart_by_what_they_hold(folder: Path) -> None:
    before = open_dataset(f"folder:{folder}").digest
    assert open_dataset(f"folder:{folder}").digest == before
    Image.new("RGB", (12, 12)).save(folder / "val/bee/1.png")
    after = open_dataset(f"folder:{folder}").digest
    assert after.split("-")[0] == before.split("-")[0]
    assert after.split("-")[1] != before.split("-")[1]


def test_a_folder_may_say_its_title_and_source(folder: Path) -> None:
    (folder / "dataset.json").write_text('{"title": "Bees and cows", "source": "drawn by hand"}')
    data = open_dataset(f"folder:{folder}")
    assert (data.title, data.source) == ("Bees and cows", "drawn by hand")


def spoil_card(folder: Path) -> None:
    (folder / "dataset.json").write_text('{"title": 3}')


def spoil_classes(folder: Path) -> None:
    (folder / "val/bee").rename(folder / "val/cow")


def spoil_picture(folder: Path) -> None:
    (folder / "train/bee/1.png").write_bytes(b"words")


def spoil_size(folder: Path) -> None:
    Image.new("RGB", (5, 12)).save(folder / "train/bee/1.png")


def spoil_parts(folder: Path) -> None:
    (folder / "val").rename(folder / "other")


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (spoil_classes, "differ: bee, cow"),
        (spoil_picture, "not a picture"),
        (spoil_size, "5 x 12"),
        (spoil_parts, "needs the"),
        (spoil_card, "dataset.json must hold"),
    ],
)
def test_a_spoilt_folder_is_refused_in_one_sentence(folder: Path, spoil, says: str) -> None:
    spoil(folder)
    with pytest.raises(InputError) as caught:
        open_dataset(f"folder:{folder}")
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_cifar_is_read_as_torchvision_reads_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A small copy in the official layout; torchvision's own check of the published files' hashes is the one thing left out."""
    monkeypatch.setattr(CIFAR10, "_check_integrity", lambda self: True)
    monkeypatch.setattr("torchvision.datasets.cifar.check_integrity", lambda *_: True)
    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()
    generator = np.random.default_rng(0)
    for name in [f"data_batch_{i}" for i in range(1, 6)] + ["test_batch"]:
        entry = {"data": generator.integers(0, 256, (4, 3072), dtype=np.uint8), "labels": generator.integers(0, 10, 4).tolist()}
        (folder / name).write_bytes(pickle.dumps(entry))
    (folder / "batches.meta").write_bytes(pickle.dumps({"label_names": list("abcdefghij")}))
    data = open_dataset("cifar10", tmp_path)
    peer = CIFAR10(tmp_path)
    assert (len(data.train), len(data.test)) == (20, 4)
    for i, (image, label) in enumerate(peer):
        assert np.array_equal(data.train.images[i], image)
        assert data.train.labels[i] == label


@pytest.mark.parametrize(
    ("name", "says"),
    [("cifar10", "cifar-10-batches-py"), ("cifar100", "cifar-100-python"), ("tiny-imagenet", "tiny-imagenet-200")],
)
def test_a_missing_dataset_says_what_to_unpack_where(tmp_path: Path, name: str, says: str) -> None:
    with pytest.raises(InputError) as caught:
        open_dataset(name, tmp_path)
    assert says in str(caught.value)
    assert str(tmp_path) in str(caught.value)
    assert "http" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_unknown_dataset_is_answered_with_the_known_ones() -> None:
    with pytest.raises(InputError, match="known are digits, synthetic, cifar10"):
        open_dataset("mnist")


def test_a_list_of_names_that_was_cut_off_is_half_unpacked(tmp_path: Path) -> None:
    folder = tmp_path / "tiny-imagenet-200"
    (folder / "val/images").mkdir(parents=True)
    (folder / "train").mkdir()
    (folder / "wnids.txt").write_text("n01443537\nn01629819\n")
    (folder / "words.txt").write_text("n01443537\tgoldfish, Carassius auratus\nn016298")
    (folder / "val/val_annotations.txt").write_text("val_0.JPEG\tn01443537\t0\t0\t9\t9\nval_1.J")
    with pytest.raises(InputError, match=r"is half unpacked: 0 of 100,000 [^\n]+, names of 1 of 200 classes; unpack it again\.$"):
        open_dataset("tiny-imagenet", tmp_path)
