"""Which blocks of two networks compute alike? Linear CKA between the blocks' outputs for the same images."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from resnet_core.errors import InputError
from resnet_core.inspection.inputs import as_batch
from resnet_core.inspection.isolation import forward_hooks, isolated, logits_of
from resnet_core.networks.anatomy import find_anatomy


def block_similarity(first: nn.Module, second: nn.Module, batches: Iterable[Tensor]) -> pd.DataFrame:
    """Compare every block of one network with every block of another, by linear CKA of their outputs.

    HSICs are estimated without bias and summed over batches before they are divided, so that on average the size of a batch does
    not matter. Both networks run in evaluation mode.

    Args:
        first, second: any networks that `find_anatomy` knows or `describe` describes.
        batches: images (N, 3, H, W), normalised, N at least 4.

    Returns:
        CKA, without unit: a row a block of `first`, a column a block of `second`, by their labels. 1: equal up to rotation and
        scale. About 0, also below: unrelated. NaN: a block whose output is the same for all images, in every batch.

    Raises:
        InputError: a batch is too small, or there is none.

    Reference:
        Kornblith et al. 2019, section 3; Nguyen, Raghu and Kornblith 2021 (arXiv:2010.15327), Eq. 2 and 3 (HSIC_1 of Song et
        al. 2012).
    """
    names = [[handle.label for handle in find_anatomy(network).blocks] for network in (first, second)]
    cross, mine, yours = np.zeros((len(names[0]), len(names[1]))), np.zeros(len(names[0])), np.zeros(len(names[1]))
    seen = 0
    for images in batches:
        if len(images) < 4:
            raise InputError(f"A batch has {len(images)} images; CKA without bias needs at least 4.")
        a = _grams(first, images)
        b = a if second is first else _grams(second, images)
        cross += _hsic(a, b)
        mine += np.array([_hsic(gram[None], gram[None]).item() for gram in a])
        yours += np.array([_hsic(gram[None], gram[None]).item() for gram in b])
        seen += 1
    if not seen:
        raise InputError("There are no images to compare the networks on.")
    with np.errstate(invalid="ignore"):  # 0 / 0 where a block is constant
        cka = cross / np.sqrt(np.outer(mine, yours))
    return pd.DataFrame(cka, index=names[0], columns=names[1])


def _grams(network: nn.Module, images: Tensor) -> Tensor:
    """Return inner products of the blocks' outputs, (blocks, N, N) float64, with a zero diagonal."""
    clone = isolated(network)
    blocks = find_anatomy(clone).blocks
    grams: dict[nn.Module, Tensor] = {}

    def keep(block: nn.Module, _x: Tensor, y: Tensor) -> None:
        flat = y.flatten(1).float()
        # A common shift changes no HSIC, but a large common part would cost float32 its digits. The first image is taken off
        # before the mean, which is rounded: outputs that are all equal become exactly 0, not noise that passes for a signal.
        flat = flat - flat[0]
        flat = flat - flat.mean(0)
        grams[block] = (flat @ flat.T).double().fill_diagonal_(0)

    images = as_batch(images, clone)
    hooks = {handle.block: partial(keep, handle.block) for handle in blocks}
    with torch.inference_mode(), forward_hooks(hooks, {handle.block: handle.name for handle in blocks}):
        logits_of(clone, images)
    return torch.stack([grams[handle.block] for handle in blocks]).cpu()


def _hsic(first: Tensor, second: Tensor) -> np.ndarray:
    """The unbiased estimator between stacks of Gram matrices with zero diagonals: Song et al. 2012, Eq. 5."""
    n = first.shape[-1]
    rows, columns = first.sum(-1), second.sum(-1)
    traces = torch.einsum("aij,bij->ab", first, second)
    sums = torch.outer(rows.sum(-1), columns.sum(-1)) / ((n - 1) * (n - 2))
    return ((traces + sums - 2 / (n - 2) * rows @ columns.T) / (n * (n - 3))).numpy()
