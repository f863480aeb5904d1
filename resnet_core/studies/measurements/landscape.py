"""How does the loss look around the trained weights (Li et al. 2018)?"""

from __future__ import annotations

import numpy as np
import pandas as pd

from resnet_core.inspection.landscape import loss_surface, random_direction
from resnet_core.studies.subject import Subject


def measure(subject: Subject, side: int = 25, reach: float = 1.0, images: int = 64) -> pd.DataFrame:
    """The training loss and error over two pairs of random directions, and with a batch's own statistics."""
    network, batches = subject.network(), subject.batches(images, training=True, size=images)
    steps = np.linspace(-reach, reach, side)
    tables = []
    for pair, of_batch in ((0, False), (1, False), (0, True)):
        first, second = (random_direction(network, seed) for seed in (2 * pair, 2 * pair + 1))
        surface = loss_surface(network, first, second, steps, steps, batches, of_batch)
        alphas, betas = np.meshgrid(steps, steps, indexing="ij")
        columns = {"alpha": alphas, "beta": betas, "loss": surface.loss, "error_percent": surface.error_percent}
        table = pd.DataFrame({name: values.ravel() for name, values in columns.items()})
        tables.append(table.assign(directions=f"{2 * pair} and {2 * pair + 1}", statistics="batch" if of_batch else "stored"))
    return pd.concat(tables, ignore_index=True)
