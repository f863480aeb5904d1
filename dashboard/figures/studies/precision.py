"""Does the first gradient in bfloat16 point where the one in float32 points?"""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from dashboard.figures.agreement import agreement_by_depth, by_depth
from dashboard.figures.studies import Picture


def pictures(table: pd.DataFrame) -> Iterator[Picture]:
    alt = "Cosine between the first gradient in bfloat16 and in float32 over depth, plain and residual"
    words = "cosine between the gradients ∂L/∂W in bfloat16 and in float32, median layer"
    yield Picture("cosine", alt, agreement_by_depth(table, words), by_depth(table))
