"""What did trainings and measurements record? Tidy tables, of one run or of many.

Other people's run directories are read too: whatever is wrong with a table is an InputError.
"""

from __future__ import annotations

import math
import os
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from resnet_core.atomic import replacing
from resnet_core.errors import InputError
from resnet_core.runs.facts import RunFacts, one_line, read_run

METRIC_COLUMNS = ["step", "epoch", "split", "metric", "block", "value"]
LARGEST_TABLE = 2**28  # bytes
MOST_ROWS = 5_000_000


@dataclass(frozen=True)
class Column:
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


TEXT = Column("text", _is_text)
TEXT_OR_NOTHING = Column("text or nothing", lambda kind: _is_text(kind) or pa.types.is_null(kind), gaps=True)
FLAG = Column("true or false", pa.types.is_boolean)
COUNT = Column("whole numbers from 0", pa.types.is_integer, 0, 2**53)
NUMBER = Column("numbers", _is_number, gaps=True)
SIZE = Column("numbers from 0", _is_number, 0, gaps=True)
PLACE = Column("finite numbers", _is_number, -1e9, 1e9)
PERCENT = Column("numbers from 0 to 100", _is_number, 0, 100)
CORRELATION = Column("numbers from -1 to 1", _is_number, -1.001, 1.001, gaps=True)

_METRICS = {"step": COUNT, "epoch": SIZE, "split": TEXT, "metric": TEXT, "block": TEXT_OR_NOTHING, "value": NUMBER}


def _table(path: Path, columns: Mapping[str, Column]) -> pd.DataFrame:
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


def _read_table(path: Path, columns: Mapping[str, Column], what: str) -> pd.DataFrame:
    """Raises InputError, whatever is wrong with the file."""
    try:
        return _table(path, columns)
    except Exception as error:  # a broken file makes its decoder raise errors of a dozen kinds
        raise InputError(f"{path} holds no {what} ({one_line(error)}).") from None


def write_metrics(folder: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write metrics.parquet from rows with the METRIC_COLUMNS."""
    table = pd.DataFrame(rows, columns=METRIC_COLUMNS)
    with replacing(folder / "metrics.parquet") as path:
        table.to_parquet(path, index=False)


def read_metrics(folder: Path) -> pd.DataFrame:
    """Read metrics.parquet of a run directory. Raises InputError where the file is missing or broken."""
    path = folder / "metrics.parquet"
    table = _read_table(path, _METRICS, "metrics of a run")[METRIC_COLUMNS]
    try:
        _check_metrics(table)
    except ValueError as error:
        raise InputError(f"{path} holds no metrics of a run ({error}).") from None
    return table


def write_measured(folder: Path, table: pd.DataFrame) -> None:
    """Write measured.parquet."""
    with replacing(folder / "measured.parquet") as path:
        table.to_parquet(path, index=False)


def measured(facts: RunFacts, columns: Mapping[str, Column]) -> pd.DataFrame | None:
    """Return what a measurement recorded as a tidy table: the run's `columns`, then its own; None if it is not finished.

    Args:
        columns: what the table must hold, by name; more may be there.

    Raises:
        InputError: The table is broken, or lacks a column.
    """
    if facts.status != "finished":
        return None
    path = facts.folder / "measured.parquet"
    table = _read_table(path, columns, "measurement")
    if common := facts.columns.keys() & set(table.columns):
        raise InputError(f"{path} holds no measurement (its column {min(common)} is one of run.json's).")
    return _beside(facts.columns, table)


def results(facts: RunFacts) -> pd.DataFrame | None:
    """Return what a training recorded as a tidy table: the run's `columns`, then those of its metrics; None if there is nothing.

    Raises:
        InputError: Its table is broken, or is not that of a run as run.json describes it.
    """
    if facts.status == "running" and not (facts.folder / "metrics.parquet").exists():
        return None
    table = read_metrics(facts.folder)
    if table.step.max() > facts.iterations:
        raise InputError(f"{facts.folder} records more than the {facts.iterations:,} iterations of its run.json.")
    return _beside(facts.columns, table)


def _beside(columns: Mapping[str, Any], table: pd.DataFrame) -> pd.DataFrame:
    return table.assign(**columns)[[*columns, *table.columns]]


def find(*roots: Path) -> list[Path]:
    """Return every run directory in or below the folders, in order. Symbolic links are followed; no directory comes twice."""
    found: list[Path] = []
    seen: set[tuple[int, int]] = set()
    waiting = deque(map(Path, roots))
    while waiting:  # links wait, so that a directory is known by its own name
        # unlike `Path.rglob`, `os.walk` does not mind a folder that somebody removes meanwhile
        for place, folders, files in os.walk(waiting.popleft()):
            try:
                status = os.stat(place)
            except OSError:
                continue
            if (status.st_dev, status.st_ino) in seen:
                folders.clear()
                continue
            seen.add((status.st_dev, status.st_ino))
            if "run.json" in files:
                found.append(Path(place))
            waiting.extend(Path(place, name) for name in folders if os.path.islink(os.path.join(place, name)))
    return sorted(found)


STATISTICS = {"error_percent": "running", "reestimated_error_percent": "re-estimated"}  # of batch norm, by metric


def final_errors(table: pd.DataFrame) -> pd.DataFrame:
    """Return the top-1 errors after the last iteration of each run in a table of `load`.

    A run that has not reached its last iteration has none.

    Returns:
        A row a run, split ("train", "test") and kind of batch-norm statistics. Columns: run, network, layers, residual,
        batch_norm, seed, iterations, split, statistics ("running": those that training left; "re-estimated": computed anew with
        the final weights, which older runs did not record) and error_percent.
    """
    rows = table[table.metric.isin(STATISTICS) & table.block.isna() & table.split.isin(["train", "test"])]
    rows = rows[rows.step == rows.iterations]
    rows = rows.assign(statistics=rows.metric.map(STATISTICS), error_percent=rows.value)
    columns = ["run", "network", "layers", "residual", "batch_norm", "seed", "iterations", "split", "statistics", "error_percent"]
    return rows[columns].reset_index(drop=True)


def mean_final_errors(table: pd.DataFrame, statistics: str = "running") -> pd.DataFrame:
    """Return `final_errors` over seeds: a row a network and split, with mean, sample sd (NaN of one seed) and n, their number."""
    rows = final_errors(table)
    grouped = rows[rows.statistics == statistics].groupby(["layers", "residual", "network", "split"]).error_percent
    return grouped.agg(mean="mean", sd="std", n="size").reset_index()


def load(*roots: Path) -> pd.DataFrame:
    """Return all trainings in or below the folders that have recorded anything, as one tidy table.

    Columns: run (folder name), network (the same without its seed), architecture, layers, residual, batch_norm, data, recipe,
    seed, scale (of the recipe's iterations), iterations, seconds (so far), then step … value as recorded.
    Raises InputError where there is none, or one is broken.
    """
    trainings = (facts for facts in map(read_run, find(*roots)) if facts.measurement is None)
    return together(map(results, trainings), roots, "run with results")


def together(tables: Iterable[pd.DataFrame | None], roots: Iterable[Path], what: str) -> pd.DataFrame:
    """Concatenate tables, without the Nones. Raises InputError if nothing is left: no `what` in `roots`."""
    recorded = [table for table in tables if table is not None]
    if not recorded:
        raise InputError(f"There is no {what} in {', '.join(map(str, roots)) or 'an empty list of folders'}.")
    return pd.concat(recorded, ignore_index=True)
