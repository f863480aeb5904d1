"""Does Ray give the same run directories as this machine alone, also when it kills a worker midway? On a real local Ray."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path

import pandas as pd
import pytest
from safetensors.torch import load_file

from resnet_core import runs
from resnet_core.studies.plan import run_here, run_on_ray
from tests.resnet_core.studies.test_study import small
from tests.support.processes import children, until


def workers() -> list[int]:
    """Those of this process's Ray that carry out a run."""
    names = {child: Path(f"/proc/{child}/cmdline") for child in children(os.getpid())}
    return [child for child, name in names.items() if name.exists() and name.read_bytes().startswith(b"ray::run_job")]


@pytest.mark.slow
def test_ray_trains_the_same_and_goes_on_after_a_kill(tmp_path: Path) -> None:
    here, there = small(tmp_path / "here", iterations=400), small(tmp_path / "there", iterations=400)
    run_here(here, 2, 1, lambda _each, _what: None)

    killed: list[int] = []

    def kill_one_after_its_first_checkpoint() -> None:
        until(lambda: any((each.folder / "state.safetensors").exists() for each in there), 180, "no checkpoint")
        pid = workers()[0]
        os.kill(pid, signal.SIGKILL)
        killed.append(pid)

    thread = threading.Thread(target=kill_one_after_its_first_checkpoint, daemon=True)
    thread.start()
    told: dict[str, str] = {}
    run_on_ray(there, 1, lambda each, what: told.__setitem__(each.folder.name, what))
    thread.join(timeout=60)
    assert killed
    assert set(told.values()) == {"done"}
    for one, other in zip(here, there, strict=True):
        expected, found = (load_file(each.folder / "last.safetensors") for each in (one, other))
        assert all((found[name] == tensor).all() for name, tensor in expected.items())
        pd.testing.assert_frame_equal(runs.read_metrics(other.folder), runs.read_metrics(one.folder), check_exact=True)
