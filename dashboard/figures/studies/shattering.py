"""How alike are the gradients at nearby inputs?"""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from dashboard.figures import initialisation
from dashboard.figures.studies import Picture


def pictures(table: pd.DataFrame) -> Iterator[Picture]:
    for radians in (0.02, 0.1):
        figure, numbers = initialisation.shattered_gradients(table, radians), initialisation.at_angle(table, radians)
        yield Picture(f"correlation-{radians:g}", f"Correlation of gradients {radians:g} rad apart over depth", figure, numbers)
