"""What if the system refuses: no shared memory, a full disk beside a logger, no locks, no memory? One sentence, exit code 2."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.photographs import make_photographs

ROOT = Path(__file__).parents[3]
TRAIN = [sys.executable, "-m", "resnet_core", "train"]
DIGITS = ["resnet20-cifar", "--width", "4", "--recipe", "quick", "--data", "digits"]


def may_mount() -> bool:
    """Whether this process may mount file systems of its own; asked in a child, which changes nothing here."""
    if shutil.which("unshare") is None:
        return False
    done = subprocess.run(["unshare", "-m", "mount", "-t", "tmpfs", "tmpfs", "/mnt"], capture_output=True, timeout=30)
    return done.returncode == 0


mounts = pytest.mark.skipif(not may_mount(), reason="needs the right to mount")


def refused(command: list[str], mount: list[str] | None = None) -> str:
    """The sentence with which the command ends, in a file system of its own where `mount` says so."""
    if mount:
        command = [
            "unshare",
            "-m",
            "sh",
            "-c",
            'mount "$1" -t tmpfs -o "$2" tmpfs "$3"; shift 3; exec "$@"',
            "sh",
            *mount,
            *command,
        ]
    environment = {**os.environ, "RESNET_LENS_COMPILE": "0", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=240, env=environment)
    said = done.stderr.strip().splitlines()
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    return said[-1]


@mounts
@pytest.mark.slow
@pytest.mark.parametrize("options", ["size=64k", "size=64k,ro"], ids=["tiny", "read-only"])
def test_shared_memory_that_cannot_be_used_is_one_sentence(tmp_path: Path, options: str) -> None:
    photographs = make_photographs(tmp_path / "photographs", train=90)
    words = ["resnet18", "--width", "4", "--recipe", "he2015-imagenet", "--scale", "0.00002", "--data", f"imagenet:{photographs}"]
    said = refused([*TRAIN, *words, "--out", str(tmp_path / "runs")], ["-n", options, "/dev/shm"])
    assert said.startswith("The processes that read photographs share no memory (")
    assert "make /dev/shm writable and large enough" in said


@mounts
@pytest.mark.slow
@pytest.mark.parametrize("kilobytes", [4, 16])
def test_a_disk_that_is_full_while_a_logger_writes_is_one_sentence(tmp_path: Path, kilobytes: int) -> None:
    said = refused(
        [*TRAIN, *DIGITS, "--logger", "tensorboard", "--out", str(tmp_path / "runs")], ["-n", f"size={kilobytes}k", str(tmp_path)]
    )
    assert "No space left on device" in said


NO_LOCKS = """
import errno, fcntl
def refuse(*_):
    raise OSError(errno.ENOLCK, "No locks available")
fcntl.flock = refuse
import sys
sys.argv = ["resnet_core", *sys.argv[1:]]
from resnet_core.cli.main import main
main()
"""


@pytest.mark.slow
@pytest.mark.parametrize("command", [["train", *DIGITS], ["race"]], ids=lambda words: words[0])
def test_a_file_system_without_locks_is_one_sentence_and_leaves_nothing(tmp_path: Path, command: list[str]) -> None:
    said = refused([sys.executable, "-c", NO_LOCKS, *command, "--out", str(tmp_path / "runs")])
    assert "cannot be locked (No locks available); choose a writable folder on a file system with locks." in said
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits the address space")
def test_a_network_that_does_not_fit_the_memory_is_one_sentence(tmp_path: Path) -> None:
    command = [*TRAIN, "resnet50", "--width", "512", "--recipe", "quick", "--data", "digits", "--out", str(tmp_path)]
    said = refused(["sh", "-c", 'ulimit -v 6000000; exec "$@"', "sh", *command])
    assert said.startswith("There is not enough memory (")
    assert said.endswith("; choose a smaller network or fewer images at once.")
