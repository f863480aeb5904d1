"""Does the learning rate at the start hold a deep network back?"""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from dashboard.figures.studies import Picture, errors_over_steps
from dashboard.figures.variants import rate_curves


def pictures(table: pd.DataFrame) -> Iterator[Picture]:
    alt = "Training error by depth and by the learning rate at the start"
    yield Picture("rates", alt, rate_curves(table), errors_over_steps(table))
