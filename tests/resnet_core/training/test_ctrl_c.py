"""What does a person who presses Ctrl-C leave, and read? Of the commands themselves, in processes of their own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from resnet_core import runs
from resnet_core.training import race
from resnet_core.training.study import alone_in

ROOT = Path(__file__).parents[3]
TRAIN = ["train", "resnet20-cifar", "--width", "2", "--recipe", "quick", "--scale", "100", "--data", "digits"]


def command(*words: str) -> subprocess.Popen[str]:
    arguments = [sys.executable, "-m", "resnet_core", *words]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    # these tests may run where Ctrl-C is ignored, and processes inherit that
    return subprocess.Popen(arguments, cwd=ROOT, text=True, preexec_fn=_hear_ctrl_c, **pipes)


def _hear_ctrl_c() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def pressed(process: subprocess.Popen[str]) -> str:
    """What stands on the standard error after a Ctrl-C."""
    process.send_signal(signal.SIGINT)
    out, said = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, "")
    assert "Traceback" not in said
    return said.splitlines()[-1]


def wait_for(path: Path) -> None:
    deadline = time.monotonic() + 120
    while not path.exists():
        assert time.monotonic() < deadline, f"no {path}"
        time.sleep(0.05)


def test_a_training_says_that_it_goes_on(tmp_path: Path) -> None:
    process = command(*TRAIN, "--out", str(tmp_path))
    folder = tmp_path / "resnet20-cifar-digits-quick-x100-seed0"
    wait_for(folder / "state.safetensors")
    assert pressed(process) == "Stopped; a training goes on with the same command."
    assert runs.read_facts(folder)["status"] == "running"
    assert not list(folder.glob(".*.part"))


def test_both_networks_of_a_race_stop(tmp_path: Path) -> None:
    process = command("race", "--out", str(tmp_path))
    while not (folders := race.races(tmp_path)) or race.read(folders[0]).iteration < 5:
        time.sleep(0.1)
    assert pressed(process) == f"Stopped; `python -m resnet_core race {folders[0]}` goes on with it."
    deadline = time.monotonic() + 60
    while not race.read(folders[0]).over:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert {lane.status for lane in race.read(folders[0]).lanes.values()} == {"stopped"}


def test_one_run_is_trained_by_one_command(tmp_path: Path) -> None:
    folder = tmp_path / "resnet20-cifar-digits-quick-x100-seed0"
    with alone_in(folder) as alone:
        assert alone
        out, said = (process := command(*TRAIN, "--out", str(tmp_path))).communicate(timeout=120)
    assert (process.returncode, out) == (2, "")
    assert said.splitlines()[-1] == f"Another process is training {folder}; wait for it, or choose another folder with --out."


@pytest.mark.parametrize("words", [["study", "race"], ["train", "resnet20-cifar", "--data", "digits"], ["race"]], ids=" ".join)
def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path, words: list[str]) -> None:
    (tmp_path / "file").write_text("")
    out, said = (process := command(*words, "--out", str(tmp_path / "file"))).communicate(timeout=120)
    assert (process.returncode, out) == (2, "")
    assert "cannot be made (" in said.splitlines()[-1]
    assert os.listdir(tmp_path) == ["file"]
