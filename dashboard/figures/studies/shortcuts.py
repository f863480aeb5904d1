"""What should stand on the shortcuts?"""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from dashboard.figures.studies import Picture, errors_over_steps
from dashboard.figures.variants import shortcut_curves


def pictures(table: pd.DataFrame) -> Iterator[Picture]:
    yield Picture("options", "Training error by what stands on the shortcuts", shortcut_curves(table), errors_over_steps(table))
