"""What if a block added more or less? A network whose residual functions and shortcuts are multiplied by a number."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import TypeVar, cast

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from resnet_core.errors import InputError
from resnet_core.inspection.inspect import inspect
from resnet_core.inspection.isolation import isolated
from resnet_core.inspection.parts import located
from resnet_core.networks.blocks import Block

Network = TypeVar("Network", bound=nn.Module)


@dataclass(frozen=True, eq=False)
class Fade:
    """What a network answers while a factor goes from one value to another: an entry a factor."""

    factors: tuple[float, ...]
    probabilities: NDArray[np.float32]  # (factors, classes)
    cams: NDArray[np.float32]  # (factors, H, W), Grad-CAM of the last block
    gradient_norms: NDArray[np.float32]  # (factors, blocks), ‖∂y_t/∂x‖₂ of the blocks' outputs


class _Scaled(nn.Module):
    """What a module returns, times a number."""

    def __init__(self, module: nn.Module, factor: float) -> None:
        super().__init__()
        self.module = module
        self.factor = factor

    def forward(self, x: Tensor) -> Tensor:
        return cast(Tensor, self.module(x)) * self.factor


def with_scaled_paths(
    network: Network, residual: float = 1.0, shortcut: float = 1.0, blocks: Collection[str] | None = None
) -> Network:
    """Return the network in evaluation mode with y = ReLU(residual * F(x) + shortcut * shortcut(x)) in some blocks.

    With both 1 it gives the network's own answer, bit for bit. With `residual` 0, a residual block passes on its shortcut; a
    plain one passes on nothing. The result shares parameters and statistics with the network, which stays whole.

    Args:
        network: one of this project's.
        residual, shortcut: the factors. A plain network has no shortcut to scale.
        blocks: their labels, "conv3_2"; None: all.

    Raises:
        InputError: for an unknown block, or a network whose blocks are not this project's.
    """
    clone = isolated(network)
    anatomy = located(clone)
    for handle in anatomy.blocks if blocks is None else [anatomy.handle(label) for label in blocks]:
        block = handle.block
        if not isinstance(block, Block):
            raise InputError(f"{handle.label} is no block of this project; load the network with resnet_core.load.")
        last = next(name for name in ("bn3", "bn2") if hasattr(block, name))
        setattr(block, last, _Scaled(getattr(block, last), residual).eval())
        if block.residual:
            block.downsample = _Scaled(block.downsample or nn.Identity(), shortcut).eval()
    return cast(Network, clone)


def fade(
    network: nn.Module,
    image: Tensor,
    target: int,
    factors: Sequence[float],
    scaled: Callable[[float], nn.Module],
    on_progress: Callable[[float], bool] = lambda _fraction: True,
) -> Fade:
    """Return what `scaled(factor)` answers for every factor, as `inspect` gives it.

    Args:
        scaled: makes the network of a factor: `lambda factor: with_scaled_paths(network, residual=factor)`.
        on_progress: called with the fraction that is done; the fade ends early where it returns False.
    """
    probabilities, cams, norms = [], [], []
    for i, factor in enumerate(factors):
        found = inspect(network if factor == 1 else scaled(factor), image, target)
        probabilities.append(found.probabilities)
        cams.append(found.blocks[-1].cam)
        norms.append([block.gradient_norm for block in found.blocks])
        if not on_progress((i + 1) / len(factors)):
            break
    return Fade(tuple(factors[: len(cams)]), np.stack(probabilities), np.stack(cams), np.array(norms, np.float32))
