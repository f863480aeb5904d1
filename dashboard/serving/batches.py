"""How does the gradient come back for a batch? In trained networks, and in new ones of any depth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import streamlit as st
from numpy.typing import NDArray

from dashboard.serving.answers import OnWait, _ignore
from dashboard.serving.jobs import Progress, slow
from dashboard.serving.networks import checkpoint, logits, network, pairs
from dashboard.serving.photographs import Photograph
from resnet_core.pictures.preprocess import square

if TYPE_CHECKING:
    from torch import Tensor

    from resnet_core.inspection.gradients import GradientFlow
    from resnet_core.networks.resnet import ResNet

NEW_SIDE = 32  # pixels of what a new network is shown
NEARBY, RADIANS = 12, 0.02  # inputs on a great circle, and the angle between two


@dataclass(frozen=True, eq=False)
class Batch:
    """Pictures that a network sees at once; `digest` stands for them as a cache key."""

    title: str
    pictures: tuple[NDArray[np.uint8], ...]  # (H, W, 3) each
    labels: tuple[int, ...] | None  # None: nobody says
    digest: str


@st.cache_resource
def digits_batch(count: int) -> Batch:
    """The first training images of the bundled digits."""
    from resnet_core.data.sources import open_dataset

    data = open_dataset("digits")
    images, labels = next(data.train.test_batches(count, data.train.side))
    pictures = tuple(images.permute(0, 2, 3, 1).numpy())
    return Batch(f"{count} handwritten digits", pictures, tuple(labels.tolist()), f"digits:{count}")


def photographs_batch(photographs: Sequence[Photograph]) -> Batch:
    title = photographs[0].title if len(photographs) == 1 else f"{len(photographs)} photographs"
    pictures = tuple(photograph.pixels for photograph in photographs)
    return Batch(title, pictures, None, " ".join(photograph.digest for photograph in photographs))


def _input(name: str, batch: Batch) -> Tensor:
    """(N, 3, S, S) as the network takes it; a new one takes small images that are normalised as everybody does."""
    import torch

    from resnet_core.pictures.network_input import network_input, prepare

    if _is_trained(name):
        return torch.stack([prepare(picture, checkpoint(name)) for picture in batch.pictures])
    images = torch.from_numpy(np.stack([square(picture, NEW_SIDE) for picture in batch.pictures]))
    return network_input(images.permute(0, 3, 1, 2), NEW_SIDE, (0.5, 0.5, 0.5), (0.25, 0.25, 0.25))


def _is_trained(name: str) -> bool:
    return any(name in pair for pair in pairs().values())


def _trained_or_new(name: str, batch_norm: bool, seed: int) -> ResNet:
    from resnet_core.networks.architectures import architecture
    from resnet_core.networks.resnet import build

    return network(name) if _is_trained(name) else build(architecture(name, batch_norm=batch_norm), seed)


def gradient_flow(name: str, batch_norm: bool, seed: int, batch: Batch, on_wait: OnWait = _ignore) -> GradientFlow:
    """Of a bundled network, or of a new one of the registry, from the seed.

    The loss is against the batch's labels; where nobody says them, against what the residual network of a trained pair takes the
    pictures for, and in a new network against its first class.
    """
    lens = _trained_or_new(name, batch_norm, seed)
    twin = network(name.replace("plain", "resnet")) if _is_trained(name) else None
    x = _input(name, batch)

    def compute(_progress: Progress) -> GradientFlow:
        import torch

        from resnet_core.inspection.gradients import gradient_flow

        labels = torch.tensor(batch.labels or [0] * len(x))
        if twin is not None:
            with torch.no_grad():
                labels = logits(twin, x).argmax(1)
        return gradient_flow(lens, x, labels)

    return slow().answer(("gradient flow", name, batch_norm, seed, batch.digest), compute, on_wait)


def gradient_correlation(name: str, batch_norm: bool, seed: int, batch: Batch, on_wait: OnWait = _ignore) -> pd.DataFrame:
    """At NEARBY inputs, RADIANS apart, from the batch's first picture towards its second, or its mirror image."""
    lens, x = _trained_or_new(name, batch_norm, seed), _input(name, batch)

    def compute(_progress: Progress) -> pd.DataFrame:
        from resnet_core.inspection.gradients import gradient_correlation, nearby_inputs

        second = x[1] if len(x) > 1 else x[0].flip(-1)
        return gradient_correlation(lens, nearby_inputs(x[0], second, NEARBY, RADIANS), seed=0)

    return slow().answer(("gradient correlation", name, batch_norm, seed, batch.digest), compute, on_wait)


def known_gradients(name: str, batch_norm: bool, seed: int, batch: Batch) -> bool:
    """Whether `gradient_flow` and `gradient_correlation` were computed before, by anybody."""
    asked = (name, batch_norm, seed, batch.digest)
    return slow().known(("gradient flow", *asked)) and slow().known(("gradient correlation", *asked))
