"""What did a training do? Run directories: written atomically, read as one tidy table. Knows no network.

run.json            architecture, recipe, data and its source, seed, commit, hardware, versions, status
metrics.parquet     tidy: step, epoch, split, metric, block, value
measured.parquet    instead of it, where a network was not trained but asked: the table of the answer, tidy
last.safetensors    the weights at the end

Other people's run directories are read too, so each file is checked here, once: whatever is wrong with it is an InputError.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from resnet_core.atomic import replacing
from resnet_core.errors import InputError

METRIC_COLUMNS = ["step", "epoch", "split", "metric", "block", "value"]
LARGEST_JSON, LARGEST_TABLE = 2**20, 2**28  # bytes
MOST_ROWS = 5_000_000
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
        """What a tidy table repeats in each row of the run."""
        names = ("architecture", "layers", "residual", "batch_norm", "data", "recipe", "seed", "scale", "iterations", "seconds")
        network = self.run.removesuffix(f"-seed{self.seed}")
        return {"run": self.run, "network": network, **{name: getattr(self, name) for name in names}}


class _Fields:
    """An object of run.json, whose fields are checked as they are taken. Raises ValueError, in words, for a wrong one."""

    def __init__(self, value: object, name: str) -> None:
        if not isinstance(value, dict):
            raise ValueError(f"{name} is no object")
        self.value: dict[str, Any] = value
        self.name = name

    def take(self, key: str, kinds: tuple[type, ...], words: str, default: tuple[Any, ...]) -> Any:
        """default: of one value, or empty where the field is needed."""
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
    return levels > 0 and all(_shallow(each, levels - 1) for each in inner)


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
        raise InputError(f"{path} is not a run's description ({_line(error)}).") from None


def read_facts(folder: Path) -> dict[str, Any]:
    """Return run.json as it was written, checked as by `read_run`, for who goes on with the run and writes it again."""
    return dict(read_run(folder).recorded)


def _shown(path: Path) -> str:
    return os.fsencode(path).decode(errors="replace")


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]


def write_facts(folder: Path, facts: Mapping[str, Any]) -> None:
    with replacing(folder / "run.json") as path:
        path.write_text(json.dumps(facts, indent=2) + "\n")


@dataclass(frozen=True)
class _Column:
    """What a column of a table may hold."""

    words: str
    fits: Callable[[pa.DataType], bool]
    low: float = -math.inf
    high: float = math.inf
    gaps: bool = False  # whether a value may be missing, or not a number


def _is_number(kind: pa.DataType) -> bool:
    return pa.types.is_floating(kind) or pa.types.is_integer(kind)


def _is_text(kind: pa.DataType) -> bool:
    return pa.types.is_string(kind) or pa.types.is_large_string(kind)


TEXT = _Column("text", _is_text)
TEXT_OR_NOTHING = _Column("text or nothing", lambda kind: _is_text(kind) or pa.types.is_null(kind), gaps=True)
FLAG = _Column("true or false", pa.types.is_boolean)
COUNT = _Column("whole numbers from 0", pa.types.is_integer, 0, 2**53)
NUMBER = _Column("numbers", _is_number, gaps=True)
SIZE = _Column("numbers from 0", _is_number, 0, gaps=True)
PLACE = _Column("finite numbers", _is_number, -1e9, 1e9)
PERCENT = _Column("numbers from 0 to 100", _is_number, 0, 100)
CORRELATION = _Column("numbers from -1 to 1", _is_number, -1.001, 1.001, gaps=True)

_METRICS = {"step": COUNT, "epoch": SIZE, "split": TEXT, "metric": TEXT, "block": TEXT_OR_NOTHING, "value": NUMBER}
MEASURED: dict[str, dict[str, _Column]] = {  # the table of each measurement, by its name
    "depth": {"place": COUNT, "block": TEXT, "gradient_norm": SIZE, "response_sd": SIZE, "output_rms": SIZE},
    "figure7": {"layer": TEXT, "place": COUNT, "response_sd": SIZE},
    "landscape": {
        "alpha": PLACE, "beta": PLACE, "loss": NUMBER, "error_percent": PERCENT, "directions": TEXT, "statistics": TEXT,
    },
    "lesion": {
        "lesion": TEXT, "blocks": TEXT, "count": COUNT, "draw": COUNT, "reestimated": FLAG, "error_percent": PERCENT,
    },
    "paths": {"length": COUNT, "draw": COUNT, "gradient_norm": SIZE},
    "sanity": {
        "image": COUNT, "method": TEXT, "layer": COUNT, "random_down_to": TEXT, "absolute": CORRELATION, "signed": CORRELATION,
    },
    "shattering": {"block": TEXT, "lag": COUNT, "correlation": CORRELATION, "radians": SIZE},
    "similarity": {"block": TEXT, "other_block": TEXT, "cka": CORRELATION, "other": TEXT},
}  # fmt: skip


def _table(path: Path, columns: Mapping[str, _Column]) -> pd.DataFrame:
    """Read a table and check these columns of it. Raises ValueError, in words, for a wrong one."""
    if not path.is_file():
        raise ValueError("there is no such file")
    if path.stat().st_size > LARGEST_TABLE:
        raise ValueError(f"it has more than {LARGEST_TABLE:,} bytes")
    with pq.ParquetFile(path) as file:
        schema, rows = file.schema_arrow, file.metadata.num_rows
        if not 0 < rows <= MOST_ROWS:
            raise ValueError(f"it must have 1 to {MOST_ROWS:,} rows")
        if len(set(schema.names)) != len(schema.names):
            raise ValueError("two of its columns have one name")
        for name, column in columns.items():
            if name not in schema.names:
                raise ValueError(f"it has no column {name}")
            if not column.fits(schema.field(name).type):
                raise ValueError(f"its column {name} must be {column.words}")
        table: pd.DataFrame = file.read().to_pandas(ignore_metadata=True)
    for name, column in columns.items():
        values = table[name].dropna()
        in_range = column.low == -math.inf or values.between(column.low, column.high).all()
        if not in_range or (len(values) < len(table) and not column.gaps):
            raise ValueError(f"its column {name} must be {column.words}")
    return table


def _check_metrics(table: pd.DataFrame) -> None:
    """Raises ValueError, in words, for metrics that no training records."""
    if not (table.groupby(["split", "metric", "block"], dropna=False, sort=False).step.diff().dropna() > 0).all():
        raise ValueError("the steps of a metric do not increase")
    if not table.value[table.metric == "error_percent"].between(0, 100).all():
        raise ValueError("an error must be a percentage from 0 to 100")


def _read_table(path: Path, columns: Mapping[str, _Column], what: str) -> pd.DataFrame:
    """Raises InputError, whatever is wrong with the file."""
    try:
        return _table(path, columns)
    except Exception as error:  # a broken file makes its decoder raise errors of a dozen kinds
        raise InputError(f"{path} holds no {what} ({_line(error)}).") from None


def write_metrics(folder: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    table = pd.DataFrame(rows, columns=METRIC_COLUMNS)
    with replacing(folder / "metrics.parquet") as path:
        table.to_parquet(path, index=False)


def read_metrics(folder: Path) -> pd.DataFrame:
    """metrics.parquet. Raises InputError where it is missing or broken."""
    path = folder / "metrics.parquet"
    table = _read_table(path, _METRICS, "metrics of a run")[METRIC_COLUMNS]
    try:
        _check_metrics(table)
    except ValueError as error:
        raise InputError(f"{path} holds no metrics of a run ({error}).") from None
    return table


def write_measured(folder: Path, table: pd.DataFrame) -> None:
    with replacing(folder / "measured.parquet") as path:
        table.to_parquet(path, index=False)


def results(facts: RunFacts) -> pd.DataFrame | None:
    """Return what a run recorded as a tidy table: its `columns`, then those of its metrics or of its measurement.

    None where it has not recorded anything yet.

    Raises:
        InputError: Its table is broken, or is not that of a run as run.json describes it.
    """
    if facts.measurement is not None:
        if facts.status != "finished":
            return None
        path = facts.folder / "measured.parquet"
        table = _read_table(path, MEASURED.get(facts.measurement, {}), "measurement")
        if common := facts.columns.keys() & set(table.columns):
            raise InputError(f"{path} holds no measurement (its column {min(common)} is one of run.json's).")
        return _beside(facts.columns, table)
    if facts.status == "running" and not (facts.folder / "metrics.parquet").exists():
        return None
    table = read_metrics(facts.folder)
    if table.step.max() > facts.iterations:
        raise InputError(f"{facts.folder} records more than the {facts.iterations:,} iterations of its run.json.")
    return _beside(facts.columns, table)


def _beside(columns: Mapping[str, Any], table: pd.DataFrame) -> pd.DataFrame:
    return table.assign(**columns)[[*columns, *table.columns]]


def find(*roots: Path) -> list[Path]:
    """Return every run directory in or below the folders, in order."""
    # unlike `Path.rglob`, it does not mind a folder that somebody removes meanwhile
    return sorted(Path(place) for root in roots for place, _, files in os.walk(root) if "run.json" in files)


def _load(roots: Iterable[Path], measured: bool, what: str) -> pd.DataFrame:
    every = [facts for facts in map(read_run, find(*roots)) if (facts.measurement is not None) == measured]
    tables = [table for table in map(results, every) if table is not None]
    if not tables:
        raise InputError(f"There is no {what} in {', '.join(map(str, roots)) or 'an empty list of folders'}.")
    return pd.concat(tables, ignore_index=True)


def load(*roots: Path) -> pd.DataFrame:
    """All runs in or below the folders that have recorded anything, as one tidy table.

    Columns: run (folder name), network (the same without its seed), architecture, layers, residual, batch_norm, data, recipe,
    seed, scale (of the recipe's iterations), iterations, seconds (so far), then step … value as recorded.
    Raises InputError where there is none, or one is broken.
    """
    return _load(roots, False, "run with results")


def load_measured(*roots: Path) -> pd.DataFrame:
    """The answers of all finished measurements in or below the folders, which must be of one kind, as one tidy table.

    Columns: run … seconds as in `load`, then those of the measurement. Raises InputError where there is none, or one is broken.
    """
    return _load(roots, True, "measurement")
