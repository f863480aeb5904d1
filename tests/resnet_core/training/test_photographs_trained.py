"""Does a training on photographs in files learn, and go on bit by bit when it is killed? On a few dozen of them."""

from __future__ import annotations

import multiprocessing
import time
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
import torch
from safetensors import safe_open

from resnet_core import runs
from resnet_core.data.sources import Dataset, open_dataset
from resnet_core.errors import InputError
from resnet_core.networks import weights
from resnet_core.studies.subject import Subject
from resnet_core.training import loop
from resnet_core.training.loop import train
from resnet_core.training.recipe import Phase, recipe
from tests.support.photographs import make_photographs
from tests.support.toy_training import DATA, RECIPE, TINY, StoppedError, contents, silent, stop_at

EVERY = 10  # iterations between checkpoints
HOW = replace(
    recipe("he2015-imagenet"), phases=(Phase(60, 16),), batch_size=8, drops=(40,), sides=(18, 30), bfloat16=False,
    evaluate_every=25, blocks_every=20,
)  # fmt: skip


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    opened = open_dataset(f"imagenet:{make_photographs(tmp_path_factory.mktemp('photographs'))}")
    return replace(opened, train=replace(opened.train, workers=2), test=replace(opened.test, workers=0))


@pytest.fixture(autouse=True)
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "RECORD_EVERY", EVERY)


@pytest.fixture
def whole(tmp_path: Path, data: Dataset) -> Path:
    one = replace(data, train=replace(data.train, workers=0))  # in this process
    train(TINY, HOW, one, 0, tmp_path / "whole", silent)
    return tmp_path / "whole"


def test_a_killed_training_goes_on_to_the_weights_of_a_whole_one_with_other_workers(
    tmp_path: Path, data: Dataset, whole: Path
) -> None:
    process = multiprocessing.get_context("fork").Process(target=train, args=(TINY, HOW, data, 0, tmp_path / "run", silent))
    process.start()
    state, deadline = tmp_path / "run" / "state.safetensors", time.monotonic() + 120
    try:
        while not state.exists() and process.is_alive():
            assert time.monotonic() < deadline
            time.sleep(0.01)
    finally:
        process.kill()
        process.join()
    with safe_open(state, "pt") as file:
        assert EVERY <= int(file.metadata()["iteration"]) < HOW.iterations
    with pytest.raises(StoppedError):
        train(TINY, HOW, data, 0, tmp_path / "run", stop_at(50))
    train(TINY, HOW, data, 0, tmp_path / "run", silent)
    expected, found = contents(whole), contents(tmp_path / "run")
    assert found[0] == expected[0]
    pd.testing.assert_frame_equal(found[1], expected[1], check_exact=True)
    assert found[2] == expected[2]


def test_it_learns_and_says_what_it_was_trained_on(data: Dataset, whole: Path) -> None:
    table = runs.read_metrics(whole)
    last = table[(table.metric == "error_percent") & (table.step == 60)].set_index("split").value
    assert last["test"] <= 25  # a guess is wrong 67 times in 100
    assert last["train"] <= 25
    known = weights.read_checkpoint(whole / "last.safetensors")
    assert (known.resolution, known.stored_resolution, known.mean) == (16, 224, data.mean)
    assert known.data == "ImageNet, 3 of its 1,000 classes"


def test_photographs_in_files_can_be_asked_too(data: Dataset) -> None:
    subject = Subject("resnet", TINY, 0, data, 16, None)
    made = subject.batches(7, training=True, size=4)
    assert [tuple(x.shape) for x, _ in made] == [(4, 3, 16, 16), (3, 3, 16, 16)]
    chosen = torch.randperm(36, generator=torch.Generator().manual_seed(0))[:7]
    assert torch.cat([y for _, y in made]).tolist() == data.train.labels[chosen].tolist()


def test_a_recipe_for_other_images_is_refused_and_leaves_no_run(tmp_path: Path, data: Dataset) -> None:
    with pytest.raises(InputError, match=r"^The recipe is for images of one size; [^\n]*\.$"):
        train(TINY, RECIPE, data, 0, tmp_path / "run", silent)
    with pytest.raises(InputError, match=r"^The recipe is for photographs of any size; [^\n]*\.$"):
        train(TINY, HOW, DATA, 0, tmp_path / "run", silent)
    assert not (tmp_path / "run").exists()
