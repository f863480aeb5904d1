"""What happens when blocks are removed or exchanged (Veit et al. 2016)?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from resnet_core.inspection.lesion import reestimated, with_blocks_swapped, without_blocks
from resnet_core.networks.resnet import ResNet
from resnet_core.studies.subject import Subject, block_labels


def measure(
    subject: Subject,
    images: int = 500,
    draws: int = 8,
    counts: Sequence[int] = (2, 4, 8, 12),
    swaps: Sequence[int] = (1, 2, 4, 8),
) -> pd.DataFrame:
    """Return the test error of the network with blocks removed or exchanged.

    Args:
        images: so many test images; so many training images estimate batch norm's statistics anew.
        draws: random sets of blocks for every count.
        counts: how many blocks are removed at once, beside one at a time.
        swaps: how many pairs of blocks, of one stage each, change places.

    Returns:
        Two rows a case: with the statistics as trained, and estimated anew. Columns: lesion, blocks (labels), count, draw,
        reestimated, error_percent.

    Reference:
        Veit et al. 2016, sections 4.1 to 4.3.
    """
    network, test = subject.network(), subject.batches(images, size=250)
    training = [x for x, _ in subject.batches(images, training=True, size=250)]
    names = block_labels(network)
    rng = np.random.default_rng(0)  # the same blocks in the plain and in the residual network

    def cases() -> Iterator[tuple[dict[str, object], ResNet]]:
        yield {"lesion": "none", "blocks": "", "count": 0, "draw": 0}, without_blocks(network, [])
        for name in names:
            yield {"lesion": "one removed", "blocks": name, "count": 1, "draw": 0}, without_blocks(network, [name])
        for count in (count for count in counts if count < len(names)):
            for draw in range(draws):
                removed = sorted(rng.choice(names, count, replace=False), key=names.index)
                fields = {"lesion": "several removed", "blocks": " ".join(removed), "count": count, "draw": draw}
                yield fields, without_blocks(network, removed)
        for count in swaps:
            for draw in range(draws):
                pairs = [_pair(names, rng) for _ in range(count)]
                blocks = " ".join("-".join(pair) for pair in pairs)
                yield {"lesion": "exchanged", "blocks": blocks, "count": count, "draw": draw}, with_blocks_swapped(network, pairs)

    rows = []
    for fields, lesioned in cases():
        rows.append({**fields, "reestimated": False, "error_percent": _error_percent(lesioned, test)})
        rows.append({**fields, "reestimated": True, "error_percent": _error_percent(reestimated(lesioned, training), test)})
    return pd.DataFrame(rows)


def _error_percent(network: nn.Module, batches: Sequence[tuple[Tensor, Tensor]]) -> float:
    with torch.inference_mode():
        wrong = sum(int((network(x).argmax(1) != y).sum()) for x, y in batches)
    return 100 * wrong / sum(len(y) for _, y in batches)


def _pair(names: Sequence[str], rng: np.random.Generator) -> tuple[str, str]:
    """Two blocks of one stage, neither its first, which changes dimensions."""
    stages: dict[str, list[str]] = {}
    for name in names:
        if not name.endswith("_1"):
            stages.setdefault(name.split("_")[0], []).append(name)
    wide = [stage for stage in stages.values() if len(stage) > 1]
    first, second = rng.choice(wide[rng.integers(len(wide))], 2, replace=False)
    return str(first), str(second)
