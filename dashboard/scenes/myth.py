"""What is a popular sentence, and what is its measurement? The two records, and the words that both kinds of measures share."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import pandas as pd
import plotly.graph_objects as go

from dashboard.figures.myths import Column
from dashboard.scenes.recorded import Recorded

Verdict = Literal["true", "false", "depends"]
Studies = Mapping[str, Recorded]
Paper = Mapping[str, Any]


@dataclass(frozen=True)
class Measured:
    """What was measured of a sentence.

    Args:
        verdict: follows from the numbers: a difference counts where no seed of one side reaches a seed of the other.
        message: the numbers with their spread, in one sentence.
        numbers: behind the figure.
        true_when, false_when: a sentence or two each, with numbers.
    """

    verdict: Verdict
    message: str
    figure: go.Figure
    numbers: pd.DataFrame
    caption: str
    true_when: str
    false_when: str


@dataclass(frozen=True)
class Myth:
    """A popular sentence.

    Args:
        key: in the link.
        says: the sentence.
        axis: what is measured, as the title of an axis; says nothing of the result.
        studies: names of those it is measured in; the first made its figure.
        doubt: one sentence on what the measurement does not show.
    """

    key: str
    says: str
    axis: str
    studies: tuple[str, ...]
    measure: Callable[[Myth, Studies, Paper], Measured]
    doubt: str


def spread(values: pd.Series | list[float], digits: int = 1) -> str:
    """40.7 ± 17.4; of a single value the value alone."""
    series = pd.Series(values)
    return f"{series.mean():.{digits}f}" + (f" ± {series.std():.{digits}f}" if len(series) > 1 else "")


def frame_of(shown: list[Column], what: str) -> pd.DataFrame:
    """Return the numbers behind columns: the network, and `what` was measured."""
    return pd.DataFrame({"network": column.name.replace("<br>", " "), what: value} for column in shown for value in column.values)


def signed(value: float) -> str:
    """+40.1, −1.7."""
    return f"{value:+.1f}".replace("-", "−")


def fold(value: float) -> str:
    """17-fold, 3.9 × 10⁷-fold."""
    if value < 1e6:
        return f"{value:,.0f}-fold"
    power = math.floor(math.log10(value))
    return f"{value / 10**power:.1f} × 10{str(power).translate(str.maketrans('0123456789', '⁰¹²³⁴⁵⁶⁷⁸⁹'))}-fold"
