"""Does a broken run directory break anything but itself? Three hundred of them, read and drawn as the pages do, then the pages."""

from __future__ import annotations

import json
import random
import shutil
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from dashboard import recorded
from dashboard.figures.degradation import degradation, size_changes
from dashboard.figures.gallery import PICTURES, TRAINING_PICTURES, pictures
from dashboard.figures.gradient_flow import do_they_vanish, evolution, evolution_table, extremes
from dashboard.figures.runs import SHOWN, block_curves, facts_table, run_curves, runs_table
from dashboard.figures.schedules import schedules
from dashboard.recorded import Answers, Study
from resnet_core.errors import InputError

SHIPPED = Path(__file__).parents[2] / "assets" / "studies"
TRAINED = [SHIPPED / name for name in ("race", "gradients", "rates-x0.1", "shortcuts-x0.025")]
MEASURED = sorted({path.parents[1] for path in SHIPPED.rglob("measured.parquet")})
FOLDERS = [folder for folder in (*TRAINED, *MEASURED) if folder.exists()]

JUNK: list[Any] = [
    None, True, 0, -1, 1, 2.5, 10**30, 10**400, 1e308, float("nan"), float("inf"), "", "running", "[a](http://b)", "<b>", "\0",
    "\ud800", "x" * 100_000, [], [[]], {}, {"name": 3}, [None], [{"iterations": "x"}], "\u202e", "10",
]  # fmt: skip


