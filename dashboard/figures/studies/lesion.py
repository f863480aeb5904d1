"""What happens when blocks are removed or exchanged?"""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from dashboard.figures import trained
from dashboard.figures.studies import Picture


def pictures(table: pd.DataFrame) -> Iterator[Picture]:
    one = table[table.lesion == "one removed"][["run", "blocks", "reestimated", "error_percent"]]
    yield Picture("one", "Test error without each block", trained.single_lesions(table), one)
    alt = "Test error without several blocks, and after exchanges"
    yield Picture("many", alt, trained.many_lesions(table), trained.lesion_summary(table))
