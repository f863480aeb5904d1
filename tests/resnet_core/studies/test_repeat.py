"""Is a run repeated from its run.json to the last bit, and told where it is not?"""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from resnet_core import runs
from resnet_core.errors import InputError
from resnet_core.studies.repeat import first_difference, read, repeat
from tests.support.toy_training import DATA, StoppedError, contents, run, silent, stop_at


def test_it_is_the_same_run(tmp_path: Path, finished: Path) -> None:
    assert repeat(read(finished), tmp_path / "again", DATA, silent) is None
    assert contents(tmp_path / "again")[0] == contents(finished)[0]


def test_one_that_was_stopped_goes_on(tmp_path: Path, finished: Path) -> None:
    with pytest.raises(StoppedError):
        repeat(read(finished), tmp_path / "again", DATA, stop_at(50))
    assert repeat(read(finished), tmp_path / "again", DATA, silent) is None


def test_another_seed_is_another_run(tmp_path: Path, finished: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(finished, other)
    runs.write_facts(other, runs.read_facts(other) | {"seed": 1})
    said = repeat(read(other), tmp_path / "again", DATA, silent)
    assert said is not None
    assert said.startswith("loss (test) at iteration 40 was ")


def test_the_first_difference_is_named() -> None:
    columns = ["step", "epoch", "split", "metric", "block", "value"]
    row = (50, 0.5, "train_batches", "loss", None, 0.1)
    recorded = pd.DataFrame([row, (50, 0.5, "train_batches", "gradient_norm", "conv2_1", 2.0)], columns=columns)
    assert first_difference(recorded, recorded.copy()) is None
    again = recorded.assign(value=[0.1, 2.0000000000000004])
    said = "gradient_norm (train_batches, conv2_1) at iteration 50 was 2.0, and now 2.0000000000000004"
    assert first_difference(recorded, again) == said
    again = recorded.assign(metric=["error_percent", "gradient_norm"])
    said = "recorded was loss (train_batches) at iteration 50, and now error_percent (train_batches) at iteration 50"
    assert first_difference(recorded, again) == said
    assert first_difference(recorded, recorded.iloc[:1]) == "2 numbers were recorded, and now 1"


def test_what_cannot_be_repeated_says_why(tmp_path: Path, finished: Path) -> None:
    with pytest.raises(InputError, match=r"was trained on data whose title is 'Toy data', not 'Other data'; name those\.$"):
        repeat(read(finished), tmp_path / "again", replace(DATA, title="Other data"), silent)
    with pytest.raises(InputError, match=r"began from the weights of no other run; say so with --start, or without\.$"):
        repeat(read(finished), tmp_path / "again", DATA, silent, start=finished)
    with pytest.raises(StoppedError):
        run(tmp_path / "half", progress=stop_at(50))
    with pytest.raises(InputError, match=r"holds a training that is not finished; go on with it first\.$"):
        read(tmp_path / "half")
    assert not (tmp_path / "again").exists()
    facts = runs.read_facts(finished)
    other = tmp_path / "race" / "plain"
    shutil.copytree(finished, other)
    for more, said in (
        ({"measurement": {"name": "figure7"}}, "holds what a network answered, not how it was trained; run its study again"),
        (
            {"hardware": {"processes": 2, "threads": 1}},
            "was trained by 2 processes, each with its own batch norm; only one's can",
        ),
        ({"hardware": {}}, "does not say all that a repetition needs: 'threads'"),
        ({"recipe": {"name": "old"}}, "does not say all that a repetition needs: 'iterations'"),
    ):
        runs.write_facts(other, facts | more)
        with pytest.raises(InputError, match=re.escape(said)):
            read(other)
    runs.write_facts(other, facts)
    (other.parent / "race.json").write_text("{}")
    with pytest.raises(InputError, match="is half of a race, which a person may have steered"):
        read(other)


def test_a_finished_repetition_is_compared_again(tmp_path: Path, finished: Path) -> None:
    repeat(read(finished), tmp_path / "again", DATA, silent)
    written = (tmp_path / "again" / "run.json").stat().st_mtime_ns
    assert repeat(read(finished), tmp_path / "again", DATA, silent) is None
    assert (tmp_path / "again" / "run.json").stat().st_mtime_ns == written
    other = replace(read(finished), seed=5)
    with pytest.raises(InputError, match=r"holds a repetition with another seed; remove it, or choose another folder\.$"):
        repeat(other, tmp_path / "again", DATA, silent)
    runs.write_facts(tmp_path / "again", runs.read_facts(tmp_path / "again") | {"commit": "0123456"})
    with pytest.raises(InputError, match="holds a repetition with another commit"):
        repeat(read(finished), tmp_path / "again", DATA, silent)


def test_other_images_of_the_same_name_are_other_data(tmp_path: Path, finished: Path) -> None:
    with pytest.raises(InputError, match="was trained on data whose digest is"):
        repeat(read(finished), tmp_path / "again", replace(DATA, test=DATA.train), silent)
