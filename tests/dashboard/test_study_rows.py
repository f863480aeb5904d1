"""Has every study and every measurement all its parts: words, source, cost, file, columns, figures, its section in STUDIES.md?"""

from __future__ import annotations

import inspect
import re
from importlib import import_module
from pathlib import Path
from statistics import median

import pytest

from dashboard.figures import studies as figures
from resnet_core import assets, runs
from resnet_core.studies.catalogue import PAIR, STUDIES, Measurement, StudyPlan
from resnet_core.studies.folders import study_name

ROWS = list(STUDIES.values())
MEASUREMENTS = [row for row in ROWS if isinstance(row, Measurement)]
WITH_CURVES = {"race", "race-long", "figure4", "figure6", "pair"}  # drawn by the page Degradation, from any table of errors
SHIPPED = {study_name(path.parents[1].name) for path in assets.STUDIES.glob("*/*/run.json")} - {"pair"}  # the weights', no study
SECTIONS = re.findall(r"^## (\S+): (.*)$", (assets.STUDIES / "STUDIES.md").read_text(), re.MULTILINE)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_row_says_what_it_asks_and_who_asked_first(row: StudyPlan | Measurement) -> None:
    assert row.question.endswith("?")
    assert row.title
    assert len(row.source) > 10
    assert not row.title.endswith((".", "?"))


@pytest.mark.parametrize("row", [row for row in ROWS if row.name in SHIPPED], ids=lambda row: row.name)
def test_a_shipped_row_has_its_section_whose_heading_is_a_question(row: StudyPlan | Measurement) -> None:
    assert [question[-1] for name, question in SECTIONS if name == row.name] == ["?"]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_row_has_its_figures(row: StudyPlan | Measurement) -> None:
    assert figures.has_pictures(row.name) != (row.name in WITH_CURVES)


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
    assert row.columns
    assert row.trained_by in (None, PAIR, *STUDIES)


def _files(package: str) -> set[str]:
    return {path.stem for path in Path(import_module(package).__path__[0]).glob("[!_]*.py")}


def test_no_file_figure_or_section_is_without_a_row() -> None:
    assert _files("resnet_core.studies.measurements") == {row.measure for row in MEASUREMENTS}
    assert _files("dashboard.figures.studies") <= {name.replace("-", "_") for name in STUDIES}
    assert {name for name, _ in SECTIONS} <= set(STUDIES)
