"""What did a training do? Run directories: written atomically, read as one tidy table. Knows no network.

run.json            architecture, recipe, data and its source, seed, commit, hardware, versions, status
metrics.parquet     tidy: step, epoch, split, metric, block, value
measured.parquet    instead of it, where a network was not trained but asked: the table of the answer, tidy
last.safetensors    the weights at the end
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from resnet_core.errors import InputError
from resnet_core.files import replacing

METRIC_COLUMNS = ["step", "epoch", "split", "metric", "block", "value"]


def write_facts(folder: Path, facts: Mapping[str, Any]) -> None:
    with replacing(folder / "run.json") as path:
        path.write_text(json.dumps(facts, indent=2) + "\n")


def read_facts(folder: Path) -> dict[str, Any]:
    """run.json. Raises InputError where there is none, or it is not one."""
    try:
        facts: dict[str, Any] = json.loads((folder / "run.json").read_text())
        names = [facts["architecture"]["name"], facts["recipe"]["name"], facts["data"]["title"], facts["status"]]
        if not all(isinstance(name, str) for name in names):
            raise TypeError(f"one of its names is none: {names}")
        return facts
    except OSError:
        raise InputError(f"{folder} is not a run directory: it has no run.json.") from None
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{folder / 'run.json'} is not a run's description ({_line(error)}).") from None


def _line(error: Exception) -> str:
    return " ".join(str(error).split())


def write_metrics(folder: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    table = pd.DataFrame(rows, columns=METRIC_COLUMNS)
    with replacing(folder / "metrics.parquet") as path:
        table.to_parquet(path, index=False)


def read_metrics(folder: Path) -> pd.DataFrame:
    """metrics.parquet. Raises InputError where it is missing or broken."""
    path = folder / "metrics.parquet"
    try:
        return pd.read_parquet(path)[METRIC_COLUMNS]
    except (OSError, ValueError, KeyError) as error:  # pyarrow's errors are among them
        raise InputError(f"{path} holds no metrics of a run ({_line(error)}).") from None


def write_measured(folder: Path, table: pd.DataFrame) -> None:
    with replacing(folder / "measured.parquet") as path:
        table.to_parquet(path, index=False)


def load_measured(*roots: Path) -> pd.DataFrame:
    """The answers of all finished measurements in or below the folders, which must be of one kind, as one tidy table.

    Columns: run … seconds as in `load`, then those of the measurement. Raises InputError where there is none.
    """
    tables = []
    for facts_file in sorted(path for root in roots for path in root.rglob("run.json")):
        facts, path = read_facts(facts_file.parent), facts_file.with_name("measured.parquet")
        if "measurement" not in facts or facts["status"] != "finished":
            continue
        columns = _columns(facts_file, facts)
        try:
            table = pd.read_parquet(path)
        except (OSError, ValueError) as error:  # pyarrow's errors are among them
            raise InputError(f"{path} holds no measurement ({_line(error)}).") from None
        tables.append(table.assign(**columns)[[*columns, *table.columns]])
    if not tables:
        raise InputError(f"There is no measurement in {', '.join(map(str, roots)) or 'an empty list of folders'}.")
    return pd.concat(tables, ignore_index=True)


def _columns(facts_file: Path, facts: Mapping[str, Any]) -> dict[str, Any]:
    """What a tidy table repeats in each row of a run."""
    try:
        return {
            "run": facts_file.parent.name,
            "network": facts_file.parent.name.removesuffix(f"-seed{facts['seed']}"),
            "architecture": facts["architecture"]["name"],
            "layers": facts["layers"],
            "residual": facts["architecture"]["shortcut"] is not None,
            "batch_norm": facts["architecture"]["batch_norm"],
            "data": facts["data"]["title"],
            "recipe": facts["recipe"]["name"],
            "seed": facts["seed"],
            "scale": float(facts["recipe"].get("scale", 1)),
            "iterations": int(facts["recipe"]["iterations"]),
            "seconds": float(facts["seconds"]),
        }
    except (KeyError, TypeError) as error:
        raise InputError(f"{facts_file} is not a run's description: {_line(error)} is missing.") from None


def load(*roots: Path) -> pd.DataFrame:
    """All runs in or below the folders that have recorded anything, as one tidy table.

    Columns: run (folder name), network (the same without its seed), architecture, layers, residual, batch_norm, data, recipe,
    seed, scale (of the recipe's iterations), iterations, seconds (so far), then step … value as recorded.
    """
    tables = []
    for facts_file in sorted(path for root in roots for path in root.rglob("run.json")):
        folder, facts = facts_file.parent, read_facts(facts_file.parent)
        if "measurement" in facts or (facts["status"] == "running" and not (folder / "metrics.parquet").exists()):
            continue
        columns, table = _columns(facts_file, facts), read_metrics(folder)
        tables.append(table.assign(**columns)[[*columns, *METRIC_COLUMNS]])
    if not tables:
        raise InputError(f"There is no run with results in {', '.join(map(str, roots)) or 'an empty list of folders'}.")
    return pd.concat(tables, ignore_index=True)
