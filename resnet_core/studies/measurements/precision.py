"""Does a minibatch's gradient in bfloat16 agree with the same in float32, by depth?"""

from __future__ import annotations

from dataclasses import asdict

import pandas as pd

from resnet_core.inspection.agreement import precision_agreement
from resnet_core.studies.subject import Subject


def measure(subject: Subject, size: int = 64) -> pd.DataFrame:
    """Return the agreement of both gradients, a row a layer; place 0 is all layers as one vector."""
    (batch,) = subject.batches(size, training=True, size=size)
    layers = precision_agreement(subject.network(), *batch)
    return pd.DataFrame({"place": place, **asdict(layer)} for place, layer in enumerate(layers))
