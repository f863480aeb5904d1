"""How strong are the responses of the layers (Figure 7 of the paper)?"""

from __future__ import annotations

import pandas as pd

from resnet_core.inspection.gradients import layer_responses
from resnet_core.studies.subject import Subject


def measure(subject: Subject, images: int = 512) -> pd.DataFrame:
    """The response of every 3x3 layer, after batch norm, before the non-linearity or addition; sd over images and places."""
    responses = layer_responses(subject.network(), subject.batches(images, size=images)[0][0])
    return pd.DataFrame(
        {"layer": name, "place": place, "response_sd": sd} for place, (name, sd) in enumerate(responses.items(), start=1)
    )
