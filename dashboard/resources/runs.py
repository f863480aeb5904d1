"""What was trained and measured? Folders of run directories, shipped with the project or made here; and what the paper prints."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FunctionType
from typing import Any, TypeVar

import streamlit as st

from dashboard import recorded
from dashboard.recorded import Answers, Study
from resnet_core import InputError
from resnet_core.assets import REFERENCE, STUDIES

Drawn = TypeVar("Drawn")


@st.cache_resource(max_entries=256)
def _study(folder: Path, name: str, changed: float) -> Study | Answers | None:
    return recorded.read(folder, name, changed)


def _all_studies() -> Iterator[Study | Answers | str]:
    """Every shipped and own study, or a sentence where it cannot be read."""
    for folder, name, changed in (*recorded.folders(STUDIES, ""), *recorded.folders(own_runs(), "own/")):
        try:
            if study := _study(folder, name, changed):
                yield study
        except InputError as error:
            yield f"The study {name} is left out: {error}"


def studies() -> tuple[dict[str, Study], list[str]]:
    """Every study that trained networks by its name, and a sentence for each that cannot be read."""
    found = list(_all_studies())
    return {each.name: each for each in found if isinstance(each, Study)}, [each for each in found if isinstance(each, str)]


def answers() -> dict[str, Answers]:
    """Every study that asked networks, by its name."""
    return {each.name: each for each in _all_studies() if isinstance(each, Answers)}


def _identity(study: Study | Answers) -> tuple[str, float]:
    return study.name, study.changed


def _place(function: FunctionType) -> str:
    return f"{function.__module__}.{function.__qualname__}"


@st.cache_resource(max_entries=256, hash_funcs={Study: _identity, Answers: _identity, FunctionType: _place})
def drawn(draw: Callable[..., Drawn], study: Study | Answers, *choices: Any) -> Drawn:
    """`draw(study.table, *choices)`, once for all sessions: it takes a tenth of a second, and most people look at the same."""
    return draw(study.table, *choices)


@st.cache_resource(max_entries=64, hash_funcs={Study: _identity, FunctionType: _place})
def drawn_together(draw: Callable[..., Drawn], studies: tuple[Study, ...], *choices: Any) -> Drawn:
    """`draw` of the tables of several studies, as `drawn`."""
    return draw([study.table for study in studies], *choices)


@st.cache_resource
def _findings() -> dict[str, list[str]]:
    return recorded.findings((STUDIES / "STUDIES.md").read_text())


def findings(study: Study | Answers) -> list[str]:
    """What was found in a shipped study and its kin, paragraph by paragraph in Markdown; nothing of a person's own."""
    return [] if study.name.startswith("own/") else _findings().get(study.kind, [])


def own_runs() -> Path:
    return Path(os.environ.get("RESNET_LENS_RUNS", Path(__file__).parents[2] / "runs"))


@st.cache_resource
def paper() -> dict[str, Any]:
    """What He et al. 2015 print: their figures by table, and the rows of Table 1."""
    figures = json.loads((REFERENCE / "he2015.json").read_text())
    return {**figures, "table1": json.loads((REFERENCE / "he2015-table1.json").read_text())}
