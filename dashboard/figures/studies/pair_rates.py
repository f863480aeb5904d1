"""Which learning rate suits each network of the pair?"""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from dashboard.figures.pair import by_rate, rates_of_pair
from dashboard.figures.studies import Picture


def pictures(table: pd.DataFrame) -> Iterator[Picture]:
    yield Picture("rates", "Training error by learning rate, plain beside residual", rates_of_pair(table), by_rate(table))
