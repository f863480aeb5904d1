"""How do a plain network and its residual twin train side by side, watched and steered? Each in a process of its own.

A race is a folder: `race.json` (what was chosen), `control.json` (what the watcher wants) and the run directories `plain` and
`residual`, in which `live.jsonl` grows by a line every few steps. The workers are in worker.py; nothing here needs torch.

Whether a lane is at work is a question of locks, never of clocks or process numbers, which repeat: the worker holds the lane's
`.lock`; until it does, whoever starts it holds the race's `.starting`. The system ends both locks with their processes.
"""

from __future__ import annotations

import io
import json
import os
import stat
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args

import pandas as pd
from filelock import FileLock

from resnet_core import runs
from resnet_core.atomic import replacing
from resnet_core.device import processors
from resnet_core.errors import InputError
from resnet_core.locks import PATIENCE, is_held, take
from resnet_core.networks.architectures import Architecture, Shortcut, architecture
from resnet_core.training.recipe import Recipe, recipe

NETWORKS = ("plain", "residual")
SHOWN = 10  # test images whose predictions are followed
LEARNING_RATES = (0.01, 0.02, 0.05, 0.1, 0.2)
SHORTCUTS: tuple[Shortcut, ...] = ("A", "B", "C")
DATA = "digits"
CLASSES = 10  # of the data
FAREWELL = 10  # seconds in which a lane's worker may end after it has recorded its end
BEGINNING = 60  # seconds that a worker may take to begin; a new Python takes some ten
LOCK, STARTING = runs.LOCK, ".starting"  # files beside those that are packed
Wish = Literal["run", "pause", "stop"]
Status = Literal["starting", "running", "stopped", "finished", "diverged", "dead"]
UNFINISHED = ("starting", "running")
Made = TypeVar("Made")


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: object) -> bool:
    """Also infinite, or not a number, as losses may be; not whole numbers that no float holds."""
    return isinstance(value, float) or (isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**53)


