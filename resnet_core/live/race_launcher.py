"""How do the two workers of a race begin? From a launcher process that is forked, under a lock that the race's folder keeps."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock

from resnet_core import runs
from resnet_core.device import available_cpus
from resnet_core.errors import InputError
from resnet_core.live.race_folder import (
    FAREWELL,
    LOCK,
    NETWORKS,
    STARTING,
    Control,
    Settings,
    naming,
    recorded_status,
    steer,
    write_json,
)  # fmt: skip
from resnet_core.locks import PATIENCE, is_held, take

BEGINNING = 60  # seconds that a worker may take to begin; a new Python takes some ten


def start(settings: Settings, root: Path) -> Path:
    """Start a new race in `root`; return its folder. Raises InputError where none can be made, or no lock be taken."""
    name = f"{datetime.now(UTC):%Y%m%d-%H%M%S-%f}-{settings.words.replace(' ', '-').replace(',', '')}"
    folder = root / name
    try:
        folder.mkdir(parents=True)
    except OSError as error:
        raise InputError(f"{folder} cannot be made ({error.strerror}); choose another folder of races.") from None
    try:
        resume(folder, settings)
    except InputError:
        with suppress(OSError):
            (folder / STARTING).unlink(missing_ok=True)
            folder.rmdir()
        raise
    return folder


def resume(folder: Path, settings: Settings | None = None) -> None:
    """Start the workers of a race that was stopped or died; they resume from their last checkpoints. settings: of a new race.

    A lane that is finished, at work, or whose loss was no longer finite, is left as it is.
    """
    starting = take(folder / STARTING, PATIENCE)
    if starting is None:
        return  # somebody else's click came first
    launchers = {}
    try:
        steer(folder, Control())
        if settings:
            write_json(folder / "race.json", asdict(settings))  # last: others take a folder that has one for a race
        with naming(folder):
            states = {folder / name: recorded_status(folder / name) for name in NETWORKS}
        for lane, status in states.items():
            if status in ("finished", "diverged") or (status == "running" and is_held(lane / LOCK)):
                continue
            lane.mkdir(exist_ok=True)
            if status != "starting":  # at once, so that nobody takes the race for over
                with runs.Run.open(lane, patience=FAREWELL) as run:
                    run.mark("running")
            (lane / "pid").unlink(missing_ok=True)
            launchers[lane / "pid"] = _launch(lane.absolute())
    except BaseException:
        starting.release()
        raise
    threading.Thread(target=_release_when_begun, args=(starting, launchers), daemon=True).start()


def _release_when_begun(starting: FileLock, launchers: dict[Path, subprocess.Popen[bytes]]) -> None:
    """Hold the lock until each worker has its own and says so with its `pid` file, or cannot come any more."""
    deadline = time.monotonic() + BEGINNING
    while time.monotonic() < deadline and any(
        not pid.exists() and launcher.poll() is None for pid, launcher in launchers.items()
    ):
        time.sleep(0.02)
    starting.release()


def at_work(folder: Path) -> bool:
    """Return whether a worker of the race lives, or is being started. In this order: the starter waits for the worker's lock."""
    return is_held(folder / STARTING) or any(is_held(folder / name / LOCK) for name in NETWORKS)


_lock = threading.Lock()
_launcher: subprocess.Popen[bytes] | None = None


def warm_up() -> subprocess.Popen[bytes]:
    """Return the process that races' workers are forked from; the first call starts it.

    A fresh Python needs seven seconds until its optimiser takes a first step (half of them go into what torch imports for it), a
    fork of one that has done all that needs none. Workers outlive it, and it ends with the process that started it.
    """
    global _launcher
    with _lock:
        if _launcher is None or _launcher.poll() is not None:
            threads = str(max(1, available_cpus() // len(NETWORKS)))
            _launcher = subprocess.Popen(
                [sys.executable, "-m", "resnet_core.live.worker"],
                cwd=Path(__file__).parents[2],
                env={**os.environ, "OMP_NUM_THREADS": threads},
                stdin=subprocess.PIPE,
                start_new_session=True,  # a Ctrl-C in the server's terminal is not meant for the workers
            )
        return _launcher


def _launch(lane: Path) -> subprocess.Popen[bytes]:
    """Ask the launcher for a worker of the lane; return the launcher. One that was killed is replaced."""
    line = json.dumps([str(lane.parent), lane.name]).encode() + b"\n"
    for _ in range(3):
        launcher = warm_up()
        assert launcher.stdin
        try:
            with _lock:
                launcher.stdin.write(line)
                launcher.stdin.flush()
            return launcher
        except OSError:  # it ended since it was looked at
            launcher.kill()
            launcher.wait()
    raise InputError("The process that starts the workers of races ends each time; is there enough memory?")
