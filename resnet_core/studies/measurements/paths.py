"""Through paths of which length does the gradient pass (Veit et al. 2016)?"""

from __future__ import annotations

import numpy as np
import pandas as pd

from resnet_core.inspection.paths import path_gradients
from resnet_core.studies.subject import Subject, block_labels


def measure(subject: Subject, images: int = 64, draws: int = 24) -> pd.DataFrame:
    """The norm of the images' gradient through single random paths of each length (blocks passed through F)."""
    network, (x, y) = subject.network(), subject.batches(images, training=True, size=images)[0]
    names, rng = block_labels(network), np.random.default_rng(0)
    keys = [(length, draw) for length in range(len(names) + 1) for draw in range(1 if length in (0, len(names)) else draws)]
    chosen = [[str(name) for name in rng.choice(names, length, replace=False)] for length, _ in keys]
    norms = [float(gradient.norm()) for gradient in path_gradients(network, x, y, chosen)]
    return pd.DataFrame(
        {"length": length, "draw": draw, "gradient_norm": norm} for (length, draw), norm in zip(keys, norms, strict=True)
    )
