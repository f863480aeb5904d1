"""Which blocks compute alike?"""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from dashboard.figures import trained
from dashboard.figures.studies import Picture


def pictures(table: pd.DataFrame) -> Iterator[Picture]:
    for layers, residual in sorted(set(zip(table.layers, table.residual, strict=True))):
        kind = "residual" if residual else "plain"
        figure = trained.block_similarity(table, layers, residual)
        part = table[(table.layers == layers) & (table.residual == residual)]
        numbers = part[["run", "other", "block", "other_block", "cka"]]
        yield Picture(f"cka-{kind}{layers}", f"CKA between blocks, {kind} network of {layers} layers", figure, numbers)
