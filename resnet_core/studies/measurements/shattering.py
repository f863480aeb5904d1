"""How alike are the gradients at nearby inputs (Balduzzi et al. 2017)?"""

from __future__ import annotations

import pandas as pd

from resnet_core.inspection.gradients import gradient_correlation, nearby_inputs
from resnet_core.studies.subject import Subject


def measure(subject: Subject, points: int = 32, radians: float = 0.02, curves: int = 4) -> pd.DataFrame:
    """The correlation of gradients at inputs on great circles between pairs of training images, by the angle between them."""
    network, images = subject.network(), subject.batches(2 * curves, training=True, size=1)
    tables = []
    for curve in range(curves):
        inputs = nearby_inputs(images[2 * curve][0][0], images[2 * curve + 1][0][0], points, radians)
        tables.append(gradient_correlation(network, inputs, seed=curve))
    mean = pd.concat(tables).groupby(["block", "lag"], sort=False).correlation.mean().reset_index()
    return mean.assign(radians=mean.lag * radians)
