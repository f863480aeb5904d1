"""Which attributions outlive what a network has learnt?"""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from dashboard.figures import trust
from dashboard.figures.studies import Picture
from dashboard.figures.style import heading
from dashboard.plain import plotly_plain


def pictures(table: pd.DataFrame) -> Iterator[Picture]:
    for network, part in table.groupby("network"):
        alt = f"How alike attributions of {network} are to themselves as it is randomised from the top"
        figure = trust.similarity(part, "absolute")
        figure.update_layout(title=heading(f"{plotly_plain(network)}: {figure.layout.title.text}"))
        yield Picture(str(network), alt, figure, part[["run", "image", "method", "random_down_to", "absolute", "signed"]])
