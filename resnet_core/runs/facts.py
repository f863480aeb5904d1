"""What does run.json say of a run? Typed facts, each checked once. Knows no network.

Other people's run directories are read too: whatever is wrong with one is an InputError.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from resnet_core.errors import InputError

LARGEST_JSON = 2**20  # bytes
DEEPEST = 8  # levels of a run.json; it has four


@dataclass(frozen=True)
class RunFacts:
    """What run.json says of one run, each value checked. What an earlier version did not write has its default."""

    folder: Path
    architecture: str  # its name
    layers: int
    width: int | None
    shortcut: str | None  # None: a plain network
    batch_norm: bool
    recipe: str  # its name
    iterations: int
    scale: float  # of the recipe's own iterations
    phases: tuple[tuple[int, int], ...]  # iterations and resolution of each
    note: str
    data: str  # its title
    source: str
    seed: int
    start: str | None  # the run whose weights it began from
    precision: str
    compiled: bool
    commit: str | None
    versions: Mapping[str, Any]
    hardware: Mapping[str, Any]
    threads: int
    processes: int
    seconds: float
    status: str
    measurement: str | None  # its name; None: a training
    question: str | None
    recorded: Mapping[str, Any]  # run.json itself

    @property
    def run(self) -> str:
        return self.folder.name

    @property
    def residual(self) -> bool:
        return self.shortcut is not None

    @property
    def columns(self) -> dict[str, Any]:
        """Return the facts that a tidy table repeats in every row of the run."""
        names = ("architecture", "layers", "residual", "batch_norm", "data", "recipe", "seed", "scale", "iterations", "seconds")
        network = self.run.removesuffix(f"-seed{self.seed}")
        return {"run": self.run, "network": network, **{name: getattr(self, name) for name in names}}


class _Fields:
    """An object of run.json. Its methods return one field, checked; they raise ValueError, in words, for a wrong one."""

    def __init__(self, value: object, name: str) -> None:
        if not isinstance(value, dict):
            raise ValueError(f"{name} is no object")
        self.value: dict[str, Any] = value
        self.name = name

    def take(self, key: str, kinds: tuple[type, ...], words: str, default: tuple[Any, ...]) -> Any:
        """Return a field whose value is of one of these types.

        Args:
            words: what the value must be, as the error says it: "text or null".
            default: (value,) for an optional field; () for one that must be there.
        """
        if key not in self.value and default:
            return default[0]
        value = self.value.get(key)
        if key not in self.value or type(value) not in kinds:
            raise ValueError(f"{key} of {self.name} must be {words}")
        return value

    def inner(self, key: str, *default: dict[str, Any]) -> _Fields:
        return _Fields(self.take(key, (dict,), "an object", default), key)

    def text(self, key: str, *default: str) -> str:
        text: str = self.take(key, (str,), "text", default)
        return text

    def text_or_none(self, key: str) -> str | None:
        text: str | None = self.take(key, (str, type(None)), "text or null", (None,))
        return text

    def flag(self, key: str, *default: bool) -> bool:
        flag: bool = self.take(key, (bool,), "true or false", default)
        return flag

    def whole(self, key: str, low: int, high: int, *default: Any) -> Any:
        words = f"a whole number from {low:,} to {high:,}"
        value = self.take(key, (int,), words, default)
        if key in self.value and not low <= value <= high:
            raise ValueError(f"{key} of {self.name} must be {words}")
        return value

    def number(self, key: str, low: float, high: float, *default: float) -> float:
        words = f"a number from {low:g} to {high:g}"
        value = self.take(key, (int, float), words, default)
        if not low <= value <= high:  # NaN neither
            raise ValueError(f"{key} of {self.name} must be {words}")
        return float(value)


def _parsed(folder: Path, text: str) -> RunFacts:
    """Raises ValueError or RecursionError for what is no run's description."""
    recorded = json.loads(text, parse_constant=_no_number)
    if not _shallow(recorded, DEEPEST):
        raise ValueError(f"it is more than {DEEPEST} levels deep")
    json.dumps(recorded, ensure_ascii=False).encode()  # half a surrogate pair can be shown and written nowhere
    return parse_facts(folder, recorded)


