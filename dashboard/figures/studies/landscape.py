"""How does the loss look around the trained weights?"""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from dashboard.figures import trained
from dashboard.figures.studies import Picture


def pictures(table: pd.DataFrame) -> Iterator[Picture]:
    for statistics in ("stored", "batch"):
        figure = trained.loss_landscapes(table, statistics=statistics)
        numbers = table[table.statistics == statistics][["run", "directions", "alpha", "beta", "loss", "error_percent"]]
        yield Picture(f"loss-{statistics}", f"Loss around the weights, {statistics} statistics of batch norm", figure, numbers)
