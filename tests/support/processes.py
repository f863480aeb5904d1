"""How does a test start processes that cannot outlive it, and wait for what they do? Fixtures and helpers, by name."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Protocol

import pytest

from resnet_core.locks import is_held

ROOT = Path(__file__).parents[2]


class Start(Protocol):
    def __call__(self, *words: str, **options: object) -> subprocess.Popen[str]: ...


@pytest.fixture
def started() -> Iterator[Start]:
    """A function as `subprocess.Popen`, in the project's folder; the test's end kills each process with its group."""
    processes: list[subprocess.Popen[str]] = []

    def start(*words: str, **options: object) -> subprocess.Popen[str]:
        processes.append(subprocess.Popen(words, **{"cwd": ROOT, "text": True, "start_new_session": True, **options}))
        return processes[-1]

    yield start
    for process in processes:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(timeout=10)
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe:
                pipe.close()


@pytest.fixture
def races_root(tmp_path: Path) -> Iterator[Path]:
    """A folder for races, whose workers the test's end kills: they outlive whoever starts them."""
    yield tmp_path
    until(lambda: not any(map(is_held, tmp_path.rglob(".starting"))), 60, "a race is still being started")
    for pid in tmp_path.rglob("pid"):
        if is_held(pid.with_name(".lock")):
            kill(int(pid.read_text()))


def kill(process: int) -> None:
    """Kill the process; it may have ended by itself."""
    with suppress(ProcessLookupError):
        os.kill(process, signal.SIGKILL)


def until(true: Callable[[], object], seconds: float, failure: str) -> None:
    """Wait until something is true; fail with the words of `failure` if it is not so in `seconds`."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, f"{failure} after {seconds} s"
        time.sleep(0.02)


def is_alive(process: int) -> bool:
    """Return whether the process runs; one that ended and is not yet waited for does not."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def children(process: int) -> set[int]:
    """Return the processes that the process started and those that they started, on Linux."""
    found: set[int] = set()
    for listing in Path(f"/proc/{process}/task").glob("*/children"):
        with suppress(OSError):
            for child in map(int, listing.read_text().split()):
                found |= {child, *children(child)}
    return found
