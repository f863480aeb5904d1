"""What do two networks take many photographs for, and do they agree? The scene of the page Predictions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dashboard import words
from dashboard.figures.overlay import Pixels
from dashboard.figures.predictions import confidence, how_often_right, predictions_gallery, predictions_table
from dashboard.scenes.exhibit import Exhibit, Gallery
from dashboard.scenes.link_words import NETWORKS, LinkWords
from dashboard.scenes.scene import Scene
from resnet_core.networks.checkpoint import Checkpoint

QUESTION = "Who is right, and who is sure?"
LINK = LinkWords(NETWORKS, ("confidence",))


def predictions(
    names: Sequence[str],
    checkpoints: Sequence[Checkpoint],
    probabilities: Sequence[NDArray[np.float32]],
    titles: Sequence[str],
    pictures: Sequence[Pixels],
    truths: Sequence[Sequence[str]],
    provenance: Sequence[str],
) -> Scene:
    """Return the scene of two networks on many photographs.

    Args:
        names: what the page calls the two networks.
        checkpoints: of both.
        probabilities: (N, classes) of each.
        titles, pictures, truths: of the N photographs: names, squares (S, S, 3), and the classes that are right.
        provenance: how the networks were made; a paragraph each.
    """
    table = predictions_table(titles, [each.classes for each in checkpoints], probabilities, truths)
    residual = [each.architecture.residual for each in checkpoints]
    left, right = names
    surer = int((table.right_percent > table.left_percent).sum())
    return Scene(
        question=QUESTION,
        answer=(
            f"They agree on {table.agree.sum()} of {len(table)} photographs. On average {left} gives its first choice "
            f"{table.left_percent.mean():.0f} %, {right} {table.right_percent.mean():.0f} %."
        ),
        main=(
            Gallery(
                "answers",
                predictions_gallery(table, pictures, residual),
                how_often_right(table, names) or "Which classes are right for these photographs is not known.",
            ),
        ),
        support=(
            Exhibit(
                key="confidence",
                figure=confidence(table, names),
                message=f"{right} is surer than {left} on {surer} of {len(table)} photographs",
                alt=f"Probability of the first choice, {' against '.join(names)}, a point a photograph",
                origin="measured",
                provenance=" · ".join(map(words.training, checkpoints)),
                numbers=lambda: _named(table, names),
                caption=f"On the dashed line both are equally sure; above it {right} is surer.",
            ),
        ),
        does_not_show="Sure is not the same as right: a network always names one of its classes, even if the picture shows none.",
        provenance=tuple(provenance),
    )


def _named(table: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    sides = list(zip(("left", "right"), names, strict=True))
    return table.rename(columns={side + of: name + of for side, name in sides for of in ("", "_percent", "_correct")})
