"""What else lies in folders of pictures: loops, pipes, cards that are none, names that cannot be written? One sentence each."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from resnet_core.data.sources import dataset_name, open_dataset
from resnet_core.errors import InputError
from tests.resnet_core.data.test_folders import picture


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for part in ("train", "val"):
        for name in ("ant", "bee"):
            for i in range(3):
                picture(tmp_path / "insects" / part / name / f"{i}.png", seed=i)
    return tmp_path / "insects"


@pytest.mark.parametrize("kind", ["folder", "imagenet"])
def test_a_link_that_leads_back_counts_no_picture_twice(folder: Path, kind: str) -> None:
    (folder / "train/ant/again").symlink_to(folder / "train/ant")
    assert open_dataset(f"{kind}:{folder}").train.labels.tolist() == [0, 0, 0, 1, 1, 1]  # type: ignore[attr-defined]


@pytest.mark.parametrize("kind", ["folder", "imagenet"])
def test_a_pipe_is_not_waited_for(folder: Path, kind: str) -> None:
    os.mkfifo(folder / "train/ant/pipe.png")
    with pytest.raises(InputError, match=r"pipe\.png is not a picture that can be read \(it is no file\)"):
        list(open_dataset(f"{kind}:{folder}").train.test_batches(9, 16))


@pytest.mark.parametrize("kind", ["folder", "imagenet"])
@pytest.mark.parametrize(
    "card",
    [
        '{"title": "\\ud800"}', "[" * 100_000, '{"title": ""}', '{"source": "a\\nb"}', json.dumps({"title": "x" * 2000}), None,
    ],
    ids=["half a character", "deep", "empty", "two lines", "long", "folder"],
)  # fmt: skip
def test_a_card_that_no_run_could_record_is_refused_before_the_training(folder: Path, kind: str, card: str | None) -> None:
    if card is None:
        (folder / "dataset.json").mkdir()
    else:
        (folder / "dataset.json").write_text(card)
    with pytest.raises(InputError, match=r"dataset\.json must hold [^\n]*; correct it, or remove it\.$"):
        open_dataset(f"{kind}:{folder}")


def loose_pictures(folder: Path) -> None:
    for path in list((folder / "train").rglob("*.png")):
        path.rename(folder / "train" / f"{path.parent.name}{path.name}")
    for name in ("ant", "bee"):
        (folder / "train" / name).rmdir()


def a_class_of_two_lines(folder: Path) -> None:
    for part in ("train", "val"):
        (folder / part / "ant").rename(folder / part / "an\nt")


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (loose_pictures, r"train has no folder of a class; put the images of each class into a folder of its own there\.$"),
        (a_class_of_two_lines, r"is not named in printable UTF-8; rename it"),
    ],
)
def test_a_folder_that_names_no_class_is_told_what_to_do(folder: Path, spoil: Callable[[Path], None], says: str) -> None:
    spoil(folder)
    with pytest.raises(InputError, match=says):
        open_dataset(f"folder:{folder}")


@pytest.mark.parametrize("kind", ["folder", "imagenet"])
def test_a_name_that_is_too_long_is_one_sentence(kind: str) -> None:
    with pytest.raises(InputError, match=r"cannot be read \(File name too long\); choose another folder\.$"):
        open_dataset(f"{kind}:{'x' * 5000}")


def test_a_folder_that_is_not_named_in_utf8_can_be_trained_on(folder: Path) -> None:
    """Its name becomes part of the run directory's, which must be UTF-8."""
    path = os.fsdecode(os.fsencode(folder.parent) + b"/insects\xff")
    os.rename(folder, path)
    data = open_dataset(f"folder:{path}")
    for name in (dataset_name(f"folder:{path}"), data.name, data.title, data.source):
        assert name.encode().decode().count("\N{REPLACEMENT CHARACTER}") == 1
