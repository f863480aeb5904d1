"""How far is a race? Its folder, read again and again for many watchers at once."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from resnet_core import runs
from resnet_core.live.race_folder import (
    CLASSES,
    LOCK,
    NETWORKS,
    SHOWN,
    STARTING,
    UNFINISHED,
    BrokenError,
    Control,
    Settings,
    Status,
    check_file,
    is_number,
    is_whole,
    naming,
    read_settings,
    recorded_status,
)  # fmt: skip
from resnet_core.locks import is_held


@dataclass(frozen=True, eq=False)
class Lane:
    """One network of a race, as far as it is trained."""

    name: str
    status: Status  # "diverged": its loss is not finite; "dead": its worker ended before it did
    iteration: int
    table: pd.DataFrame  # tidy, as a run's metrics
    predictions: tuple[dict[str, Any], ...]  # by iteration: classes and probabilities of the SHOWN first test images

    def at(self, iteration: int) -> dict[str, Any]:
        """Return the latest predictions at or before the iteration; the first ones if there are none."""
        return next((guess for guess in reversed(self.predictions) if guess["iteration"] <= iteration), self.predictions[0])


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


def read(folder: Path) -> Race:
    """Return the race as it is now. Raises InputError where `folder` holds none, or anything of it is broken."""
    return Reader(folder).read()


def _status(lane: Path) -> Status:
    for _ in range(2):  # between a look at the file and one at the lock a worker may begin, or end
        status = recorded_status(lane)
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
        """Return the race as it is now, or as it was at most so many seconds ago. Raises InputError as `read` does."""
        with self._lock:
            if self._latest and time.monotonic() - self._latest[0] < seconds:
                return self._latest[1]
            settings, control = read_settings(self._folder)
            with naming(self._folder):
                race = Race(self._folder, settings, control, {lane: self._lane(lane, settings) for lane in NETWORKS})
            self._latest = time.monotonic(), race
            return race

    def forget(self) -> None:
        """Make the next reading look at the files."""
        with self._lock:
            self._latest = None

    def _lane(self, lane: str, settings: Settings) -> Lane:
        lines = self._lanes.setdefault(lane, _Lines(self._folder / lane / "live.jsonl", settings.network(lane).block_labels))
        status = _status(self._folder / lane)  # before the lines: a status changes after the last of them is written
        lines.read()
        iteration = lines.predictions[-1]["iteration"] if lines.predictions else 0
        return Lane(lane, status, iteration, lines.table, tuple(lines.predictions))


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
            check_file(self._path, runs.LARGEST_TABLE)
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
            raise BrokenError(f"live.jsonl cannot be read ({error.strerror})") from None
        new = found[len(self._last) : found.rfind(b"\n") + 1]  # the last line may still be being written
        if not new:
            return
        lines = new.splitlines(keepends=True)
        try:
            for line in lines:
                self._take(json.loads(line.decode("utf-8")))
        except (ValueError, KeyError, TypeError, RecursionError):
            self._forget()
            raise BrokenError("live.jsonl has a line that no race writes") from None
        self._offset += len(new)
        self._last = lines[-1]
        self.table = pd.DataFrame(self._columns)

    def _take(self, line: dict[str, Any]) -> None:
        """Take what a line says, whose types are checked here and nowhere else. Raises ValueError, KeyError or TypeError."""
        iteration, classes, probabilities = line["iteration"], line["classes"], line["probabilities"]
        good = is_whole(iteration) and 0 <= iteration <= 2**31 and len(classes) == len(probabilities) == SHOWN
        good = good and all(is_whole(found) and 0 <= found < CLASSES for found in classes)
        good = good and all(is_number(p) and not (p < 0 or p > 1) for p in probabilities)
        if not good or not isinstance(line["rows"], list):
            raise ValueError("an iteration and the predictions at it")
        for row in line["rows"]:
            step, epoch, split, metric, block, value = (row[name] for name in runs.METRIC_COLUMNS)
            good = is_whole(step) and 0 <= step <= 2**31 and is_number(epoch) and is_number(value)
            if not good or not isinstance(split, str) or not isinstance(metric, str) or block not in self._blocks:
                raise ValueError("a row of metrics")
            for name, cell in row.items():
                self._columns[name].append(cell)
        self.predictions.append({"iteration": iteration, "classes": classes, "probabilities": probabilities})
