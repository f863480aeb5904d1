"""What is a race? A folder: what was chosen, what its watcher wants, and a run directory for each of two networks.

`race.json` (what was chosen), `control.json` (what the watcher wants) and the run directories `plain` and `residual`, in which
`live.jsonl` grows by a line every few steps. race_launcher.py starts the workers of worker.py, and race_reader.py reads what they
publish; nothing of the three needs torch.

Whether a lane is at work is a question of locks, never of clocks or process numbers, which repeat: the worker holds the lane's
`.lock`; until it does, whoever starts it holds the race's `.starting`. The system ends both locks with their processes.
"""

from __future__ import annotations

import io
import json
import stat
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args

from resnet_core import runs
from resnet_core.atomic import replacing
from resnet_core.errors import InputError
from resnet_core.networks.architectures import Architecture, Shortcut, architecture
from resnet_core.training.recipe import Recipe, recipe

NETWORKS = ("plain", "residual")
SHOWN = 10  # test images whose predictions are followed
LEARNING_RATES = (0.01, 0.02, 0.05, 0.1, 0.2)
SHORTCUTS: tuple[Shortcut, ...] = ("A", "B", "C")
DATA = "digits"
CLASSES = 10  # of the data
FAREWELL = 10  # seconds in which a lane's worker may end after it has recorded its end
LOCK, STARTING = runs.LOCK, ".starting"  # files beside those that are packed
Wish = Literal["run", "pause", "stop"]
Status = Literal["starting", "running", "stopped", "finished", "diverged", "dead"]
UNFINISHED = ("starting", "running")
Made = TypeVar("Made")


def is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def is_number(value: object) -> bool:
    """Return whether a value of JSON is a number that a float holds exactly; inf and nan too, as losses may be."""
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
        whole = all(is_whole(value) for value in (self.depth, self.width, self.seed, self.iterations))
        if not whole or not is_number(self.learning_rate) or not isinstance(self.batch_norm, bool):
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

    def network(self, lane: str) -> Architecture:
        depths = ((self.depth - 2) // 6,) * 3
        row = architecture("resnet20-cifar", depths=depths, width=self.width, shortcut=self.shortcut, batch_norm=self.batch_norm)
        if lane == "residual":
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
        known = self.wish in get_args(Wish) and (self.until is None or is_whole(self.until))
        if not known or not (rate is None or (is_number(rate) and 0 < rate < float("inf"))):
            raise InputError("A race is to run, pause or stop, until a whole iteration, at a rate above 0.")


def write_json(path: Path, value: object) -> None:
    with replacing(path) as beside:
        beside.write_text(json.dumps(value) + "\n")


def steer(folder: Path, control: Control) -> None:
    """Tell both workers what the watcher wants."""
    write_json(folder / "control.json", asdict(control))


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


def read_settings(folder: Path) -> tuple[Settings, Control]:
    """Return what was chosen and what is wanted now. Raises InputError where `folder` holds no race of this version."""
    with naming(folder):
        return _made(Settings, folder / "race.json"), _made(Control, folder / "control.json")


class BrokenError(Exception):
    """What is wrong with which file: the end of the sentence that names the race."""


@contextmanager
def naming(folder: Path) -> Iterator[None]:
    try:
        yield
    except BrokenError as error:
        raise InputError(f"{folder.absolute().name} is not a race that can be read: its {error}.") from None


def _made(kind: Callable[..., Made], path: Path) -> Made:
    try:
        return kind(**_read_json(path))
    except TypeError:
        raise BrokenError(f"{path.name} has other fields than this version writes") from None
    except InputError:
        raise BrokenError(f"{path.name} has values that no race has") from None


def _read_json(path: Path) -> dict[str, Any]:
    try:
        check_file(path, runs.LARGEST_JSON)
        found = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(found, dict):
            return found
    except OSError as error:
        raise BrokenError(f"{path.name} cannot be read ({error.strerror})") from None
    except (ValueError, RecursionError):
        pass
    raise BrokenError(f"{path.name} is not a JSON object")


def check_file(path: Path, most: int) -> None:
    """Raise BrokenError for what would be waited for, such as a pipe, and for more bytes than a race writes."""
    found = path.stat()
    if not stat.S_ISREG(found.st_mode):
        raise BrokenError(f"{path.name} is no file")
    if found.st_size > most:
        raise BrokenError(f"{path.name} has more than {most:,} bytes")


def recorded_status(lane: Path) -> Status:
    """Return what the lane's run.json says; "starting" before there is one."""
    if not (lane / "run.json").exists():
        return "starting"
    status: Any = _read_json(lane / "run.json").get("status")
    if status not in ("running", "stopped", "finished", "diverged"):
        raise BrokenError("run.json has no status that a race has")
    return status
