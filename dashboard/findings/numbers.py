"""Which numbers do the findings quote, and when is a difference one?"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from textwrap import fill

import numpy as np
import pandas as pd

from dashboard.figures.style import spread
from resnet_core import runs


class Trained:
    """The runs of one study: their errors, and what they recorded."""

    def __init__(self, folder: Path) -> None:
        self.table = runs.load(folder)
        self.ends = runs.final_errors(self.table)

    @property
    def iterations(self) -> str:
        """Of the longest run, as it is written in a sentence."""
        return f"{self.table.iterations.max():,}"

    def errors(self, network: str, split: str = "train", statistics: str = "running") -> pd.Series:
        """Errors at the end in percent, by seed."""
        ends = self.ends
        rows = ends[(ends.network == network) & (ends.split == split) & (ends.statistics == statistics)]
        return rows.set_index("seed").error_percent

    def batches(self, network: str) -> pd.Series:
        """The error of the last training batches in percent, by seed: with each batch's own statistics."""
        table = self.table
        rows = table[(table.network == network) & (table.split == "train_batches") & (table.metric == "error_percent")]
        return rows[rows.step == rows.iterations].set_index("seed").value

    def blocks(self, network: str, seed: int, metric: str = "gradient_norm") -> pd.DataFrame:
        """What every record says of every block: a row a step, a column a block in forward order."""
        table = self.table
        rows = table[(table.network == network) & (table.seed == seed) & (table.metric == metric) & table.block.notna()]
        return rows.pivot(index="step", columns="block", values="value")[list(dict.fromkeys(rows.block))]


def mean(values: Iterable[float], digits: int = 1) -> str:
    """Mean ± sample sd over seeds; the value alone where there is one."""
    series = pd.Series(list(values))
    return spread(series.mean(), series.std(), digits)


def between(values: Iterable[float], digits: int = 1) -> str:
    """From the smallest to the largest."""
    values = list(values)
    low, high = f"{min(values):.{digits}f}", f"{max(values):.{digits}f}"
    return low if low == high else f"{low} to {high}"


def number(value: float, digits: int = 2) -> str:
    """To so many digits that count: 4,500 or 0.074."""
    rounded = float(f"{value:.{digits}g}")
    return f"{rounded:,.0f}" if rounded >= 1000 else f"{rounded:g}"


def plain_decimal(value: float, digits: int = 3) -> str:
    """With so many decimals, and no sign before a zero."""
    return f"{round(value, digits) + 0.0:.{digits}f}"


def listed(values: Iterable[float], digits: int = 2) -> str:
    """All of them, as a sentence lists them."""
    words = [number(value, digits) for value in values]
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def seeds(values: Iterable[float]) -> str:
    n = len(list(values))
    return "one seed" if n == 1 else f"{n} seeds"


def differ(one: pd.Series, other: pd.Series) -> bool | None:
    """Return whether the means of two networks differ by more than both spreads over seeds; None of a single seed."""
    if len(one) < 2 or len(other) < 2:
        return None
    return bool(abs(one.mean() - other.mean()) > one.std() + other.std())


def verdict(better: pd.Series, worse: pd.Series, yes: str, no: str) -> str:
    """Return `yes` where `worse` is above `better` by more than both spreads, `no` otherwise; of one seed, that it gives none."""
    apart = differ(better, worse)
    if apart is None:
        return "one seed gives no verdict"
    return yes if apart and worse.mean() > better.mean() else no


def wrapped(text: str) -> str:
    """The paragraphs with lines of at most 130 characters; a table stays as it is."""
    paragraphs = text.strip().split("\n\n")
    return "\n\n".join(
        part if part.startswith("|") else fill(part, 130, break_long_words=False, break_on_hyphens=False) for part in paragraphs
    )


def share(part: float) -> str:
    return f"{100 * part:.0f} %"


def ratio_to_last(blocks: pd.DataFrame) -> pd.DataFrame:
    """Norms over that of the last block, a row a step."""
    return blocks.div(blocks.iloc[:, -1], axis=0)


def geometric(values: Iterable[float]) -> float:
    return float(np.exp(np.log(list(values)).mean()))
