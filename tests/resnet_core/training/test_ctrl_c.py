"""What does a person who presses Ctrl-C leave, and read? Of the commands themselves, in processes of their own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from resnet_core import runs
from resnet_core.live import race_folder, race_reader
from resnet_core.runs import Run
from tests.support.processes import Start, races_root, started, until

__all__ = ["races_root", "started"]
pytestmark = pytest.mark.slow
Command = Callable[..., subprocess.Popen[str]]
WITHOUT_COMPILING = {**os.environ, "RESNET_LENS_COMPILE": "0", "OMP_NUM_THREADS": "1"}
TRAIN = ["train", "resnet20-cifar", "--width", "2", "--recipe", "quick", "--scale", "100", "--data", "digits"]


@pytest.fixture
def command(started: Start) -> Callable[..., subprocess.Popen[str]]:
    """Start a command of the project. These tests may run where Ctrl-C is ignored, and processes inherit that."""
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "preexec_fn": _hear_ctrl_c, "env": WITHOUT_COMPILING}
    return lambda *words: started(sys.executable, "-m", "resnet_core", *words, **options)


def _hear_ctrl_c() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def pressed(process: subprocess.Popen[str]) -> str:
    """What stands on the standard error after a Ctrl-C."""
    process.send_signal(signal.SIGINT)
    out, said = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, "")
    assert "Traceback" not in said
    return said.splitlines()[-1]


def test_a_training_says_that_it_goes_on(tmp_path: Path, command: Command) -> None:
    process = command(*TRAIN, "--out", str(tmp_path))
    folder = tmp_path / "resnet20-cifar-digits-quick-x100-seed0"
    until((folder / "state.safetensors").exists, 120, "no checkpoint")
    assert pressed(process) == "Stopped; a training goes on with the same command."
    assert runs.read_facts(folder)["status"] == "running"
    assert not list(folder.glob(".*.part"))


def test_both_networks_of_a_race_stop(races_root: Path, command: Command) -> None:
    process = command("race", "--out", str(races_root))
    until(lambda: any(race_reader.read(folder).iteration >= 5 for folder in race_folder.races(races_root)), 120, "no race")
    folders = race_folder.races(races_root)
    assert pressed(process) == f"Stopped; `python -m resnet_core race {folders[0]}` goes on with it."
    until(lambda: race_reader.read(folders[0]).over, 60, "not over")
    assert {lane.status for lane in race_reader.read(folders[0]).lanes.values()} == {"stopped"}


def test_one_run_is_trained_by_one_command(tmp_path: Path, command: Command) -> None:
    folder = tmp_path / "resnet20-cifar-digits-quick-x100-seed0"
    with Run.open(folder):
        out, said = (process := command(*TRAIN, "--out", str(tmp_path))).communicate(timeout=120)
    assert (process.returncode, out) == (2, "")
    assert said.splitlines()[-1] == f"Another process is training {folder}; wait for it, or choose another folder with --out."


@pytest.mark.parametrize("words", [["study", "race"], ["train", "resnet20-cifar", "--data", "digits"], ["race"]], ids=" ".join)
def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path, command: Command, words: list[str]) -> None:
    (tmp_path / "file").write_text("")
    out, said = (process := command(*words, "--out", str(tmp_path / "file"))).communicate(timeout=120)
    assert (process.returncode, out) == (2, "")
    assert "cannot be made (" in said.splitlines()[-1]
    assert os.listdir(tmp_path) == ["file"]
