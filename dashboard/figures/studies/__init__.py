"""Which figures does a study have? A file a study, by its name; the same on the page "Studies" and in STUDIES.md."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.util import find_spec

import pandas as pd
import plotly.graph_objects as go

from resnet_core.studies.catalogue import STUDIES


@dataclass(frozen=True)
class Picture:
    """One figure of a study, and the table behind it."""

    name: str
    alt: str
    figure: go.Figure
    numbers: pd.DataFrame


@cache
def has_pictures(study: str) -> bool:
    """Return whether the catalogue's study has figures of its own: a file here, with a function `pictures`."""
    return study in STUDIES and find_spec(_module(study)) is not None


def study_pictures(table: pd.DataFrame, study: str) -> list[Picture]:
    """Draw the figures of the study of that name; none where it has none.

    Args:
        table: of `runs.load` if networks were trained, of `load_measured` if they were measured.
    """
    return list(import_module(_module(study)).pictures(table)) if has_pictures(study) else []


def errors_over_steps(table: pd.DataFrame) -> pd.DataFrame:
    """Return the numbers behind curves of errors."""
    return table[table.metric == "error_percent"][["run", "seed", "step", "split", "value"]]


def _module(study: str) -> str:
    return f"{__name__}.{study.replace('-', '_')}"