def _places(value: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to every value of a run.json."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in inner:
        yield (*place, key)
        yield from _places(each, (*place, key))


def _facts(change: Callable[[random.Random, Any, Any], None]) -> Callable[[random.Random, Path], None]:
    """A mutation of one to three values of run.json: `change` of the object that has the value, and its key."""

    def mutate(rng: random.Random, run: Path) -> None:
        facts = json.loads((run / "run.json").read_text())
        for _ in range(rng.choice([1, 1, 1, 2, 3])):
            *way, key = rng.choice(list(_places(facts)))
            holder = facts
            for step in way:
                holder = holder[step]
            change(rng, holder, key)
        (run / "run.json").write_text(json.dumps(facts))

    return mutate


def _replace(rng: random.Random, holder: Any, key: Any) -> None:
    holder[key] = rng.choice(JUNK)


def _remove(_: random.Random, holder: Any, key: Any) -> None:
    del holder[key]


def _deepen(rng: random.Random, holder: Any, key: Any) -> None:
    for _ in range(rng.choice([5, 20, 200])):
        holder[key] = [holder[key]]


def _file(change: Callable[[random.Random, bytes], bytes]) -> Callable[[random.Random, Path], None]:
    """A mutation of the bytes of one file."""

    def mutate(rng: random.Random, run: Path) -> None:
        path = rng.choice([run / "run.json", next(run.glob("*.parquet"))])
        path.write_bytes(change(rng, path.read_bytes()))

    return mutate


def _flipped(rng: random.Random, data: bytes) -> bytes:
    changed = bytearray(data)
    for _ in range(rng.choice([1, 3, 30])):
        changed[rng.randrange(len(changed))] = rng.randrange(256)
    return bytes(changed)


def _missing(rng: random.Random, run: Path) -> None:
    rng.choice([run / "run.json", next(run.glob("*.parquet"))]).unlink()


def _special(rng: random.Random, run: Path) -> None:
    """Something else than a file of reasonable size."""
    path = rng.choice([run / "run.json", next(run.glob("*.parquet"))])
    path.unlink()
    kind = rng.choice(["folder", "dangling", "loop", "device", "large", "deep"])
    if kind == "folder":
        path.mkdir()
    elif kind == "large":
        with path.open("wb") as file:
            file.truncate(2**34)
    elif kind == "deep":
        path.write_text("[" * rng.choice([100, 3_000, 100_000]))
    else:
        path.symlink_to({"dangling": "nothing", "loop": path.name, "device": "/dev/zero"}[kind])


def _swapped(rng: random.Random, run: Path) -> None:
    """The table of another run, of its own kind or of another."""
    other = rng.choice(sorted(rng.choice(FOLDERS).glob("*/*.parquet")))
    shutil.copy(other, next(run.glob("*.parquet")).with_name(rng.choice([other.name, next(run.glob("*.parquet")).name])))


def _cells(rng: random.Random, run: Path) -> None:
    """Values of one column of the table: some, or all."""
    path = next(run.glob("*.parquet"))
    table = pd.read_parquet(path)
    column = rng.choice(list(table.columns))
    chosen = rng.sample(range(len(table)), rng.choice([1, max(1, len(table) // 2), len(table)]))
    junk = rng.choice(
        [np.nan, None, -1, 0, 1e308, -1e308, np.inf, 10**17, "", "x", "conv2_1", True, b"\xff", 0.5, [1], pd.Timestamp(0)]
    )
    values = table[column].astype(object)
    for place in chosen:
        values.iloc[place] = junk
    try:
        table.assign(**{column: values}).to_parquet(path, index=False)
    except (ValueError, TypeError, OverflowError):  # arrow has no such mixture: then all are of one kind
        table.assign(**{column: [junk] * len(table)}).to_parquet(path, index=False)


def _rows(rng: random.Random, run: Path) -> None:
    path = next(run.glob("*.parquet"))
    table = pd.read_parquet(path)
    column = rng.choice([name for name in table.columns if not pd.api.types.is_float_dtype(table[name])] or list(table.columns))
    which = rng.choice(list(table[column].unique()))
    change = rng.choice(["none", "one", "reversed", "twice", "half", "without", "only"])
    table = {
        "none": table[:0], "one": table.sample(1, random_state=rng.randrange(99)), "reversed": table[::-1],
        "twice": pd.concat([table, table]), "half": table.sample(frac=0.5, random_state=rng.randrange(99)),
        "without": table[table[column] != which], "only": table[table[column] == which],
    }[change]  # fmt: skip
    table.to_parquet(path, index=False)


def _columns(rng: random.Random, run: Path) -> None:
    path = next(run.glob("*.parquet"))
    table = pd.read_parquet(path)
    column = rng.choice(list(table.columns))
    change = rng.choice(["drop", "rename", "text", "double", "seed"])
    if change == "drop":
        table = table.drop(columns=column)
    elif change in ("rename", "seed"):
        table = table.rename(columns={column: "x" if change == "rename" else "seed"})
    elif change == "text":
        table = table.assign(**{column: table[column].astype(str)})
    else:
        table = table.assign(**{column: pd.to_numeric(table[column], errors="coerce").astype(float)})
    table.to_parquet(path, index=False)


MUTATIONS = [
    _facts(_replace), _facts(_replace), _facts(_replace), _facts(_remove), _facts(_deepen), _cells, _cells, _cells, _rows, _rows,
    _columns, _swapped, _missing, _special, _file(_flipped), _file(lambda rng, data: data[: rng.randrange(len(data))]),
    _file(lambda rng, data: rng.randbytes(rng.choice([0, 1, 1000]))), _file(lambda _, data: data * 2),
    _file(lambda _, data: struct.pack("<I", 2**31) + data),
]  # fmt: skip


def broken(number: int, root: Path) -> Path:
    """A study of shipped runs, one of them mutated; its folder. The same number makes the same study."""
    rng = random.Random(number)
    source = FOLDERS[number % len(FOLDERS)]
    study = root / source.name
    kept = sorted(path.parent for path in source.glob("*/run.json"))[:4]
    for run in kept:
        shutil.copytree(run, study / run.name, ignore=shutil.ignore_patterns("*.safetensors"))
    MUTATIONS[number // len(FOLDERS) % len(MUTATIONS)](rng, study / rng.choice(kept).name)
    return study


def draw(study: Study | Answers) -> None:
    """All that the pages draw of a study."""
    assert study.words
    for facts in study.facts.values():
        facts_table(facts)
    if study.kind in TRAINING_PICTURES | PICTURES:
        for picture in pictures(study.table, study.kind):
            picture.figure.to_json()
            picture.numbers.to_csv()
    if isinstance(study, Answers):
        return
    runs_table(study.table, study.name, study.facts)
    size_changes(facts.phases for facts in study.facts.values())
    for run in study.table.run.unique():
        run_curves(study.table, run).to_json()
        for quantity in SHOWN:
            if (study.table[study.table.run == run].metric == quantity).any():
                block_curves(study.table, run, quantity).to_json()
    for shown in ("both", "training", "test"):
        for axis in ("iterations", "minutes"):
            found = degradation(study.table, study.depths, shown, axis, None)
            for figure in (*found.curves.values(), found.ends):
                figure.to_json()
        schedules([study.table, study.table.assign(iterations=2 * study.table.iterations)], study.depths, shown).figure.to_json()
    for depth, seeds in study.gradient_seeds.items():
        for seed in seeds:
            evolution(study.table, depth, seed).to_json()
            evolution_table(study.table, depth, seed)
            do_they_vanish(study.table, depth, seed)
            extremes(study.table, depth, seed)


def read_and_draw(study: Path) -> recorded.Found:
    found = recorded.read(study, study.name, 0)
    for each in found.studies:
        draw(each)
    for sentence in found.left_out:
        assert "\n" not in sentence and sentence.endswith("."), sentence
    return found
