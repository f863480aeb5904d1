"""Does Ray give the same run directories as this machine alone, also when it kills a worker midway? On a real local Ray."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from pathlib import Path

import pandas as pd
from safetensors.torch import load_file

from resnet_core import runs
from resnet_core.training.study import run_here, run_on_ray
from tests.resnet_core.training.test_study import small


def workers() -> list[int]:
    found = subprocess.run(["pgrep", "-f", "ray::carry_out"], capture_output=True, text=True)
    return [int(pid) for pid in found.stdout.split()]


def test_ray_trains_the_same_and_goes_on_after_a_kill(tmp_path: Path) -> None:
    here, there = small(tmp_path / "here", iterations=400), small(tmp_path / "there", iterations=400)
    run_here(here, 2, 1, lambda _each, _what: None)

    killed: list[int] = []

    def kill_one_after_its_first_checkpoint() -> None:
        while not any((each.folder / "state.safetensors").exists() for each in there):
            time.sleep(0.02)
        pid = workers()[0]
        os.kill(pid, signal.SIGKILL)
        killed.append(pid)

    thread = threading.Thread(target=kill_one_after_its_first_checkpoint)
    thread.start()
    told: dict[str, str] = {}
    run_on_ray(there, 1, lambda each, what: told.__setitem__(each.folder.name, what))
    thread.join()
    assert killed
    assert set(told.values()) == {"done"}
    for one, other in zip(here, there, strict=True):
        expected, found = (load_file(each.folder / "last.safetensors") for each in (one, other))
        assert all((found[name] == tensor).all() for name, tensor in expected.items())
        pd.testing.assert_frame_equal(runs.read_metrics(other.folder), runs.read_metrics(one.folder), check_exact=True)
