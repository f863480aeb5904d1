"""How do signal and gradient pass through the blocks before training?"""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from dashboard.figures import initialisation
from dashboard.figures.studies import Picture
from dashboard.figures.style import QUANTITIES


def pictures(table: pd.DataFrame) -> Iterator[Picture]:
    for quantity in ("gradient_norm", "output_rms"):
        alt = f"{QUANTITIES[quantity]}, from the first block to the last, by depth"
        figure = initialisation.signal_and_gradient(table, quantity)
        yield Picture(quantity, alt, figure, initialisation.over_blocks(table, quantity))
