"""How does the loss look around a network's weights? On a plane of filter-normalised random directions: Li et al. 2018."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from resnet_core.errors import InputError
from resnet_core.inspection.isolation import isolated, logits_of, with_batch_statistics


@dataclass(frozen=True)
class Surface:
    """Loss and error at weights + alpha · first + beta · second: [i, j] is at alphas[i], betas[j]."""

    alphas: NDArray[np.float64]  # (A,)
    betas: NDArray[np.float64]  # (B,)
    loss: NDArray[np.float64]  # (A, B): mean cross entropy, in nats
    error_percent: NDArray[np.float64]  # (A, B): top-1


def random_direction(network: nn.Module, seed: int) -> dict[str, Tensor]:
    """Draw a filter-normalised random direction in the space of a network's weights.

    Every filter (an output channel of a convolution, a row of the classifier) is normal noise, scaled to the length of the
    network's own filter, so that networks whose weights differ in scale can be compared.

    Args:
        network: any network; it is only read.
        seed: determines the noise, together with the shapes. It is drawn on the CPU, so that a GPU gets the same.

    Returns:
        By the parameters' names, tensors of their shapes. Norms, biases and layer scales are left out, as in the paper's code.

    Reference:
        Li et al. 2018, section 4.
    """
    generator = torch.Generator().manual_seed(seed)
    direction = {}
    for name, weight in isolated(network).named_parameters():
        if weight.ndim < 2 or (weight.ndim == 3 and weight.numel() == len(weight)):
            continue
        drawn = torch.randn(weight.shape, generator=generator).to(weight)
        across = tuple(range(1, weight.ndim))
        own, random = (torch.linalg.vector_norm(x.detach(), dim=across, keepdim=True) for x in (weight, drawn))
        direction[name] = drawn * (own / random)
    return direction


def loss_surface(
    network: nn.Module,
    first: Mapping[str, Tensor],
    second: Mapping[str, Tensor],
    alphas: Sequence[float] | NDArray[np.float64],
    betas: Sequence[float] | NDArray[np.float64],
    batches: Sequence[tuple[Tensor, Tensor]],
    batch_statistics: bool,
    progress: Callable[[int], None] = lambda _points: None,
) -> Surface:
    """Compute the loss over the plane that two directions span at the network's weights.

    A loss that overflows is inf or nan. Where logits are nan, torch's argmax takes nan for the largest, and the error means
    nothing. Nothing on the network changes; any number of threads may ask at once.

    Args:
        network: any network that returns logits.
        first, second: directions of `random_direction`, which move the same parameters.
        alphas, betas: how far to go along each of them; 0 is the network itself.
        batches: pairs of images (N, 3, H, W), normalised, and labels (N,).
        batch_statistics: whether batch norm takes each batch's own statistics at every point, as the loss in training does;
            otherwise it takes those stored with the weights, as in the paper's code, which fit the centre only.
        progress: called with the number of points done, after each.

    Raises:
        InputError: there is no image, or the directions move different parameters, or none of this network.

    Reference:
        Li et al. 2018, section 4.
    """
    if first.keys() != second.keys():
        raise InputError("The two directions move different parameters; draw both for the same network.")
    clone = isolated(network)
    if batch_statistics:
        with_batch_statistics(clone)
    parameters = dict(clone.named_parameters())
    if unknown := [name for name in first if name not in parameters]:
        raise InputError(f"The network has no parameter {unknown[0]!r}; draw the directions for this network.")
    own = {name: parameters[name].detach() for name in first}
    # every module that holds the parameter: tied weights move together
    holders = {
        name: [(m, last) for m in clone.modules() for last, held in m._parameters.items() if held is parameters[name]]
        for name in first
    }
    weight = next(clone.parameters())
    shown = [(x.to(weight).contiguous(memory_format=torch.channels_last), y.to(weight.device)) for x, y in batches]
    count = sum(len(y) for _, y in shown)
    if not count:
        raise InputError("There are no images to compute the loss on.")
    loss, error = np.empty((2, len(alphas), len(betas)))
    with torch.inference_mode():
        for i, alpha in enumerate(alphas):
            row = {name: own[name] + alpha * first[name] for name in own}
            for j, beta in enumerate(betas):
                for name, modules in holders.items():
                    moved = nn.Parameter(row[name] + beta * second[name], requires_grad=False)
                    for module, last in modules:  # the clone's own entries: the network keeps its parameters
                        module._parameters[last] = moved
                logits = [(logits_of(clone, x), y) for x, y in shown]
                loss[i, j] = sum(F.cross_entropy(z, y, reduction="sum").item() for z, y in logits) / count
                error[i, j] = 100 * sum(int((z.argmax(1) != y).sum()) for z, y in logits) / count
                progress(i * len(betas) + j + 1)
    return Surface(np.array(alphas, dtype=np.float64), np.array(betas, dtype=np.float64), loss, error)
