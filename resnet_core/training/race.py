"""How do a plain network and its residual twin train side by side, watched and steered? Each in a process of its own.

A race is a folder: `race.json` (what was chosen), `control.json` (what the watcher wants) and the run directories `plain` and
`residual`, in which `live.jsonl` grows by a line every few steps. The workers are in race_worker.py; nothing here needs torch.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from resnet_core import runs
from resnet_core.architectures import Architecture, Shortcut, architecture
from resnet_core.errors import InputError
from resnet_core.files import replacing
from resnet_core.processors import processors
from resnet_core.training.recipe import Recipe, recipe

NETWORKS = ("plain", "residual")
SHOWN = 10  # test images whose predictions are followed
LEARNING_RATES = (0.01, 0.02, 0.05, 0.1, 0.2)
SHORTCUTS: tuple[Shortcut, ...] = ("A", "B", "C")
DATA = "digits"
BEGINNING = 60  # seconds after the watcher's last wish in which a worker, which needs some ten, may not have begun
Wish = Literal["run", "pause", "stop"]


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
        if not 8 <= self.depth <= 1202 or (self.depth - 2) % 6:
            raise InputError(f"A CIFAR network has 6n + 2 layers, such as 20 or 56, not {self.depth}.")
        if not 1 <= self.width <= 64 or not 0 < self.learning_rate <= 10 or not 1 <= self.iterations <= 100_000 or self.seed < 0:
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
    """What the watcher wants of both workers."""

    wish: Wish = "run"
    until: int | None = None  # the iteration to pause at
    learning_rate: float | None = None  # instead of the recipe's


@dataclass(frozen=True, eq=False)
class Lane:
    """One network of a race, as far as it is."""

    which: str
    status: str  # "starting", "running", "stopped", "finished", "diverged" (its loss is not finite), "dead"
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
        return all(lane.status not in ("starting", "running") for lane in self.lanes.values())

    @property
    def paused(self) -> bool:
        until = self.control.until
        return not self.over and (self.control.wish == "pause" or (until is not None and self.iteration >= until))


def _write(path: Path, value: object) -> None:
    with replacing(path) as beside:
        beside.write_text(json.dumps(value) + "\n")


def start(settings: Settings, root: Path) -> Path:
    """A new race in `root`, its two workers started; its folder."""
    name = f"{datetime.now(UTC):%Y%m%d-%H%M%S-%f}-{settings.words.replace(' ', '-').replace(',', '')}"
    folder = root / name
    try:
        folder.mkdir(parents=True)
    except OSError as error:
        raise InputError(f"{folder} cannot be made ({error.strerror}); choose another folder of races.") from None
    steer(folder, Control())
    _write(folder / "race.json", asdict(settings))  # last: others take a folder that has one for a race
    go_on(folder)
    return folder


def go_on(folder: Path) -> None:
    """Start the workers of a new race, or of one that was stopped or died; they go on from what they saved last.

    A lane that is finished, or whose loss was no longer finite, is left as it is.
    """
    steer(folder, Control())
    for which in NETWORKS:
        lane = folder / which
        lane.mkdir(exist_ok=True)
        if (lane / "run.json").exists():
            facts = runs.read_facts(lane)
            if facts["status"] in ("finished", "diverged"):
                continue
            runs.write_facts(lane, {**facts, "status": "running"})  # at once, so that nobody takes the race for over
        (lane / "pid").unlink(missing_ok=True)
        _launch(folder.absolute(), which)


_lock = threading.Lock()
_launcher: subprocess.Popen[bytes] | None = None


def warm_up() -> subprocess.Popen[bytes]:
    """The process that races' workers are forked from; started at the first call.

    A fresh Python needs seven seconds until its optimiser takes a first step (half of them go into what torch imports for it), a
    fork of one that has done all that needs none. Workers outlive it, and it ends with the process that started it.
    """
    global _launcher
    with _lock:
        if _launcher is None or _launcher.poll() is not None:
            threads = str(max(1, processors() // len(NETWORKS)))
            _launcher = subprocess.Popen(
                [sys.executable, "-m", "resnet_core.training.race_worker"],
                cwd=Path(__file__).parents[2],
                env={**os.environ, "OMP_NUM_THREADS": threads},
                stdin=subprocess.PIPE,
                start_new_session=True,  # a Ctrl-C in the server's terminal is not meant for the workers
            )
        return _launcher


def _launch(folder: Path, which: str) -> None:
    pipe = warm_up().stdin
    assert pipe
    with _lock:
        pipe.write(json.dumps([str(folder), which]).encode() + b"\n")
        pipe.flush()


def steer(folder: Path, control: Control) -> None:
    _write(folder / "control.json", asdict(control))


def races(root: Path) -> list[Path]:
    """The races in `root`, the latest first."""
    return sorted((path.parent for path in root.glob("*/race.json")), reverse=True)


def packed(folder: Path) -> bytes:
    """The race's folder as a zip, with all that goes on with it elsewhere: `python -m resnet_core race FOLDER`."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file() and path.name not in (".lock", "pid"):
                archive.write(path, path.relative_to(folder.parent))
    return buffer.getvalue()


def read(folder: Path) -> Race:
    """The race as it is now. Raises InputError where `folder` holds none."""
    try:
        settings = Settings(**json.loads((folder / "race.json").read_text()))
        control = Control(**json.loads((folder / "control.json").read_text()))
    except (OSError, ValueError, TypeError):
        raise InputError(f"{folder} is not a race: it has no whole race.json and control.json.") from None
    return Race(folder, settings, control, {which: _read_lane(folder / which) for which in NETWORKS})


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    if path.exists():
        for line in path.read_text().splitlines(keepends=True):
            if line.endswith("\n"):  # the last one may still be being written
                yield json.loads(line)


def _read_lane(folder: Path) -> Lane:
    rows, predictions, iteration = [], [], 0
    for line in _lines(folder / "live.jsonl"):
        rows += line["rows"]
        iteration = line["iteration"]
        predictions.append({key: line[key] for key in ("iteration", "classes", "probabilities")})
    status = runs.read_facts(folder)["status"] if (folder / "run.json").exists() else "starting"
    if status in ("starting", "running") and not _alive(folder / "pid"):
        status = "dead"
    return Lane(folder.name, status, iteration, pd.DataFrame(rows, columns=runs.METRIC_COLUMNS), tuple(predictions))


def _alive(pid: Path) -> bool:
    """Also while the worker has not begun, unless it should have long since."""
    try:
        os.kill(int(pid.read_text()), 0)
    except FileNotFoundError:
        return time.time() - (pid.parents[1] / "control.json").stat().st_mtime < BEGINNING
    except (OSError, ValueError):
        return False
    return True
