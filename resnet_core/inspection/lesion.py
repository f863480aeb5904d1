"""What remains of a network without some of its blocks, or with two exchanged? Veit, Wilber and Belongie 2016, section 4."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import TypeVar, cast

import torch
from torch import Tensor, nn

from resnet_core.errors import InputError
from resnet_core.inspection.inputs import as_batch
from resnet_core.inspection.isolation import batch_norms, isolated, logits_of
from resnet_core.inspection.parts import located, pure
from resnet_core.networks.blocks import Block, PadShortcut
from resnet_core.networks.handles import Activation, BlockHandle

Network = TypeVar("Network", bound=nn.Module)


class _ShortcutOnly(nn.Module):
    """A block without its residual function: y = activation(shortcut(x))."""

    def __init__(self, shortcut: nn.Module, activation: Activation) -> None:
        super().__init__()
        self.shortcut = shortcut
        self.activation = activation

    def forward(self, x: Tensor) -> Tensor:
        return self.activation(self.shortcut(x))


def without_blocks(network: Network, removed: Collection[str]) -> Network:
    """Return the network in evaluation mode, in which the removed blocks pass on their shortcut only: y = ReLU(shortcut(x)).

    Instead of ReLU, the block's own activation after the addition is used, if any. A plain network of this project has no
    shortcuts, so one of option A replaces the block: both kinds lose the same layers. The result shares parameters and
    statistics with the network, which stays whole.

    Args:
        network: any network that `find_anatomy` knows or `describe` describes. Blocks that are not known by their class are
            run on noise once, to find their shortcuts.
        removed: labels of blocks, "conv3_2".

    Raises:
        InputError: for an unknown block, or one whose shortcut cannot be found.

    Reference:
        Veit, Wilber and Belongie 2016, section 4.1.
    """
    clone = isolated(network)
    for handle in _handles(clone, removed):
        shortcut, activation = handle.shortcut, handle.activation
        if handle.residual is None or activation is None:
            raise InputError(
                f"What {handle.label} adds to F(x), or what follows the sum, could not be found, so F(x) cannot be left out; "
                "name both modules with resnet_core.describe(…, branch=…, shortcut=…)."
            )
        if not handle.from_x:
            raise InputError(
                f"The shortcut of {handle.label} starts inside the block, not from its input, so F(x) cannot be left out alone."
            )
        if not handle.residual and not isinstance(handle.block, Block):
            raise InputError(f"{handle.label} has no shortcut, so nothing is left of it without F(x); choose a residual block.")
        if shortcut is None:
            shortcut = nn.Identity() if handle.residual else _option_a(handle.block)
        _become(handle.block, _ShortcutOnly(shortcut, pure(activation)).eval())
    return cast(Network, clone)


def _handles(clone: nn.Module, labels: Collection[str]) -> list[BlockHandle]:
    if not labels:
        return []
    handles = {handle.label: handle for handle in located(clone).blocks}
    if unknown := [label for label in labels if label not in handles]:
        raise InputError(f"The network has no block {unknown[0]!r}; it has {', '.join(handles)}.")
    return [handles[label] for label in labels]


def _become(block: nn.Module, other: nn.Module) -> None:
    """Turn a clone's block into another module, wherever the network holds it: in a Sequential, an attribute, a list."""
    block.__class__ = type(other)
    object.__setattr__(block, "__dict__", other.__dict__)


def _option_a(block: nn.Module) -> nn.Module:
    convolutions = [module for module in block.modules() if isinstance(module, nn.Conv2d)]
    first, last = convolutions[0].in_channels, convolutions[-1].out_channels
    stride = max(convolution.stride[0] for convolution in convolutions)
    return nn.Identity() if (first, stride) == (last, 1) else PadShortcut(first, last, stride)


def with_blocks_swapped(network: Network, pairs: Sequence[tuple[str, str]]) -> Network:
    """Return the network in evaluation mode, with blocks exchanged, pair after pair.

    The result shares parameters and statistics with the network, which stays whole.

    Args:
        network: any network that `find_anatomy` knows or `describe` describes.
        pairs: labels of two blocks each, "conv3_2" and "conv3_3", of one stage and one shape.

    Raises:
        InputError: for an unknown block, or two that cannot stand in for each other.

    Reference:
        Veit, Wilber and Belongie 2016, section 4.2.
    """
    clone = isolated(network)
    for pair in pairs:
        one, other = _handles(clone, pair)
        if one.stage != other.stage or _shape(one.block) != _shape(other.block) or _changes(one.block) or _changes(other.block):
            raise InputError(f"{pair[0]} and {pair[1]} do not fit into each other's places; choose later blocks of one stage.")
        kind, attributes = type(one.block), one.block.__dict__
        _become(one.block, other.block)
        other.block.__class__ = kind
        object.__setattr__(other.block, "__dict__", attributes)
    return cast(Network, clone)


def _shape(block: nn.Module) -> object:
    strides = [(module.stride, module.padding, module.dilation) for module in block.modules() if isinstance(module, nn.Conv2d)]
    return type(block), [tuple(weight.shape) for weight in block.parameters()], strides


def _changes(block: nn.Module) -> bool:
    return isinstance(block, Block) and isinstance(_option_a(block), PadShortcut)


def reestimated(network: Network, batches: Iterable[Tensor]) -> Network:
    """Return the network in evaluation mode with statistics of batch norm estimated anew.

    The statistics are the mean over the batches of each batch's own. The control that Veit et al. lack: how much of a lesion's
    harm is that stored statistics no longer fit? The result shares parameters with the network, which stays whole. Every kind
    of batch norm is estimated; statistics of instance norms and frozen batch norms stay, as does a network without any.

    Args:
        network: any network.
        batches: images (N, 3, H, W), normalised.

    Raises:
        InputError: if there is no batch, or a module keeps statistics in a way of its own.
    """
    clone = isolated(network)
    norms = batch_norms(clone)
    for norm in norms:
        norm.training = True
        norm.momentum = None  # a plain mean over the batches
        norm._buffers = {name: buffer if buffer is None else torch.zeros_like(buffer) for name, buffer in norm._buffers.items()}
    count = 0
    with torch.inference_mode():
        for images in batches:
            logits_of(clone, as_batch(images, clone))
            count += 1
    if not count:
        raise InputError("There are no images to estimate the statistics of batch norm on.")
    for norm in norms:
        norm.training = False
    return cast(Network, clone)
