"""Is a network one of the paper's? Its `Architecture`, where that says all of it."""

from __future__ import annotations

from typing import Any

from torch import nn

from resnet_core.networks.architectures import CONVOLUTIONS, Architecture, BlockKind, Stem
from resnet_core.networks.cost import Convolution, block_shape
from resnet_core.networks.families import is_library_network
from resnet_core.networks.handles import BlockHandle


def recognise_architecture(network: nn.Module, blocks: tuple[BlockHandle, ...]) -> Architecture | None:
    """Return the architecture of a network; None for what the paper does not know: a ResNeXt, a wide ResNet, another stem.

    A network is recognised only if every convolution has the kernel, channels and stride that the architecture asks for.
    """
    if isinstance(own := getattr(network, "architecture", None), Architecture):
        return own
    kinds = {type(handle.block) for handle in blocks}
    if not is_library_network(network) or len(kinds) > 1 or not all(handle.by_class for handle in blocks):
        return None
    (block,) = kinds
    kind: BlockKind = "basic" if block.__name__ == "BasicBlock" else "bottleneck"
    stem = _stem(network) if block.__name__ in ("BasicBlock", "Bottleneck") else None
    classifier = getattr(network, "fc", None)
    if stem is None or type(classifier) is not nn.Linear or not _pools_the_mean(network):
        return None
    stages = list(dict.fromkeys(handle.stage for handle in blocks))
    depths = tuple(sum(handle.stage == stage for handle in blocks) for stage in stages)
    architecture = Architecture(
        name=f"resnet{2 + sum(depths) * CONVOLUTIONS[kind]}" + ("-cifar" if stem == "cifar" else ""),
        block=kind,
        depths=depths,
        width=network.get_submodule("conv1").out_channels,  # type: ignore[arg-type]
        stem=stem,
        shortcut="B",
        num_classes=classifier.out_features,
    )
    by_name = {stage.name: stage for stage in architecture.stages}
    parts = {nn.Conv2d, nn.BatchNorm2d, nn.ReLU, nn.Identity, nn.Sequential, block}
    for handle in blocks:
        shape = block_shape(architecture, by_name[handle.stage], first=handle.index == 1)
        expected = [*shape.main, *([shape.projection] if shape.projection else [])]
        convolutions = [(name, module) for name, module in handle.block.named_modules() if isinstance(module, nn.Conv2d)]
        norms = sum(type(module) is nn.BatchNorm2d for module in handle.block.modules())
        if not len(convolutions) == len(expected) == norms or not {type(m) for m in handle.block.modules()} <= parts:
            return None
        for (name, module), convolution in zip(convolutions, expected, strict=True):
            if name != convolution.name or not _is(module, convolution):
                return None
    return architecture if classifier.in_features == architecture.features else None


def _pools_the_mean(network: nn.Module) -> bool:
    pool: Any = getattr(network, "avgpool", None) or getattr(network, "global_pool", None)
    return getattr(pool, "pool_type", None) == "avg" or getattr(pool, "output_size", None) in (1, (1, 1))


def _is(module: nn.Conv2d, convolution: Convolution) -> bool:
    kernel, stride = convolution.kernel, convolution.stride
    return (
        module.kernel_size == (kernel, kernel)
        and module.stride == (stride, stride)
        and module.padding == (kernel // 2, kernel // 2)
        and (module.dilation, module.groups, module.bias) == ((1, 1), 1, None)
        and (module.in_channels, module.out_channels) == (convolution.in_channels, convolution.out_channels)
    )


def _stem(network: nn.Module) -> Stem | None:
    parts: Any = network
    first, pool = parts.conv1, parts.maxpool
    relu = getattr(network, "relu", None) or getattr(network, "act1", None)
    if type(first) is not nn.Conv2d or type(parts.bn1) is not nn.BatchNorm2d or type(relu) is not nn.ReLU:
        return None
    if _is(first, Convolution("conv1", 7, 3, first.out_channels, 2)) and type(pool) is nn.MaxPool2d:
        sides = [side if isinstance(side, tuple) else (side, side) for side in (pool.kernel_size, pool.stride, pool.padding)]
        return "imagenet" if sides == [(3, 3), (2, 2), (1, 1)] else None
    return "cifar" if _is(first, Convolution("conv1", 3, 3, first.out_channels, 1)) and type(pool) is nn.Identity else None
