"""Do the gradients of two minibatches agree, by depth? The measurement of the study `agreement`."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import pandas as pd

from resnet_core.inspection.agreement import gradient_agreement, precision_agreement

if TYPE_CHECKING:
    from resnet_core.studies.measurements import Subject


def agreement(subject: Subject, minibatches: int = 8, size: int = 64) -> pd.DataFrame:
    """The agreement of the gradients of minibatches of training images, a row a layer; place 0 is all layers as one vector."""
    layers = gradient_agreement(subject.network(), subject.batches(minibatches * size, training=True, size=size))
    return pd.DataFrame({"place": place, **asdict(layer)} for place, layer in enumerate(layers))


def precision(subject: Subject, size: int = 64) -> pd.DataFrame:
    """The agreement of a minibatch's gradient in bfloat16 with the same in float32, as `agreement`."""
    (batch,) = subject.batches(size, training=True, size=size)
    layers = precision_agreement(subject.network(), *batch)
    return pd.DataFrame({"place": place, **asdict(layer)} for place, layer in enumerate(layers))
