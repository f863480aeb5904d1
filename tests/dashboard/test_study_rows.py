"""Has every study and every measurement all its parts: words, source, cost, file, columns, figures, its section in STUDIES.md?"""

from __future__ import annotations

import inspect
import re
from importlib import import_module
from pathlib import Path
from statistics import median

import pytest

from dashboard.figures.gallery import PICTURES, TRAINING_PICTURES
from resnet_core import assets, runs
from resnet_core.runs.table import MEASURED
from resnet_core.studies.catalogue import PAIR, STUDIES, Measurement, StudyPlan
from resnet_core.studies.folders import study_name

ROWS = list(STUDIES.values())
MEASUREMENTS = [row for row in ROWS if isinstance(row, Measurement)]
WITH_CURVES = {
    "race",
    "race-long",
    "figure4",
    "figure6",
    "pair",
}  # drawn by the page Degradation, from any table of errors
SHIPPED = {study_name(folder.name) for folder in assets.STUDIES.iterdir()} - {"pair"}  # which holds the trainings of earlier ones
SECTIONS = re.findall(r"^## (\S+): (.*)$", (assets.STUDIES / "STUDIES.md").read_text(), re.MULTILINE)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_row_says_what_it_asks_and_who_asked_first(row: StudyPlan | Measurement) -> None:
    assert row.question.endswith("?")
    assert row.title
    assert row.source
    assert not row.title.endswith((".", "?"))
    assert re.search(r"\b(19|20)\d\d\b", row.source) or "race" in row.source


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_row_has_its_section_whose_heading_is_a_question(row: StudyPlan | Measurement) -> None:
    assert [question[-1] for name, question in SECTIONS if name == row.name] == ["?"] * (row.name in SHIPPED)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_row_has_its_figures(row: StudyPlan | Measurement) -> None:
    if isinstance(row, Measurement):
        assert row.name in PICTURES
    else:
        assert (row.name in TRAINING_PICTURES) != (row.name in WITH_CURVES)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_its_cost_is_the_median_of_the_shipped_runs(row: StudyPlan | Measurement) -> None:
    folders = [folder for folder in assets.STUDIES.iterdir() if study_name(folder.name) == row.name]
    paths = [path for folder in folders for path in folder.glob("*/run.json")]
    seconds = [runs.read_run(path.parent).seconds for path in paths if path.parent.name.rpartition("-seed")[0] in row.networks]
    if row.seconds is None:
        assert not seconds
    else:
        assert row.seconds == pytest.approx(median(seconds), rel=0.1)


@pytest.mark.parametrize("row", MEASUREMENTS, ids=lambda row: row.name)
def test_a_measurement_is_a_file_with_a_function_and_columns(row: Measurement) -> None:
    module = import_module(f"resnet_core.studies.measurements.{row.measure}")
    assert row.function is module.measure
    assert next(iter(inspect.signature(row.function).parameters)) == "subject"
    assert inspect.getdoc(row.function)
    assert row.name in MEASURED
    assert row.trained_by in (None, PAIR, *STUDIES)


def test_no_file_figure_or_table_is_without_a_row() -> None:
    files = {path.stem for path in Path(import_module("resnet_core.studies.measurements").__path__[0]).glob("[!_]*.py")}
    assert files == {row.measure for row in MEASUREMENTS}
    assert set(PICTURES) == set(MEASURED) == {row.name for row in MEASUREMENTS}
    assert {name for name, _ in SECTIONS} == set(STUDIES) & SHIPPED
