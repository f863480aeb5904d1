"""Does a broken run directory break anything but itself? Hundreds of them, read and drawn as the pages do, then the pages."""

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
from streamlit.testing.v1 import AppTest
from typer.testing import CliRunner

from dashboard.figures.degradation import degradation, size_changes
from dashboard.figures.gradient_flow import do_they_vanish, evolution, evolution_table
from dashboard.figures.runs import SHOWN, block_curves, facts_table, run_curves, runs_table
from dashboard.figures.schedules import schedules
from dashboard.figures.studies import study_pictures
from dashboard.plain import plain
from resnet_core import runs
from resnet_core.cli.main import app
from resnet_core.errors import InputError
from resnet_core.studies import collection
from resnet_core.studies.catalogue import STUDIES, Measurement
from resnet_core.studies.collection import MeasurementResults, StudyResults

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


def draw(study: StudyResults | MeasurementResults) -> None:
    """All that the pages draw of a study."""
    assert study.words
    for facts in study.facts.values():
        facts_table(facts)
    for picture in study_pictures(study.table, study.kind):
        picture.figure.to_json()
        picture.numbers.to_csv()
    if isinstance(study, MeasurementResults):
        return
    runs_table(study.table, study.name, study.facts)
    size_changes(facts.phases for facts in study.facts.values())
    for run in study.table.run.unique():
        run_curves(study.table, run).to_json()
        for quantity in SHOWN:
            if (study.table[study.table.run == run].metric == quantity).any():
                block_curves(study.table, run, quantity).to_json()
    for shown in ("both", "training", "test") if len(study.depths) > 1 and study.one_a_depth else ():
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


def read_and_draw(study: Path) -> collection.Found:
    found = collection.read(study, study.name, 0)
    for each in found.studies:
        draw(each)
    for sentence in found.left_out:
        assert "\n" not in sentence
        assert sentence.endswith("."), sentence
    return found


GOOD = "resnet20-cifar-seed0"
RUN_JSON = (SHIPPED / "race" / GOOD / "run.json").read_text()
METRICS = pd.read_parquet(SHIPPED / "race" / GOOD / "metrics.parquet")


def without(*way: str) -> str:
    facts = holder = json.loads(RUN_JSON)
    for key in way[:-1]:
        holder = holder[key]
    del holder[way[-1]]
    return json.dumps(facts)


def saying(value: str, *way: str) -> str:
    """run.json with one value as the text has it, which may be no JSON."""
    facts = holder = json.loads(RUN_JSON)
    for key in way[:-1]:
        holder = holder[key]
    holder[way[-1]] = "HERE"
    return json.dumps(facts).replace('"HERE"', value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[" * 3000, "too deep"),
        (saying("[" * 50 + "]" * 50, "recipe", "note"), "levels deep"),
        (saying('"running"', "recipe", "iterations"), "iterations of recipe must be a whole number"),
        (saying("1" + "0" * 400, "seconds"), "seconds of run.json must be a number"),
        (saying("1" + "0" * 5000, "seed"), "4300 digits"),
        (saying("NaN", "seconds"), "NaN is no number"),
        (saying("1e999", "seconds"), "seconds of run.json must be a number"),
        (saying("true", "layers"), "layers of run.json must be a whole number"),
        (saying('"\\ud800"', "recipe", "name"), "surrogates not allowed"),
        (saying('"x"', "recipe", "phases"), "phases of recipe must be a list"),
        (saying("[3]", "resumed"), "resumed is no object"),
        (without("layers"), "layers of run.json must be a whole number"),
        (without("architecture", "shortcut"), "shortcut of architecture is missing"),
        (saying('"' + "x" * 2**20 + '"', "recipe", "note"), "more than 1,048,576 bytes"),
    ],
)
def test_a_broken_run_json_is_refused_in_a_sentence_that_names_it(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "run.json").write_text(text)
    with pytest.raises(InputError, match=rf"^{tmp_path}/run\.json is not a run's description \([^\n]*{said}[^\n]*\)\.$"):
        runs.read_run(tmp_path)


def test_what_an_older_version_did_not_write_has_a_default(tmp_path: Path) -> None:
    facts = json.loads(RUN_JSON)
    for key in ("start", "commit", "versions", "hardware", "precision", "compiled", "resumed", "seconds"):
        facts.pop(key, None)
    facts["recipe"] = {"name": "quick", "iterations": 350}
    (tmp_path / "run.json").write_text(json.dumps(facts))
    read = runs.read_run(tmp_path)
    assert (read.commit, read.precision, read.threads, read.scale, read.note, read.phases) == (None, "32-true", 1, 1.0, "", ())
    assert not facts_table(read).empty


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (METRICS[:0], "must have 1 to"),
        (METRICS.drop(columns="value"), "has no column value"),
        (METRICS.assign(value=METRICS.value.astype(str)), "column value must be numbers"),
        (METRICS.assign(step=METRICS.step.astype(float)), "column step must be whole numbers"),
        (METRICS.assign(metric=None), "column metric must be text"),
        (METRICS[::-1], "steps of a metric do not increase"),
        (METRICS.assign(step=-1), "column step must be whole numbers"),
        (METRICS.assign(value=101.0), "an error must be a percentage"),
        (METRICS.assign(value=np.nan), "an error must be a percentage"),
    ],
)
def test_metrics_that_no_training_records_are_refused_in_a_sentence(tmp_path: Path, table: pd.DataFrame, said: str) -> None:
    table.to_parquet(tmp_path / "metrics.parquet", index=False)
    with pytest.raises(InputError, match=rf"metrics\.parquet holds no metrics of a run \([^\n]*{said}[^\n]*\)\.$"):
        runs.read_metrics(tmp_path)


