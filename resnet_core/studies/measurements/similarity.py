"""Which blocks of two networks compute alike (CKA; Kornblith et al. 2019)?"""

from __future__ import annotations

import pandas as pd

from resnet_core.inspection.similarity import block_similarity
from resnet_core.studies.subject import Subject


def measure(subject: Subject, images: int = 512) -> pd.DataFrame:
    """Return the CKA of the network's blocks with its own, with its twin's, and with those of the next seed."""
    x = [x for x, _ in subject.batches(images)]
    network, twin = subject.network(), subject.architecture.twin().name
    others = {"itself": network}
    if subject.has(twin, subject.seed):
        others[twin] = subject.network(twin)
    if subject.has(subject.label, subject.seed + 1):
        others["another seed"] = subject.network(seed=subject.seed + 1)
    tables = []
    for name, other in others.items():
        square = block_similarity(network, other, x)
        table = square.rename_axis(index="block", columns="other_block").stack().rename("cka").reset_index()
        tables.append(table.assign(other=name))
    return pd.concat(tables, ignore_index=True)
