"""Which attributions outlive what a network has learnt (Adebayo et al. 2018)?"""

from __future__ import annotations

import pandas as pd

from resnet_core.inspection.attribution import methods, sanity_checks
from resnet_core.studies.subject import Subject


def measure(subject: Subject, images: int = 6) -> pd.DataFrame:
    """How alike attributions are to themselves as the network is randomised from the top, for its own first choice.

    Of all methods but occlusion, which takes longest; a row an image, method and layer.
    """
    network, rows = subject.network(), []
    for image, (x, _labels) in enumerate(subject.batches(images, size=1)):
        for method in methods.METHODS:
            if method != "occlusion":
                test = sanity_checks.randomisation_test(network, x, method)
                columns = {"layer": range(len(test.layers)), "random_down_to": test.layers}
                values = {"absolute": test.absolute, "signed": test.signed}
                rows.append(pd.DataFrame({"image": image, "method": method, **columns, **values}))
    return pd.concat(rows, ignore_index=True)
