"""Do the gradients of two minibatches agree, by depth?"""

from __future__ import annotations

from dataclasses import asdict

import pandas as pd

from resnet_core.inspection.agreement import gradient_agreement
from resnet_core.studies.subject import Subject


def measure(subject: Subject, minibatches: int = 8, size: int = 64) -> pd.DataFrame:
    """Return how the gradients of training minibatches agree, a row a layer; place 0 is all layers as one vector."""
    layers = gradient_agreement(subject.network(), subject.batches(minibatches * size, training=True, size=size))
    return pd.DataFrame({"place": place, **asdict(layer)} for place, layer in enumerate(layers))
