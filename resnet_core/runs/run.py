"""Who may write into a run directory? A `Run`: it holds the directory's lock, and nothing else writes there.

run.json            what the run is (`RunFacts`): architecture, recipe, data, seed, commit, hardware, versions, status
metrics.jsonl       while it trains: a line a metric, appended; the checkpoint says how many bytes of it are valid
state.safetensors   while it trains: the last checkpoint
metrics.parquet     at the end: the same metrics as a tidy table
measured.parquet    instead of it, where a network was not trained but measured: the table of the measurement, tidy
last.safetensors    the weights at the end
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock
from safetensors import SafetensorError, safe_open

from resnet_core.atomic import replacing
from resnet_core.errors import InputError
from resnet_core.locks import take
from resnet_core.runs.facts import RunFacts, parse_facts, read_run
from resnet_core.runs.table import write_measured, write_metrics

if TYPE_CHECKING:
    import pandas as pd
    from torch import Tensor

LOCK = ".lock"
_PROVENANCE = ("commit", "versions", "hardware")  # what may change where a run is resumed


class LockedError(InputError):
    """Another process writes into the run directory."""


class FinishedError(InputError):
    """The run directory holds the run, finished."""


def write_facts(folder: Path, facts: Mapping[str, Any]) -> None:
    """Write run.json, whole at any moment."""
    with replacing(folder / "run.json") as path:
        path.write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")


def _undo(folder: Path, made: Iterable[Path]) -> None:
    """Remove the lock of a run that was never begun, and the folders that were made for it."""
    with suppress(OSError):
        (folder / LOCK).unlink(missing_ok=True)
        for empty in made:
            empty.rmdir()


@dataclass(frozen=True)
class SavedState:
    """A checkpoint of an unfinished run: its tensors, and what else the training needs to resume."""

    path: Path
    tensors: dict[str, Tensor]
    progress: dict[str, Any]

    def damaged(self, error: Exception) -> InputError:
        """Return the sentence for a checkpoint from which nothing can be resumed."""
        return _damaged(self.path, error)


def _damaged(path: Path, error: Exception) -> InputError:
    reason = (str(error).splitlines() or [type(error).__name__])[0]
    return InputError(f"{path} is damaged ({reason}); remove it to begin anew.")


def mismatch(expected: Mapping[str, Any], recorded: Mapping[str, Any], recipe_defaults: Mapping[str, Any]) -> str | None:
    """Return the first key of `expected` whose recorded value differs, or None if all match.

    A recipe's note may differ. Keys that an older version did not record count as `recipe_defaults` say, or as equal: the digests
    of its data and of the weights that it started from, and the sizes in the digest of photographs.
    """
    for key, value in expected.items():
        found = recorded.get(key)
        if key == "start_digest" and key not in recorded:
            continue
        if isinstance(value, Mapping):
            found = found or {}
            if key == "recipe":
                value, found = ({**recipe_defaults, **recipe, "note": None} for recipe in (value, found))
            if key == "data":
                value = {**value, "digest": comparable_digest(value["digest"], found.get("digest"))}
                found = {"digest": value["digest"], **found}
            if key == "architecture":
                found = {name: field for name, field in found.items() if name in value}
        if found != value:
            return "start" if key == "start_digest" else key
    return None


def comparable_digest(ours: str, recorded: str | None) -> str:
    """Return our digest of data in the format of `recorded`, which an earlier version may have written."""
    if recorded is None:
        return ours
    return ours if "+" in recorded else _without_sizes(ours)


def _without_sizes(digest: str) -> str:
    """Return a digest of photographs without the sizes of their files."""
    return "-".join(part.split("+")[0] for part in digest.split("-"))


class Run:
    """A run directory in the hands of this process. Use it as a context manager: its lock is released at the end.

    Of several processes that train together the first one writes; the others' runs only read.
    """

    def __init__(self, folder: Path, lock: FileLock | None) -> None:
        self.folder = folder
        self._lock = lock  # None: another process of this training writes
        self._made: list[Path] = []  # the folders that were made to open it
        self._facts: dict[str, Any] = {}
        self._made_with: Mapping[str, Any] = {}

    @classmethod
    def open(
        cls,
        folder: Path,
        expected: Mapping[str, Any] | None = None,
        recipe_defaults: Mapping[str, Any] | None = None,
        writes: bool = True,
        patience: float = 0,
    ) -> Run:
        """Lock the directory of a new run, or of an unfinished one.

        Open it before anything is computed, so that a refusal costs nothing.

        Args:
            folder: The run directory; it is made where there is none.
            expected: What is known of the run before its data are opened, as run.json records it.
            recipe_defaults: The recipe's fields that an older run.json may lack.
            writes: False in all but the first of several processes that train together.
            patience: Seconds to wait for a process that is about to end.

        Raises:
            InputError: Another process holds the directory, it cannot be made or locked, or it holds another or a finished run.
        """
        try:
            str(folder.absolute()).encode()
        except UnicodeEncodeError:
            shown = os.fsencode(folder).decode(errors="replace")
            raise InputError(f"{shown} is not named in UTF-8; choose another folder of runs with --out.") from None
        try:
            absent = [place for place in (folder, *folder.parents) if not place.exists()]
        except OSError as error:  # a name that is too long, a folder that may not be looked into
            raise InputError(f"{folder} cannot be made ({error.strerror}); choose another folder of runs with --out.") from None
        try:
            lock = take(folder / LOCK, patience) if writes else None
        except InputError:
            _undo(folder, absent)
            raise
        if writes and lock is None:
            raise LockedError(f"Another process is training {folder}; wait for it, or choose another folder with --out.")
        run = cls(folder, lock)
        run._made = absent
        try:
            if (folder / "run.json").exists():
                run._facts = dict(read_run(folder).recorded)
                run.require(expected or {}, recipe_defaults or {})
        except BaseException:
            run.close()
            raise
        return run

    def __enter__(self) -> Run:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def close(self) -> None:
        """Release the lock, and remove the folders of a run that was opened but never begun."""
        if self._lock is None:
            return
        if not self._facts:  # by whoever holds the lock, so that nobody else has begun there
            _undo(self.folder, self._made)
        self._lock.release()
        self._lock = None

    @property
    def facts(self) -> RunFacts | None:
        """Return the facts in run.json; None for a new run."""
        return parse_facts(self.folder, self._facts) if self._facts else None

    def await_repair(self, picture: str) -> None:
        """Record that a picture of the data cannot be read, so that the run resumes with a readable copy of another size."""
        data = {**self._facts["data"], "digest": _without_sizes(self._facts["data"]["digest"])}
        self._update(self._facts, data=data, repairing=picture)

    def require(self, expected: Mapping[str, Any], recipe_defaults: Mapping[str, Any]) -> None:
        """Raise InputError where the directory holds a run of something else, or a finished one."""
        other = mismatch(expected, self._facts, recipe_defaults)
        if other == "data":
            raise InputError(
                f"{self.folder} holds a run on other data; put its data back as they were, or choose another folder."
            )
        if other:
            raise InputError(f"{self.folder} holds a run with another {other}; choose another folder.")
        if self._facts["status"] == "finished":
            raise FinishedError(f"{self.folder} holds this run, finished; choose another folder.")

    def begin(
        self,
        description: Mapping[str, Any],
        made_with: Mapping[str, Any],
        recipe_defaults: Mapping[str, Any] | None = None,
        compiled: bool = False,
    ) -> None:
        """Begin a new run, or resume the unfinished one with the same `description`.

        Args:
            description: The facts by which a run is the same or another.
            made_with: commit, versions and hardware; recorded where the run begins, and where they change.
            recipe_defaults: As in `open`.
            compiled: Whether its steps are compiled from now on.

        Raises:
            InputError: The directory holds another run, or this one finished.
        """
        self._made_with = made_with
        if not self._facts:
            self._update({**description, **made_with, "seconds": 0.0, "status": "running"}, compiled=compiled)
        else:
            self.require(description, recipe_defaults or {})
            self._facts = {**self._facts, "seconds": self._facts.get("seconds", 0.0), "compiled": compiled}
            if picture := self._facts.pop("repairing", None):
                self._facts |= {"data": description["data"], "repaired": [*self._facts.get("repaired", []), picture]}
        if self._lock:
            for half in self.folder.glob(".*.part"):  # what a killed process was writing
                half.unlink(missing_ok=True)
            if not self._state.exists():
                self._metrics.unlink(missing_ok=True)

    def _update(self, facts: Mapping[str, Any], **changes: Any) -> None:
        facts = {**facts, **changes}
        if self._lock:
            write_facts(self.folder, facts)
        self._facts = facts

    @property
    def _state(self) -> Path:
        return self.folder / "state.safetensors"

    @property
    def _metrics(self) -> Path:
        return self.folder / "metrics.jsonl"

    @property
    def checkpoint_path(self) -> Path | None:
        """Return the file of the last checkpoint; None before the first."""
        return self._state if self._state.exists() else None

    def mark(self, status: str) -> None:
        """Record the status in run.json."""
        self._update(self._facts, status=status)

    def append(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Append metrics to metrics.jsonl. Raises InputError where the disk is full."""
        text = "".join(json.dumps(row) + "\n" for row in rows)
        if not self._lock or not text:
            return
        try:
            with self._metrics.open("a", encoding="utf-8") as file:
                file.write(text)
        except OSError as error:
            raise InputError(f"{self._metrics} cannot be written ({error.strerror}); the last checkpoint is whole.") from None

    @property
    def rows(self) -> list[dict[str, Any]]:
        """Return all rows of metrics that were appended."""
        if not self._metrics.exists():
            return []
        return [json.loads(line) for line in self._metrics.read_text(encoding="utf-8").splitlines()]

    def add_seconds(self, seconds: float) -> None:
        """Add to the seconds of training; the next checkpoint writes the sum into run.json."""
        self._facts["seconds"] += seconds

    def checkpoint(self, tensors: Mapping[str, Tensor], progress: Mapping[str, Any]) -> None:
        """Save what a resumed training needs, in one file that is whole at any moment.

        Args:
            tensors: Weights, and the optimiser's buffers.
            progress: What else there is to know, as JSON: the iteration, …
        """
        if not self._lock:
            return
        from safetensors.torch import save_file

        valid = 0
        if self._metrics.exists():  # on the disk before the checkpoint which counts on them
            with self._metrics.open("rb") as file:
                os.fsync(file.fileno())
                valid = os.fstat(file.fileno()).st_size
        header = {name: json.dumps(value) for name, value in {**progress, "metrics_bytes": valid}.items()}
        with replacing(self._state) as path:
            save_file(dict(tensors), path, header)
        self._update(self._facts)

    def restore(self) -> SavedState | None:
        """Return the last checkpoint, and take back the metrics that were appended after it; None before the first one.

        Where the commit, the versions or the hardware are no longer those of before, run.json will say so.

        Raises:
            InputError: The checkpoint is damaged.
        """
        if not self._state.exists():
            return None
        from safetensors.torch import load_file

        try:
            tensors = load_file(self._state)
            with safe_open(self._state, "pt") as file:
                progress = {name: json.loads(value) for name, value in (file.metadata() or {}).items()}
            if self._lock:
                self._take_back_metrics(progress)
            self._note_changes(progress["iteration"])
        except (SafetensorError, OSError, ValueError, KeyError, TypeError) as error:
            raise _damaged(self._state, error) from None
        return SavedState(self._state, tensors, progress)

    def _take_back_metrics(self, progress: dict[str, Any]) -> None:
        if "rows" in progress:  # an earlier version kept the metrics in the checkpoint itself
            with replacing(self._metrics) as path:
                path.write_text("".join(json.dumps(row) + "\n" for row in progress["rows"]), encoding="utf-8")
        elif self._metrics.exists() or progress["metrics_bytes"]:
            if self._metrics.stat().st_size < progress["metrics_bytes"]:
                raise ValueError("metrics.jsonl beside it is shorter than it was")
            os.truncate(self._metrics, progress["metrics_bytes"])

    def _note_changes(self, iteration: int) -> None:
        earlier: list[dict[str, Any]] = self._facts.get("resumed", [])
        last = earlier[-1] if earlier else self._facts
        now = {key: self._made_with[key] for key in _PROVENANCE if key in self._made_with}
        if any(last.get(key) != value for key, value in now.items()):
            self._facts = {**self._facts, "resumed": [*earlier, {"iteration": iteration, **now}]}

    def stop(self, status: str) -> None:
        """Write the table of the metrics so far, and a status other than "finished"; the checkpoint stays."""
        if self._lock:
            write_metrics(self.folder, self.rows)
            self.mark(status)

    def finish(self, **facts: Any) -> None:
        """Write the table of the metrics and at last run.json, which says "finished"; the checkpoint is removed.

        Args:
            facts: Further fields of run.json.
        """
        if not self._lock:
            return
        write_metrics(self.folder, self.rows)
        self._update(self._facts, **facts, status="finished")
        for path in (self._state, self._metrics):
            path.unlink(missing_ok=True)

    def finish_measured(self, table: pd.DataFrame, facts: Mapping[str, Any]) -> None:
        """Write a measurement's table and at last run.json, which says "finished"."""
        write_measured(self.folder, table)
        self._update(facts, status="finished")
