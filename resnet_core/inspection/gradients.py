"""How do signal and gradient pass through the blocks for a batch? One forward and one backward pass tell, trained or not."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from dataclasses import fields as fields_of
from functools import partial
from pathlib import Path

import pandas as pd
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from resnet_core.atomic import save_arrays
from resnet_core.errors import InputError
from resnet_core.inspection.isolation import blocks_of, listening, private_view, with_batch_statistics

IMAGE = "image"  # stands where a block's name does, for the network's input


@dataclass(frozen=True)
class BlockFlow:
    """For the whole batch: L is its mean cross entropy, y the block's outputs."""

    block: str  # the paper's name: "conv4_3"
    gradient_norm: float  # ‖∂L/∂y‖₂
    response_sd: float  # of F(x), after batch norm, before addition and ReLU
    output_rms: float  # root mean square of y


@dataclass(frozen=True)
class GradientFlow:
    blocks: tuple[BlockFlow, ...]  # in forward order
    seconds: float  # of both passes

    def save(self, path: str | Path) -> None:
        """As .npz: an entry a block of every quantity, each by its name. Raises InputError where it cannot be written."""
        names = [field.name for field in fields_of(BlockFlow)]
        save_arrays(path, {name: [getattr(block, name) for block in self.blocks] for name in names})


def _sd(x: Tensor) -> float:
    return x.detach().double().std(correction=0).item()


def _outputs(
    network: nn.Module, images: Tensor, hear_response: Callable[[str, Tensor], None] = lambda _label, _y: None
) -> tuple[Tensor, dict[str, Tensor]]:
    """The logits, and by name the input (IMAGE) and all blocks' outputs, with a graph between them.

    Batch norm uses the batch's own statistics, as in training. A gradient asked of these alone costs no gradient of a weight.
    """
    view = with_batch_statistics(private_view(network))
    weight = next(network.parameters())
    x = images.detach().to(weight.device, weight.dtype, copy=True).requires_grad_()
    found = {IMAGE: x}

    def hear_last(label: str, _x: Tensor, y: Tensor) -> None:
        hear_response(label, y)

    def hear_block(label: str, _x: Tensor, y: Tensor) -> None:
        found[label] = y

    listeners: dict[nn.Module, Callable[[Tensor, Tensor], None]] = {}
    for place in blocks_of(view):
        listeners[place.block] = partial(hear_block, place.label)
        listeners[place.last] = partial(hear_last, place.label)
    with listening(listeners):
        logits: Tensor = view(x)
    return logits, found


def gradient_flow(network: nn.Module, images: Tensor, labels: Tensor) -> GradientFlow:
    """Every block's gradient, response and output for one batch, as a training step would see them.

    images: (N, 3, H, W), normalised; labels: (N,). The network may be in any mode and shared by threads; nothing on it changes.
    What overflows, as in deep residual networks without batch norm, is inf or nan.
    """
    responses: dict[str, float] = {}
    start = time.perf_counter()
    with torch.inference_mode(False), torch.enable_grad():
        logits, found = _outputs(network, images, lambda label, y: responses.__setitem__(label, _sd(y)))
        del found[IMAGE]
        gradients = torch.autograd.grad(F.cross_entropy(logits, labels.to(logits.device).clone()), list(found.values()))
    seconds = time.perf_counter() - start
    blocks = [
        BlockFlow(
            block=label,
            gradient_norm=torch.linalg.vector_norm(gradient.double()).item(),
            response_sd=responses[label],
            output_rms=y.detach().double().square().mean().sqrt().item(),
        )
        for (label, y), gradient in zip(found.items(), gradients, strict=True)
    ]
    return GradientFlow(tuple(blocks), seconds)


def layer_responses(network: nn.Module, images: Tensor) -> dict[str, float]:
    """The sd of every convolution's response over images, channels and places: Figure 7 of He et al. 2015.

    After batch norm, before the non-linearity or the addition; projections are left out, as they are on no main path. By the
    layers' names in the state dict ("layer1.0.conv1"), from the input on. In evaluation mode.
    """
    view = private_view(network)
    heard: dict[str, float] = {}
    layers: Mapping[str, nn.Module] = {"conv1": view.get_submodule("bn1")} | {
        f"{place.name}.conv{i}": place.block.get_submodule(f"bn{i}")
        for place in blocks_of(view)
        for i in (1, 2, 3)
        if hasattr(place.block, f"bn{i}")
    }
    # each is reduced as it is heard: the ReLU that follows may overwrite it
    listeners = {norm: lambda _x, y, name=name: heard.__setitem__(name, _sd(y)) for name, norm in layers.items()}
    weight = next(network.parameters())
    with torch.inference_mode(), listening(listeners):
        view(images.to(weight.device, weight.dtype))
    return heard


def nearby_inputs(first: Tensor, second: Tensor, points: int, radians: float) -> Tensor:
    """(points, 3, H, W): inputs of equal norm from `first` towards `second`, both (3, H, W), neighbours `radians` apart.

    They lie on the great circle through `first` and what of `second` is orthogonal to it, scaled to the same norm. Raises
    InputError where the two are parallel.
    """
    a, b = first.double(), second.double()
    across = b - a * (a * b).sum() / (a * a).sum()
    if across.norm() < 1e-6 * b.norm():
        raise InputError("The two images are the same up to contrast; choose two that differ.")
    across *= a.norm() / across.norm()
    angles = radians * torch.arange(points, dtype=torch.float64).view(-1, 1, 1, 1)
    return (angles.cos() * a + angles.sin() * across).to(first.dtype)


def gradient_correlation(network: nn.Module, inputs: Tensor, seed: int) -> pd.DataFrame:
    """How alike are the gradients at nearby inputs? "Shattered gradients", Balduzzi et al. 2017, section 2.

    inputs: (N, 3, H, W), neighbours equally far apart (`nearby_inputs`). The gradient is that of one random linear function of
    the logits (drawn from `seed`), at each input, with respect to the input itself ("image") and to every block's output. Batch
    norm has the statistics of these inputs as a batch, as in that paper; an input's gradient includes its effect through them.

    A row a block and lag (1 to N - 1): the mean cosine between the gradients at inputs that far apart; columns block, lag,
    correlation.
    """
    with torch.inference_mode(False), torch.enable_grad():
        logits, found = _outputs(network, inputs)
        generator = torch.Generator().manual_seed(seed)
        weights = torch.randn(logits.shape[1], generator=generator).to(logits)
        gradients = torch.autograd.grad((logits @ weights).sum(), list(found.values()))
    rows = []
    for block, gradient in zip(found, gradients, strict=True):
        # float64, and the longest entry first made 1: what explodes or vanishes has a direction all the same
        flat = gradient.flatten(1).double()
        flat = flat / flat.abs().amax(1, keepdim=True).clamp_min(math.ulp(0.0))
        unit = F.normalize(flat)
        cosines = unit @ unit.T
        for lag in range(1, len(inputs)):
            rows.append({"block": block, "lag": lag, "correlation": cosines.diagonal(lag).mean().item()})
    return pd.DataFrame(rows)
