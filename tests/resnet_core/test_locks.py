"""Does a lock end with its process, and with nothing else? Tried on real processes that are killed."""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from resnet_core.errors import InputError
from resnet_core.locks import holding, is_held, take
from tests.support.processes import Start, is_alive, kill, started
from tests.support.visitor import eventually

__all__ = ["started"]

HOLD = """
import os, sys, time
from pathlib import Path
from resnet_core.locks import take
lock = take(Path(sys.argv[1]))
assert lock
child = os.fork()
if child:
    print(child, flush=True)
time.sleep(60)
"""


def test_a_killed_process_holds_nothing_although_its_child_lives(tmp_path: Path, started: Start) -> None:
    path = tmp_path / ".lock"
    holder = started(sys.executable, "-c", HOLD, str(path), stdout=-1)
    assert holder.stdout
    child = int(holder.stdout.readline())
    assert is_held(path)
    holder.send_signal(signal.SIGKILL)
    holder.wait(timeout=10)
    assert is_alive(child)
    assert eventually(lambda: not is_held(path))  # the child lets go of it as soon as it runs
    assert is_alive(child)
    kill(child)


def test_a_lock_is_held_by_one_and_released_by_any_thread(tmp_path: Path) -> None:
    path = tmp_path / "new" / ".lock"
    lock = take(path)
    assert lock
    assert take(path) is None
    assert is_held(path)
    releasing = threading.Thread(target=lock.release)
    releasing.start()
    releasing.join()
    assert not is_held(path)


def test_looking_at_a_lock_neither_makes_nor_holds_one(tmp_path: Path) -> None:
    path = tmp_path / ".lock"
    assert not is_held(path)
    assert not path.exists()
    path.touch()
    with ThreadPoolExecutor(8) as pool:  # who looks, holds it for an instant: nobody takes that for a holder
        assert not any(pool.map(is_held, [path] * 400))


def test_a_file_system_without_locks_is_named_in_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_file: int, _operation: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", refuse)
    with (
        pytest.raises(InputError, match=r"^[^\n]+ cannot be locked \(No locks available\); choose [^\n]+\.$"),
        holding(tmp_path / "x"),
    ):
        pass
    assert not is_held(tmp_path / "x")
