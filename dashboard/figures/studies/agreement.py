"""Do the gradients of two minibatches point the same way, by depth?"""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from dashboard.figures.agreement import agreement_by_depth, by_depth
from dashboard.figures.studies import Picture


def pictures(table: pd.DataFrame) -> Iterator[Picture]:
    alt = "Cosine between the gradients of two minibatches over depth, plain and residual, with and without batch norm"
    yield Picture("cosine", alt, agreement_by_depth(table), by_depth(table))
