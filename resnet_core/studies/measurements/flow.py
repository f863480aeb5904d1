"""How do signal and gradient pass through the blocks?"""

from __future__ import annotations

from dataclasses import asdict

import pandas as pd

from resnet_core.inspection.gradients import gradient_flow
from resnet_core.studies.subject import Subject


def measure(subject: Subject, images: int = 16) -> pd.DataFrame:
    """Return gradient norm, response and output of every block for one batch, a row a block."""
    (batch,) = subject.batches(images, training=True, size=images)
    flow = gradient_flow(subject.network(), *batch)
    return pd.DataFrame({"place": place, **asdict(block)} for place, block in enumerate(flow.blocks, start=1))
