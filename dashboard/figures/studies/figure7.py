"""How strong are the responses of the layers?"""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from dashboard.figures import trained
from dashboard.figures.studies import Picture


def pictures(table: pd.DataFrame) -> Iterator[Picture]:
    alt = "Standard deviation of the response of every layer"
    yield Picture("responses", alt, trained.layer_responses(table), table[["run", "place", "layer", "response_sd"]])