def test_metrics_that_nobody_knows_yet_are_read(tmp_path: Path) -> None:
    METRICS.assign(metric=METRICS.metric.replace("loss", "a new one")).to_parquet(tmp_path / "metrics.parquet", index=False)
    assert "a new one" in set(runs.read_metrics(tmp_path).metric)


def test_every_shipped_measurement_has_its_columns_checked() -> None:
    asked = [facts for facts in map(runs.read_run, runs.find(SHIPPED)) if facts.measurement]
    assert asked
    for facts in asked:
        row = STUDIES[str(facts.measurement)]
        assert isinstance(row, Measurement)
        assert set(pd.read_parquet(facts.folder / "measured.parquet").columns) == set(row.columns)


def test_the_broken_run_of_a_study_hides_no_other(tmp_path: Path) -> None:
    for name in (GOOD, "plain20-cifar-seed0"):
        shutil.copytree(SHIPPED / "race" / name, tmp_path / "race" / name)
    (tmp_path / "race" / "bad").mkdir()
    (tmp_path / "race" / "bad" / "run.json").write_text("[" * 3000)
    found = collection.read(tmp_path / "race", "race", 0)
    [study] = found.studies
    assert set(study.facts) == set(study.table.run) == {GOOD, "plain20-cifar-seed0"}
    [sentence] = found.left_out
    assert f"{tmp_path}/race/bad/run.json" in sentence


def test_the_command_line_lists_the_other_runs(tmp_path: Path) -> None:
    shutil.copytree(SHIPPED / "race" / GOOD, tmp_path / GOOD)
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "run.json").write_text("{}")
    listed = CliRunner().invoke(app, ["runs", "--in", str(tmp_path)])
    assert listed.exit_code == 0
    assert GOOD in listed.stdout
    assert "bad/run.json is not a run's description (" in listed.stderr


def test_a_folder_that_goes_away_while_it_is_looked_for_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(SHIPPED / "race" / GOOD, tmp_path / "race" / GOOD)
    monkeypatch.setattr(runs, "find", lambda *_: [tmp_path / "race" / GOOD, tmp_path / "race" / "gone"])
    [(folder, name, changed)] = collection.folders(tmp_path, "own/")
    found = collection.read(folder, name, changed)
    assert [set(study.facts) for study in found.studies] == [{GOOD}]
    assert len(found.left_out) == 1


def test_pages_show_the_good_study_and_a_sentence_beside_thirty_bad_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RESNET_LENS_RUNS", str(tmp_path))
    shutil.copytree(SHIPPED / "race", tmp_path / "good", ignore=shutil.ignore_patterns("*.safetensors"))
    left_out = 0
    for number in range(30):
        study = broken(number, tmp_path / str(number))
        found = collection.read(study, study.name, 0)
        left_out += len(found.left_out)
        names = [f"own/{number}/{each.name}" for each in found.studies]
        drawn = isinstance(next(iter(found.studies), None), StudyResults)
        pages: dict[str, dict[str, str]] = {"studies": {"show": "measurements", "measurement": names[0]} if names else {}}
        if drawn:  # else they look as with no run at all
            pages |= {"degradation": {"study": names[0]}, "gradient_flow": {"study": names[0], "layers": "20"}}
        for page, parameters in pages.items():
            shown = visit(page, parameters)
            assert [error.value for error in shown.exception] == [], (number, page)
            assert any(plain("is left out: ") in warning.value for warning in shown.warning) == bool(left_out)
    assert left_out > 15
    assert "Yours: good" in visit("degradation", {}).selectbox(key="study").options
    assert any(option.endswith("Yours: good") for option in visit("studies", {}).selectbox(key="run").options)


def visit(page: str, parameters: dict[str, str]) -> AppTest:
    shown = AppTest.from_file(str(Path(__file__).parents[2] / "dashboard" / "app.py"), default_timeout=120)
    shown.query_params.update(parameters)
    shown.switch_page(f"views/{page}.py")
    return shown.run()


@pytest.mark.parametrize("first", range(0, 60, 15))
def test_a_mutated_run_is_drawn_or_left_out_in_a_sentence(tmp_path: Path, first: int) -> None:
    for number in range(first, first + 15):
        read_and_draw(broken(number, tmp_path / str(number)))


@pytest.mark.slow
@pytest.mark.parametrize("first", range(60, 600, 60))
def test_hundreds_more_are_too(tmp_path: Path, first: int) -> None:
    for number in range(first, first + 60):
        read_and_draw(broken(number, tmp_path / str(number)))
