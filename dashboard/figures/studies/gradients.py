"""How do gradients develop in training, with and without batch norm and shortcuts?"""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from dashboard.figures import initialisation
from dashboard.figures.studies import Picture


def pictures(table: pd.DataFrame) -> Iterator[Picture]:
    alt = "Gradient norm by block in training, with and without batch norm and shortcuts"
    numbers = table[table.metric == "gradient_norm"][["run", "residual", "batch_norm", "seed", "step", "block", "value"]]
    yield Picture("gradients", alt, initialisation.gradients_in_training(table), numbers)
