"""How do a plain network and its residual twin train side by side, watched and steered? Each in a process of its own.

A race is a folder: `race.json` (what was chosen), `control.json` (what the watcher wants) and the run directories `plain` and
`residual`, in which `live.jsonl` grows by a line every few steps. This module needs torch only inside a worker.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
import traceback
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
from resnet_core.training.recipe import Recipe, recipe

NETWORKS = ("plain", "residual")
SHOWN = 10  # test images whose predictions are followed
REPORT_EVERY = 5  # iterations
SAVE_EVERY = 50  # iterations
LEARNING_RATES = (0.01, 0.02, 0.05, 0.1, 0.2)
SHORTCUTS: tuple[Shortcut, ...] = ("A", "B", "C")
DATA = "digits"
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
    status: str  # "starting", "running", "stopped", "finished", "dead"
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
        return all(lane.status in ("stopped", "finished", "dead") for lane in self.lanes.values())


def _write(path: Path, value: object) -> None:
    with replacing(path) as beside:
        beside.write_text(json.dumps(value) + "\n")


def start(settings: Settings, root: Path) -> Path:
    """A new race in `root`, its two workers started; its folder."""
    name = f"{datetime.now(UTC):%Y%m%d-%H%M%S-%f}-{settings.depth}-layers-seed{settings.seed}"
    folder = root / name
    folder.mkdir(parents=True)
    _write(folder / "race.json", asdict(settings))
    go_on(folder)
    return folder


def go_on(folder: Path) -> None:
    """Start the workers of a new race, or of one that was stopped or died; they go on from what they saved last."""
    _write(folder / "control.json", asdict(Control()))
    for which in NETWORKS:
        lane = folder / which
        lane.mkdir(exist_ok=True)
        if (lane / "run.json").exists():
            facts = runs.read_facts(lane)
            if facts["status"] == "finished":
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
            threads = str(max(1, (os.cpu_count() or 2) // len(NETWORKS)))
            _launcher = subprocess.Popen(
                [sys.executable, "-m", "resnet_core.training.race"],
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


def _fork_workers() -> None:
    """Import and prepare what a worker needs, then fork one for every line on the standard input."""
    import torch

    from resnet_core.training import engine  # noqa: F401

    torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1)  # imports a third of torch
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for a worker
    for line in sys.stdin:
        folder, which = json.loads(line)
        if os.fork() == 0:
            lane = Path(folder) / which
            log = os.open(lane / "worker.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            for stream in (1, 2):
                os.dup2(log, stream)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            (lane / "pid").write_text(str(os.getpid()))
            try:
                work(Path(folder), which)
            except BaseException:
                traceback.print_exc()
                os._exit(1)
            os._exit(0)


def steer(folder: Path, control: Control) -> None:
    _write(folder / "control.json", asdict(control))


def races(root: Path) -> list[Path]:
    """The races in `root`, the latest first."""
    return sorted((path.parent for path in root.glob("*/race.json")), reverse=True)


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
    """Also while the worker has not begun."""
    if not pid.exists():
        return True
    try:
        os.kill(int(pid.read_text()), 0)
    except (OSError, ValueError):
        return False
    return True


def work(folder: Path, which: str) -> None:
    """Train one lane as the control file wants, until the race's last iteration or a stop."""
    from lightning_fabric import Fabric

    from resnet_core.data.datasets import open_dataset
    from resnet_core.network import build
    from resnet_core.training.engine import begin, describe, finish
    from resnet_core.training.trainee import Trainee

    settings, fabric = read(folder).settings, Fabric(accelerator="cpu", devices=1)  # so small a network is no faster on a GPU
    row, how, dataset = settings.network(which), settings.recipe(), open_dataset(DATA)
    trainee = Trainee(build(row, settings.seed), how, dataset, settings.seed, fabric)
    lane, state = folder / which, folder / which / "state.safetensors"
    facts = begin(lane, describe(row, how, dataset, settings.seed, None), fabric) | {"status": "running"}
    runs.write_facts(lane, facts)
    if state.exists():
        trainee.restore(state)
    watched = dataset.test.images[:SHOWN]
    with (lane / "live.jsonl").open("w") as live:
        written = 0

        def publish() -> None:
            nonlocal written
            probabilities, classes = trainee.predict(watched).max(1)
            line = {"iteration": trainee.iteration, "rows": trainee.rows[written:]}
            line |= {"classes": classes.tolist(), "probabilities": [round(p, 4) for p in probabilities.tolist()]}
            live.write(json.dumps(line) + "\n")
            live.flush()
            written = len(trainee.rows)

        publish()
        control, read_at = Control(), 0
        clock = time.perf_counter()
        while trainee.iteration < how.iterations:
            changed = (folder / "control.json").stat().st_mtime_ns
            if changed != read_at:
                control, read_at = Control(**json.loads((folder / "control.json").read_text())), changed
            if control.wish == "stop":
                break
            if control.wish == "pause" or (control.until is not None and trainee.iteration >= control.until):
                time.sleep(0.03)
                continue
            trainee.step(control.learning_rate)
            if trainee.iteration % REPORT_EVERY == 0 or trainee.iteration == how.iterations:
                try:
                    trainee.report()
                except FloatingPointError:
                    break
                publish()
            if trainee.iteration % SAVE_EVERY == 0:
                trainee.save(state)
        facts["seconds"] += time.perf_counter() - clock
        if trainee.iteration == how.iterations:
            finish(trainee, lane, facts)
            publish()
            state.unlink(missing_ok=True)
        else:
            trainee.save(state)
            runs.write_metrics(lane, trainee.rows)
            runs.write_facts(lane, {**facts, "status": "stopped"})


if __name__ == "__main__":
    _fork_workers()