@dataclass(frozen=True)
class Settings:
    """What a race is about. Raises InputError for what cannot be raced."""

    depth: int = 56  # weighted layers: 6n + 2
    width: int = 8  # channels of the first stage
    shortcut: Shortcut = "A"
    batch_norm: bool = True
    learning_rate: float = 0.05
    seed: int = 0
    iterations: int = 350

    def __post_init__(self) -> None:
        whole = all(_is_whole(value) for value in (self.depth, self.width, self.seed, self.iterations))
        if not whole or not _is_number(self.learning_rate) or not isinstance(self.batch_norm, bool):
            raise InputError("The settings of a race are whole numbers, but for its learning rate; batch norm is there, or not.")
        if self.shortcut not in SHORTCUTS:
            raise InputError(f"The shortcuts of a race are {', '.join(SHORTCUTS)}; choose one of them.")
        if not 8 <= self.depth <= 1202 or (self.depth - 2) % 6:
            raise InputError("A CIFAR network has 6n + 2 layers, such as 20 or 56; choose such a depth.")
        ranges = 1 <= self.width <= 64 and 0 < self.learning_rate <= 10 and 1 <= self.iterations <= 100_000
        if not ranges or not 0 <= self.seed < 2**32:
            raise InputError("A race needs a width of 1 to 64, a rate of 0 to 10, 1 to 100,000 iterations and a seed from 0.")

    @property
    def words(self) -> str:
        kind = f"shortcuts {self.shortcut}" + ("" if self.batch_norm else ", no batch norm")
        return f"{self.depth} layers, width {self.width}, {kind}, rate {self.learning_rate:g}, seed {self.seed}"

    def network(self, which: str) -> Architecture:
        depths = ((self.depth - 2) // 6,) * 3
        row = architecture("resnet20-cifar", depths=depths, width=self.width, shortcut=self.shortcut, batch_norm=self.batch_norm)
        if which == "residual":
            return replace(row, name=f"resnet{self.depth}-cifar")
        return replace(row, name=f"plain{self.depth}-cifar", shortcut=None)

    def recipe(self) -> Recipe:
        quick = recipe("quick").scaled(self.iterations / recipe("quick").iterations)
        return replace(quick, learning_rate=self.learning_rate, blocks_every=recipe("quick").blocks_every)


@dataclass(frozen=True)
class Control:
    """What the watcher wants of both workers. Raises InputError for what no worker understands."""

    wish: Wish = "run"
    until: int | None = None  # the iteration to pause at
    learning_rate: float | None = None  # instead of the recipe's

    def __post_init__(self) -> None:
        rate = self.learning_rate
        known = self.wish in get_args(Wish) and (self.until is None or _is_whole(self.until))
        if not known or not (rate is None or (_is_number(rate) and 0 < rate < float("inf"))):
            raise InputError("A race is to run, pause or stop, until a whole iteration, at a rate above 0.")


@dataclass(frozen=True, eq=False)
class Lane:
    """One network of a race, as far as it is."""

    which: str
    status: Status  # "diverged": its loss is not finite; "dead": its worker ended before it did
    iteration: int
    table: pd.DataFrame  # tidy, as a run's metrics
    predictions: tuple[dict[str, Any], ...]  # by iteration: classes and probabilities of the SHOWN first test images

    def at(self, iteration: int) -> dict[str, Any]:
        """The latest predictions at or before it."""
        return next((each for each in reversed(self.predictions) if each["iteration"] <= iteration), self.predictions[0])


@dataclass(frozen=True, eq=False)
class Race:
    folder: Path
    settings: Settings
    control: Control
    lanes: dict[str, Lane]

    @property
    def iteration(self) -> int:
        return max(lane.iteration for lane in self.lanes.values())

    @property
    def over(self) -> bool:
        return all(lane.status not in UNFINISHED for lane in self.lanes.values())

    @property
    def paused(self) -> bool:
        until = self.control.until
        return not self.over and (self.control.wish == "pause" or (until is not None and self.iteration >= until))


def _write(path: Path, value: object) -> None:
    with replacing(path) as beside:
        beside.write_text(json.dumps(value) + "\n")


def start(settings: Settings, root: Path) -> Path:
    """Start a new race in `root`; return its folder. Raises InputError where none can be made, or no lock be taken."""
    name = f"{datetime.now(UTC):%Y%m%d-%H%M%S-%f}-{settings.words.replace(' ', '-').replace(',', '')}"
    folder = root / name
    try:
        folder.mkdir(parents=True)
    except OSError as error:
        raise InputError(f"{folder} cannot be made ({error.strerror}); choose another folder of races.") from None
    go_on(folder, settings)
    return folder


def go_on(folder: Path, settings: Settings | None = None) -> None:
    """Start the workers of a race that was stopped or died; they go on from what they saved last. Of a new one: its `settings`.

    A lane that is finished, at work, or whose loss was no longer finite, is left as it is.
    """
    starting = take(folder / STARTING, PATIENCE)
    if starting is None:
        return  # somebody else's click came first
    launchers = {}
    try:
        steer(folder, Control())
        if settings:
            _write(folder / "race.json", asdict(settings))  # last: others take a folder that has one for a race
        with _naming(folder):
            states = {folder / which: _recorded_status(folder / which) for which in NETWORKS}
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
    return is_held(folder / STARTING) or any(is_held(folder / which / LOCK) for which in NETWORKS)


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
            threads = str(max(1, processors() // len(NETWORKS)))
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


def steer(folder: Path, control: Control) -> None:
    """Tell both workers what the watcher wants."""
    _write(folder / "control.json", asdict(control))


def races(root: Path) -> list[Path]:
    """Return the folders of races in `root`, the latest first."""
    return sorted((path.parent for path in root.glob("*/race.json")), reverse=True)


def packed(folder: Path) -> bytes:
    """Return the race's folder as a zip, with all that goes on with it elsewhere: `python -m resnet_core race FOLDER`.

    Nothing of this machine is in it: no locks, logs or process numbers, and not whose race it is.
    """
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file() and not path.name.startswith(".") and path.name not in ("pid", "worker.log"):
                archive.write(path, path.relative_to(folder.parent))
    return buffer.getvalue()


def read(folder: Path) -> Race:
    """Return the race as it is now. Raises InputError where `folder` holds none, or anything of it is broken."""
    return Reader(folder).read()


def read_settings(folder: Path) -> tuple[Settings, Control]:
    """Return what was chosen and what is wanted now. Raises InputError where `folder` holds no race of this version."""
    with _naming(folder):
        return _made(Settings, folder / "race.json"), _made(Control, folder / "control.json")


class _BrokenError(Exception):
    """What is wrong with which file: the end of the sentence that names the race."""


@contextmanager
def _naming(folder: Path) -> Iterator[None]:
    try:
        yield
    except _BrokenError as error:
        raise InputError(f"{folder.absolute().name} is not a race that can be read: its {error}.") from None


def _made(kind: Callable[..., Made], path: Path) -> Made:
    try:
        return kind(**_read_json(path))
    except TypeError:
        raise _BrokenError(f"{path.name} has other fields than this version writes") from None
    except InputError:
        raise _BrokenError(f"{path.name} has values that no race has") from None


def _read_json(path: Path) -> dict[str, Any]:
    try:
        _check_file(path, runs.LARGEST_JSON)
        found = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(found, dict):
            return found
    except OSError as error:
        raise _BrokenError(f"{path.name} cannot be read ({error.strerror})") from None
    except (ValueError, RecursionError):
        pass
    raise _BrokenError(f"{path.name} is not a JSON object")


def _check_file(path: Path, most: int) -> None:
    """Raise _BrokenError for what would be waited for, such as a pipe, and for more bytes than a race writes."""
    found = path.stat()
    if not stat.S_ISREG(found.st_mode):
        raise _BrokenError(f"{path.name} is no file")
    if found.st_size > most:
        raise _BrokenError(f"{path.name} has more than {most:,} bytes")


def _recorded_status(lane: Path) -> Status:
    """Return what the lane's run.json says; "starting" before there is one."""
    if not (lane / "run.json").exists():
        return "starting"
    status: Any = _read_json(lane / "run.json").get("status")
    if status not in ("running", "stopped", "finished", "diverged"):
        raise _BrokenError("run.json has no status that a race has")
    return status


def _status(lane: Path) -> Status:
    for _ in range(2):  # between a look at the file and one at the lock a worker may begin, or end
        status = _recorded_status(lane)
        if status not in UNFINISHED or is_held(lane.parent / STARTING) or is_held(lane / LOCK):
            return status
    return "dead"


class Reader:
    """Reads one race again and again, for many watchers at once: a reading parses only the lines that are new."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lanes: dict[str, _Lines] = {}
        self._lock = threading.Lock()
        self._latest: tuple[float, Race] | None = None

    def read(self, seconds: float = 0) -> Race:
        """Return the race as it is now, or as it was at most so many seconds ago. Raises InputError as `race.read` does."""
        with self._lock:
            if self._latest and time.monotonic() - self._latest[0] < seconds:
                return self._latest[1]
            settings, control = read_settings(self._folder)
            with _naming(self._folder):
                race = Race(self._folder, settings, control, {which: self._lane(which, settings) for which in NETWORKS})
            self._latest = time.monotonic(), race
            return race

    def forget(self) -> None:
        """Make the next reading look at the files."""
        with self._lock:
            self._latest = None

    def _lane(self, which: str, settings: Settings) -> Lane:
        lines = self._lanes.setdefault(which, _Lines(self._folder / which / "live.jsonl", settings.network(which).block_labels))
        status = _status(self._folder / which)  # before the lines: a status changes after the last of them is written
        lines.read()
        iteration = lines.predictions[-1]["iteration"] if lines.predictions else 0
        return Lane(which, status, iteration, lines.table, tuple(lines.predictions))


class _Lines:
    """What a lane's live.jsonl has said so far."""

    def __init__(self, path: Path, blocks: tuple[str, ...]) -> None:
        self._path, self._blocks = path, {*blocks, None}
        self._forget()

    def _forget(self) -> None:
        self._offset, self._last = 0, b""
        self._columns: dict[str, list[Any]] = {name: [] for name in runs.METRIC_COLUMNS}
        self.table = pd.DataFrame(self._columns)
        self.predictions: list[dict[str, Any]] = []

    def read(self) -> None:
        """Read on. Where the last line is no longer in its place, a worker has begun the file anew: so does the reading."""
        try:
            _check_file(self._path, runs.LARGEST_TABLE)
            with self._path.open("rb") as file:
                file.seek(self._offset - len(self._last))
                found = file.read()
                if not found.startswith(self._last):
                    self._forget()
                    file.seek(0)
                    found = file.read()
        except FileNotFoundError:
            self._forget()
            return
        except OSError as error:
            raise _BrokenError(f"live.jsonl cannot be read ({error.strerror})") from None
        new = found[len(self._last) : found.rfind(b"\n") + 1]  # the last line may still be being written
        if not new:
            return
        lines = new.splitlines(keepends=True)
        try:
            for line in lines:
                self._take(json.loads(line.decode("utf-8")))
        except (ValueError, KeyError, TypeError, RecursionError):
            self._forget()
            raise _BrokenError("live.jsonl has a line that no race writes") from None
        self._offset += len(new)
        self._last = lines[-1]
        self.table = pd.DataFrame(self._columns)

    def _take(self, line: dict[str, Any]) -> None:
        """Take what a line says, whose types are checked here and nowhere else. Raises ValueError, KeyError or TypeError."""
        iteration, classes, probabilities = line["iteration"], line["classes"], line["probabilities"]
        good = _is_whole(iteration) and 0 <= iteration <= 2**31 and len(classes) == len(probabilities) == SHOWN
        good = good and all(_is_whole(found) and 0 <= found < CLASSES for found in classes)
        good = good and all(_is_number(p) and not (p < 0 or p > 1) for p in probabilities)
        if not good or not isinstance(line["rows"], list):
            raise ValueError("an iteration and the predictions at it")
        for row in line["rows"]:
            step, epoch, split, metric, block, value = (row[name] for name in runs.METRIC_COLUMNS)
            good = _is_whole(step) and 0 <= step <= 2**31 and _is_number(epoch) and _is_number(value)
            if not good or not isinstance(split, str) or not isinstance(metric, str) or block not in self._blocks:
                raise ValueError("a row of metrics")
            for name, cell in row.items():
                self._columns[name].append(cell)
        self.predictions.append({"iteration": iteration, "classes": classes, "probabilities": probabilities})
