"""Do the gradients of two minibatches point the same way? If not, a step that helps one says nothing about the other."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from resnet_core.errors import InputError


@dataclass(frozen=True)
class LayerAgreement:
    """How alike the gradients of minibatches are with respect to one layer's weights, or to all of them."""

    layer: str  # by its name in the state dict; "all": every kernel as one vector
    cosine: float  # mean over pairs of minibatches; nan where a gradient is zero or overflowed
    gradient_norm: float  # ‖∂L/∂W‖₂, mean over minibatches
    relative_gradient: float  # ‖∂L/∂W‖₂ / ‖W‖₂: free of the scale of the weights


def gradient_agreement(network: nn.Module, batches: Sequence[tuple[Tensor, Tensor]]) -> tuple[LayerAgreement, ...]:
    """Measure the cosine between the loss gradients of minibatches, with respect to the kernels of every layer.

    In training mode: every minibatch is normalised by its own statistics, as in a training step.

    Args:
        network: any network with convolutions or linear layers; nothing on it changes.
        batches: at least two minibatches: images (N, 3, H, W), normalised, and class numbers (N,).

    Returns:
        "all", then the layers in the order of the state dict.

    Raises:
        InputError: for fewer than two minibatches.

    Reference:
        Balduzzi et al. 2017 (arXiv:1702.08591) compare gradients with respect to inputs; a training step follows these.
    """
    if len(batches) < 2:
        raise InputError("Agreement is between minibatches; give at least two.")
    return _compared(network, [(*batch, False) for batch in batches])


def precision_agreement(network: nn.Module, images: Tensor, labels: Tensor) -> tuple[LayerAgreement, ...]:
    """Measure the cosine between one minibatch's gradient in bfloat16 autocast and the same in float32.

    As `gradient_agreement`, of which it takes the arguments and returns the layers; norms are means of both precisions.
    """
    return _compared(network, [(images, labels, False), (images, labels, True)])


def _compared(network: nn.Module, passes: Sequence[tuple[Tensor, Tensor, bool]]) -> tuple[LayerAgreement, ...]:
    """The agreement of the gradients of images and labels, in bfloat16 or not."""
    network = copy.deepcopy(network).requires_grad_().train()
    kernels = {name: module.weight for name, module in network.named_modules() if isinstance(module, nn.Conv2d | nn.Linear)}
    gradients: dict[str, list[Tensor]] = {name: [] for name in kernels}
    with torch.inference_mode(False), torch.enable_grad():
        for images, labels, bfloat16 in passes:
            with torch.autocast(images.device.type, torch.bfloat16, enabled=bfloat16):
                logits = network(images)
            of_kernels = torch.autograd.grad(F.cross_entropy(logits.float(), labels), list(kernels.values()))
            for name, gradient in zip(kernels, of_kernels, strict=True):
                gradients[name].append(gradient.flatten().double())
    weights = {name: kernel.detach().flatten().double() for name, kernel in kernels.items()}
    whole = [torch.cat([gradients[name][i] for name in kernels]) for i in range(len(passes))]
    layers = {"all": (whole, torch.cat(list(weights.values()))), **{name: (gradients[name], weights[name]) for name in kernels}}
    return tuple(_agreement(name, *tensors) for name, tensors in layers.items())


def _agreement(layer: str, gradients: Sequence[Tensor], weight: Tensor) -> LayerAgreement:
    norms = [gradient.norm() for gradient in gradients]
    cosines = [gradients[i] @ gradients[j] / (norms[i] * norms[j]) for i, j in combinations(range(len(gradients)), 2)]
    norm = torch.stack(norms).mean()
    return LayerAgreement(layer, torch.stack(cosines).mean().item(), norm.item(), (norm / weight.norm()).item())
