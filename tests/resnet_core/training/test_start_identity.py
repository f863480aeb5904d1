"""Is a start told by its weights? Two runs of one name are two starts, and weights trained anew are measured anew."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from resnet_core import runs
from resnet_core.errors import InputError
from resnet_core.runs.run import mismatch
from resnet_core.studies.catalogue import study
from resnet_core.studies.plan import MeasurementJob
from resnet_core.training.loop import train
from tests.support.toy_training import DATA, RECIPE, TINY, StoppedError, run, silent, stop_at


def test_another_run_of_the_same_name_is_another_start(tmp_path: Path, finished: Path) -> None:
    first, second = tmp_path / "a/run", tmp_path / "b/run"
    shutil.copytree(finished, first)
    run(second, seed=1)
    with pytest.raises(StoppedError):
        train(TINY, RECIPE, DATA, 0, tmp_path / "tuned", stop_at(50), first)
    assert runs.read_run(tmp_path / "tuned").start == "run"
    with pytest.raises(InputError, match=r"holds a run with another start; choose another folder\.$"):
        train(TINY, RECIPE, DATA, 0, tmp_path / "tuned", silent, second)
    train(TINY, RECIPE, DATA, 0, tmp_path / "tuned", silent, first)


def test_a_run_that_recorded_no_digest_of_its_start_goes_on() -> None:
    assert mismatch({"start": "run", "start_digest": "00000000"}, {"start": "run"}, {}) is None
    assert mismatch({"start": "run", "start_digest": "00000000"}, {"start": "run", "start_digest": "00000001"}, {}) == "start"


def test_weights_that_were_trained_anew_are_not_taken_for_those_that_were_measured(tmp_path: Path) -> None:
    weights = tmp_path / "figure6" / "resnet20-cifar-seed0" / "last.safetensors"
    weights.parent.mkdir(parents=True)
    weights.write_bytes(b"first")
    asked = study("figure7")
    job = MeasurementJob(asked, "resnet20-cifar", "cifar10", 0, tmp_path / "figure7", tmp_path / "figure6")  # type: ignore[arg-type]
    recorded = job.facts
    assert mismatch(job.facts, recorded, {}) is None
    weights.write_bytes(b"other")
    assert mismatch(job.facts, recorded, {}) == "start"
    assert mismatch(replace(job, trained=None).facts, recorded, {}) is None
