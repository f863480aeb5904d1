"""Does a photograph's answer depend on what else is in its batch? With a batch's own statistics it does."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from resnet_core.inspection.inputs import as_batch
from resnet_core.inspection.isolation import forward_hooks, isolated, logits_of, with_batch_statistics
from resnet_core.inspection.parts import located


def answers_beside(network: nn.Module, images: Tensor) -> dict[tuple[int, ...], NDArray[np.float32]]:
    """Return the first image's probabilities in every batch that holds it, when batch norms use the batch's statistics.

    Args:
        images: (N, 3, H, W), normalised.

    Returns:
        (classes,) by the batch's images in order: (0,), (0, 1), (0, 2), …, (0, 1, …, N - 1).

    Raises:
        InputError: for images or a network that do not fit.
    """
    clone = with_batch_statistics(isolated(network))
    images = as_batch(images, clone)
    found = {}
    with torch.inference_mode():
        for count in range(len(images)):
            for others in combinations(range(1, len(images)), count):
                batch = (0, *others)
                found[batch] = logits_of(clone, images[list(batch)])[0].float().softmax(0).cpu().numpy()
    return found


def convolution_of_batch(network: nn.Module, images: Tensor, block: str, convolution: str, channel: int) -> NDArray[np.float32]:
    """Return one channel of what a convolution of a block gives for every image (N, H, W), before its batch norm.

    Args:
        images: (N, 3, H, W), normalised. All batch norms use their stored statistics.
        block: its label; `convolution`: the name in it, "conv1".

    Raises:
        InputError: for images or a block that do not fit.
    """
    clone = isolated(network)
    images = as_batch(images, clone)
    module = located(clone).handle(block).block.get_submodule(convolution)
    held: list[Tensor] = []
    with torch.inference_mode(), forward_hooks({module: lambda _x, y: held.append(y[:, channel].clone())}):
        logits_of(clone, images)
    found: NDArray[np.float32] = held[0].float().cpu().numpy()
    return found
