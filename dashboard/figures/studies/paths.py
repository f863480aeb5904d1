"""Through paths of which length does the gradient pass?"""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from dashboard.figures import trained
from dashboard.figures.studies import Picture


def pictures(table: pd.DataFrame) -> Iterator[Picture]:
    alt = "Gradient through paths by length, and how many there are"
    yield Picture("paths", alt, trained.path_gradients(table), trained.path_lengths(table))