def parse_facts(folder: Path, recorded: Mapping[str, Any]) -> RunFacts:
    """Return the facts of the run in `folder`. Raises ValueError, in words, where a field is missing or wrong."""
    facts = _Fields(recorded, "run.json")
    architecture, recipe, data, hardware = (
        facts.inner("architecture"), facts.inner("recipe"), facts.inner("data"), facts.inner("hardware", {}),
    )  # fmt: skip
    for key, fields in (("architecture", architecture), ("recipe", recipe)):
        if not fields.text("name").isprintable():
            raise ValueError(f"the name of its {key} is no line of text")
    measurement = facts.inner("measurement") if "measurement" in recorded else None
    resumed = facts.take("resumed", (list,), "a list", ([],))
    for each in resumed:
        _Fields(each, "resumed")
    phases = [_Fields(phase, "phases") for phase in recipe.take("phases", (list,), "a list", ([],))]
    if "shortcut" not in architecture.value:
        raise ValueError("shortcut of architecture is missing")
    return RunFacts(
        folder=folder,
        architecture=architecture.text("name"),
        layers=facts.whole("layers", 1, 100_000),
        width=architecture.whole("width", 1, 100_000, None),
        shortcut=architecture.text_or_none("shortcut"),
        batch_norm=architecture.flag("batch_norm"),
        recipe=recipe.text("name"),
        iterations=recipe.whole("iterations", 0, 10**12, 0),
        scale=recipe.number("scale", 1e-12, 1e12, 1.0),
        phases=tuple((phase.whole("iterations", 0, 10**12), phase.whole("resolution", 1, 100_000)) for phase in phases),
        note=recipe.text("note", ""),
        data=data.text("title"),
        source=data.text("source", "source unknown"),
        seed=facts.whole("seed", -(2**63), 2**63 - 1),
        start=facts.text_or_none("start"),
        precision=facts.text("precision", "32-true"),
        compiled=facts.flag("compiled", False),
        commit=facts.text_or_none("commit"),
        versions=facts.inner("versions", {}).value,
        hardware=hardware.value,
        threads=hardware.whole("threads", 1, 100_000, 1),
        processes=hardware.whole("processes", 1, 100_000, 1),
        seconds=facts.number("seconds", 0, 1e12, 0.0),
        status=facts.text("status"),
        measurement=measurement.text("name") if measurement else None,
        question=measurement.text("question", "") if measurement else None,
        recorded=recorded,
    )


def _no_number(constant: str) -> None:
    raise ValueError(f"{constant} is no number")


def _shallow(value: object, levels: int) -> bool:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return levels > 0 and all(_shallow(item, levels - 1) for item in inner)


def read_run(folder: Path) -> RunFacts:
    """Read and check the run.json of a run directory.

    Raises:
        InputError: There is none, or it is not a run's description; the sentence names the folder.
    """
    path = folder / "run.json"
    try:
        str(folder).encode()
    except UnicodeEncodeError:
        raise InputError(f"{_shown(folder)} is not named in UTF-8; rename it.") from None
    try:
        if not path.is_file():  # nor a pipe, which would be waited for
            raise FileNotFoundError
        if path.stat().st_size > LARGEST_JSON:
            raise ValueError(f"it has more than {LARGEST_JSON:,} bytes")
        return _parsed(folder, path.read_text(encoding="utf-8"))
    except OSError:
        raise InputError(f"{folder} is not a run directory: it has no run.json.") from None
    except RecursionError:
        raise InputError(f"{path} is not a run's description (it is too deep).") from None
    except ValueError as error:  # those of JSON, UTF-8 and too large numbers are among them
        raise InputError(f"{path} is not a run's description ({one_line(error)}).") from None


def read_facts(folder: Path) -> dict[str, Any]:
    """Return run.json as it was written, checked as by `read_run`."""
    return dict(read_run(folder).recorded)


def _shown(path: Path) -> str:
    return os.fsencode(path).decode(errors="replace")


def one_line(error: Exception) -> str:
    """Return what the error says, in one line of at most 200 characters."""
    return " ".join(str(error).split())[:200]
