"""Do the workers of a study end with it, also when it is killed? At five moments, on real processes."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tests.support.processes import Start, children, is_alive, started, until

__all__ = ["started"]

WITHOUT_COMPILING = {**os.environ, "RESNET_LENS_COMPILE": "0", "OMP_NUM_THREADS": "1"}


@pytest.mark.slow
@pytest.mark.parametrize(
    "moment", ["a worker is there", "it has begun", "it has begun again", "it has saved", "it has saved more"]
)
def test_a_killed_study_leaves_no_process_behind(tmp_path: Path, started: Start, moment: str) -> None:
    words = ["study", "race", "--only", "plain20", "--only", "resnet20", "--jobs", "2", "--out", str(tmp_path)]
    study = started(sys.executable, "-m", "resnet_core", *words, stdout=-3, stderr=-3, env=WITHOUT_COMPILING)
    file = tmp_path / "race/plain20-cifar-seed0" / ("state.safetensors" if "saved" in moment else "run.json")
    if "begun" in moment or "saved" in moment:
        until(file.exists, 120, f"no {file}")
    until(lambda: len(children(study.pid)) >= 2, 60, "no worker")
    left = children(study.pid)
    study.kill()
    study.wait(timeout=10)
    until(lambda: not any(map(is_alive, left)), 30, "a worker outlives its study")
