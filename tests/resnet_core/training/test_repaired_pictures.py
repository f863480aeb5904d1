"""Does a training survive a photograph that cannot be read? Once it is replaced, the same command goes on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from resnet_core import runs
from resnet_core.data.photographs import UnreadablePictureError
from resnet_core.data.sources import Dataset, open_dataset
from resnet_core.errors import InputError
from resnet_core.training import loop
from resnet_core.training.loop import train
from resnet_core.training.recipe import Phase, recipe
from tests.support.photographs import make_photographs
from tests.support.toy_training import TINY, contents, silent

EVERY = 5  # iterations between checkpoints
RECIPE = replace(
    recipe("he2015-imagenet"), phases=(Phase(20, 16),), batch_size=6, drops=(15,), sides=(18, 30), bfloat16=False,
    evaluate_every=10, blocks_every=None,
)  # fmt: skip


@pytest.fixture(autouse=True)
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "RECORD_EVERY", EVERY)


def opened(folder: Path) -> Dataset:
    data = open_dataset(f"imagenet:{folder}")
    return replace(data, train=replace(data.train, workers=0), test=replace(data.test, workers=0))


@pytest.mark.parametrize("name", ["train/n02123045/07.JPEG", "val/n02123045/03.JPEG"])
def test_a_replaced_photograph_lets_the_same_training_go_on(tmp_path: Path, name: str) -> None:
    folder = make_photographs(tmp_path / "photographs")
    train(TINY, RECIPE, opened(folder), 0, tmp_path / "whole", silent)
    whole = (folder / name).read_bytes()
    (folder / name).write_bytes(whole[:200])  # broken before the training begins: its size is in the data's digest
    with pytest.raises(UnreadablePictureError, match=rf"^{folder / name} is not a picture"):
        train(TINY, RECIPE, opened(folder), 0, tmp_path / "run", silent)
    assert runs.read_run(tmp_path / "run").status == "running"
    (folder / name).write_bytes(whole)
    train(TINY, RECIPE, opened(folder), 0, tmp_path / "run", silent)
    weights, metrics, facts = contents(tmp_path / "run")
    expected_weights, expected_metrics, expected_facts = contents(tmp_path / "whole")
    assert weights == expected_weights
    assert metrics.equals(expected_metrics)
    assert facts.pop("repaired") == [str(folder / name)]
    assert facts == expected_facts


def test_a_removed_photograph_is_refused_with_a_way_out(tmp_path: Path) -> None:
    folder = make_photographs(tmp_path / "photographs")
    broken = folder / "train/n02123045/07.JPEG"
    broken.write_bytes(b"")
    with pytest.raises(UnreadablePictureError, match="--out"):
        train(TINY, RECIPE, opened(folder), 0, tmp_path / "run", silent)
    broken.unlink()
    with pytest.raises(InputError, match="holds a run on other data; put its data back as they were, or choose another folder"):
        train(TINY, RECIPE, opened(folder), 0, tmp_path / "run", silent)
    train(TINY, RECIPE, opened(folder), 0, tmp_path / "elsewhere", silent)


def test_another_photograph_of_another_size_is_other_data_as_long_as_none_was_unreadable(tmp_path: Path) -> None:
    folder = make_photographs(tmp_path / "photographs")

    def stop(_progress: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(TINY, RECIPE, opened(folder), 0, tmp_path / "run", stop)
    photograph = folder / "train/n02123045/07.JPEG"
    photograph.write_bytes(photograph.read_bytes() + b"\0")
    with pytest.raises(InputError, match="on other data"):
        train(TINY, RECIPE, opened(folder), 0, tmp_path / "run", silent)
