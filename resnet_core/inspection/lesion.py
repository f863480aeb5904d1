"""What remains of a network without some of its blocks, or with two exchanged? Veit, Wilber and Belongie 2016, section 4."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

import torch
from torch import Tensor, nn

from resnet_core.errors import InputError
from resnet_core.inspection.isolation import BlockModules, blocks_of, private_view
from resnet_core.networks.blocks import Block, PadShortcut
from resnet_core.networks.resnet import ResNet


class _ShortcutOnly(nn.Module):
    """A block without its residual function: y = ReLU(shortcut(x))."""

    def __init__(self, shortcut: nn.Module) -> None:
        super().__init__()
        self.shortcut = shortcut

    def forward(self, x: Tensor) -> Tensor:
        return self.shortcut(x).relu()


def _found(view: ResNet, labels: Collection[str]) -> list[BlockModules]:
    places = {place.label: place for place in blocks_of(view)}
    if unknown := [label for label in labels if label not in places]:
        raise InputError(f"The network has no block {unknown[0]!r}; it has {', '.join(places)}.")
    return [places[label] for label in labels]


def _put(view: ResNet, name: str, block: nn.Module) -> None:
    stage, index = name.split(".")
    view.get_submodule(stage)._modules[index] = block


def without_blocks(network: ResNet, removed: Collection[str]) -> ResNet:
    """The network in evaluation mode, in which these blocks ("conv3_2") pass on their shortcut only: y = ReLU(shortcut(x)).

    A plain network's blocks have none, so an option A shortcut stands in: both kinds lose the same layers. It is a view:
    parameters and statistics are shared, and the network itself stays whole. Raises InputError for an unknown block.
    """
    view = private_view(network)
    assert isinstance(view, ResNet)
    for place in _found(view, removed):
        shortcut = place.shortcut
        if shortcut is None:
            shortcut = nn.Identity() if place.residual else _option_a(place.block)
        _put(view, place.name, _ShortcutOnly(shortcut).eval())
    return view


def _option_a(block: nn.Module) -> nn.Module:
    convolutions = [module for module in block.modules() if isinstance(module, nn.Conv2d)]
    first, last = convolutions[0].in_channels, convolutions[-1].out_channels
    stride = max(convolution.stride[0] for convolution in convolutions)
    return nn.Identity() if (first, stride) == (last, 1) else PadShortcut(first, last, stride)


def with_blocks_swapped(network: ResNet, pairs: Sequence[tuple[str, str]]) -> ResNet:
    """The network in evaluation mode, in which blocks have exchanged places, pair after pair; a view as in `without_blocks`.

    Raises InputError for an unknown block, or two that do not fit into each other's places.
    """
    view = private_view(network)
    assert isinstance(view, ResNet)
    for pair in pairs:
        one, other = _found(view, pair)
        shapes = [[tuple(weight.shape) for weight in place.block.parameters()] for place in (one, other)]
        if one.stage != other.stage or shapes[0] != shapes[1] or _changes(one.block) or _changes(other.block):
            raise InputError(f"{pair[0]} and {pair[1]} do not fit into each other's places; choose later blocks of one stage.")
        _put(view, one.name, other.block)
        _put(view, other.name, one.block)
    return view


def _changes(block: nn.Module) -> bool:
    return isinstance(block, Block) and isinstance(_option_a(block), PadShortcut)


def reestimated(network: ResNet, batches: Iterable[Tensor]) -> ResNet:
    """The network in evaluation mode with statistics of batch norm estimated anew: the mean over the batches of each one's own.

    batches: images (N, 3, H, W), normalised. The control that Veit et al. lack: how much of a lesion's harm is that stored
    statistics no longer fit? A view as in `without_blocks`, with its own statistics. Raises InputError where there is no batch.
    """
    view = private_view(network)
    assert isinstance(view, ResNet)
    norms = [module for module in view.modules() if isinstance(module, nn.BatchNorm2d)]
    for norm in norms:
        norm.train()
        norm.momentum = None  # a plain mean over the batches
        norm._buffers = {name: buffer if buffer is None else torch.zeros_like(buffer) for name, buffer in norm._buffers.items()}
    weight, seen = next(network.parameters()), 0
    with torch.inference_mode():
        for images in batches:
            view(images.to(weight.device, weight.dtype))
            seen += 1
    if not seen:
        raise InputError("There are no images to estimate the statistics of batch norm on.")
    for norm in norms:
        norm.eval()
    return view
