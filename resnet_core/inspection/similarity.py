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
    """CKA of every block of `first` (rows) with every block of `second` (columns), by their labels ("conv2_1").

    batches: images (N, 3, H, W), normalised, at least 4 in each. Linear CKA (Kornblith et al. 2019, section 3) from minibatches:
    HSICs are summed over batches before they are divided (Nguyen, Raghu and Kornblith 2021, arXiv:2010.15327, Eq. 2). They are
    without bias (Eq. 3 there, HSIC_1 of Song et al. 2012), so that on average the size of a batch does not matter. No unit.
    1: equal up to rotation and scale; about 0, also below: unrelated; NaN: a block whose output is the same for all images of a
    batch, in every batch. In evaluation mode. Raises InputError where a batch is too small, or there is none.
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
    """(blocks, N, N) float64: inner products of the blocks' outputs, the diagonal zero. The outputs themselves are let go."""
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
