"""What was trained and measured? Folders of run directories, shipped with the project or made here; and what the paper prints."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from types import FunctionType
from typing import Any, TypeVar

import streamlit as st

from resnet_core.assets import REFERENCE, STUDIES
from resnet_core.runs import RunFacts
from resnet_core.studies import collection
from resnet_core.studies.collection import Found, MeasurementResults, StudyResults

Drawn = TypeVar("Drawn")
_FINDING = re.compile(r"<!-- finding \S+ (\S+) -->\n(.*?)<!-- end -->", re.DOTALL)  # as `dashboard.studies_report` writes it


@st.cache_resource(max_entries=256)
def _found(folder: Path, name: str, changed: int) -> Found:
    return collection.read(folder, name, changed)


def _all_found() -> list[Found]:
    """What every folder of shipped and own runs holds."""
    places = (*collection.folders(STUDIES, ""), *collection.folders(own_runs(), "own/"))
    return [_found(*place) for place in places]


def studies() -> dict[str, StudyResults]:
    """Every study that trained networks, by its name."""
    return {each.name: each for found in _all_found() for each in found.studies if isinstance(each, StudyResults)}


def answers() -> dict[str, MeasurementResults]:
    """Every study that asked networks, by its name."""
    return {each.name: each for found in _all_found() for each in found.studies if isinstance(each, MeasurementResults)}


def shipped(name: str) -> StudyResults:
    """Return one study that comes with the project, without reading the others."""
    place = next(place for place in collection.folders(STUDIES, "") if place[1] == name)
    return next(study for study in _found(*place).studies if isinstance(study, StudyResults))


def shipped_answers() -> list[MeasurementResults]:
    """The studies that asked networks and come with the project: pages tell their findings in sentences of their own."""
    return [study for name, study in answers().items() if not name.startswith("own/")]


def left_out() -> list[str]:
    """A sentence for each run directory that cannot be read."""
    return [sentence for found in _all_found() for sentence in found.left_out]


def _identity(study: StudyResults | MeasurementResults) -> tuple[str, str, int]:
    return type(study).__name__, study.name, study.changed


def _folder(facts: RunFacts) -> str:
    return str(facts.folder)  # what it says changes with its study


def _place(function: FunctionType) -> str:
    return f"{function.__module__}.{function.__qualname__}"


@st.cache_resource(
    max_entries=256, hash_funcs={StudyResults: _identity, MeasurementResults: _identity, RunFacts: _folder, FunctionType: _place}
)
def drawn(draw: Callable[..., Drawn], study: StudyResults | MeasurementResults, *choices: Any) -> Drawn:
    """`draw(study.table, *choices)`, once for all sessions: it takes a tenth of a second, and most people look at the same."""
    return draw(study.table, *choices)


@st.cache_resource
def _findings() -> dict[str, list[str]]:
    """Of STUDIES.md, the paragraphs that were found in each folder of runs."""
    blocks = _FINDING.findall((STUDIES / "STUDIES.md").read_text())
    return {folder: [part.strip() for part in text.split("\n\n") if part.strip()] for folder, text in blocks}


def findings(study: StudyResults | MeasurementResults) -> list[str]:
    """What was found in a shipped study and its kin, paragraph by paragraph in Markdown; nothing of a person's own."""
    found = _findings()
    return [] if study.name.startswith("own/") else found.get(study.name, found.get(study.kind, []))


def own_runs() -> Path:
    return Path(os.environ.get("RESNET_LENS_RUNS", "runs"))


@st.cache_resource
def paper() -> dict[str, Any]:
    """What He et al. 2015 print: their figures by table, and the rows of Table 1."""
    figures = json.loads((REFERENCE / "he2015.json").read_text())
    return {**figures, "table1": json.loads((REFERENCE / "he2015-table1.json").read_text())}
