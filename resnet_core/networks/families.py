"""Where does each family of networks keep its blocks, F(x) and shortcut? Nobody else knows `layer1`, `bn2` or `downsample`.

Families: ResNets (this project's, torchvision's, timm's and others that are built alike) and ConvNeXts.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from itertools import count, takewhile
from typing import Any

from torch import nn

from resnet_core.errors import InputError
from resnet_core.networks.blocks import Block
from resnet_core.networks.handles import BlockHandle
from resnet_core.networks.resnet import ResNet

WAY_ON = "name its blocks with resnet_core.describe(network, blocks=[…])"


def find_stages(network: nn.Module) -> tuple[str, list[tuple[str, str, nn.Module]]] | None:
    """Return the family, and (stage, path, module that holds the blocks) in forward order; None for an unknown family."""
    numbers = takewhile(lambda number: isinstance(getattr(network, f"layer{number}", None), nn.Module), count(1))
    if layers := [f"layer{number}" for number in numbers]:
        return "ResNet", [(f"conv{i + 2}_x", name, network.get_submodule(name)) for i, name in enumerate(layers)]
    if _written_in(network) == ("torchvision", "ConvNeXt"):
        children = network.get_submodule("features").named_children()
        names = [f"features.{name}" for name, child in children if _blocks_alone(child)]
    else:
        stages = getattr(network, "stages", None)
        parts = dict(stages.named_children()) if isinstance(stages, nn.Module) else {}
        names = [f"stages.{name}.blocks" for name, part in parts.items() if isinstance(getattr(part, "blocks", None), nn.Module)]
        if len(names) < len(parts):
            return None
    stages_in_order = [(f"stage{i}_x", name, network.get_submodule(name)) for i, name in enumerate(names, 1)]
    return (type(network).__name__, stages_in_order) if stages_in_order else None


def _blocks_alone(stage: nn.Module) -> bool:
    return any(stage.children()) and all(type(child).__name__ == "CNBlock" for child in stage.children())


def block_handles(stages: list[tuple[str, str, nn.Module]]) -> Iterator[BlockHandle]:
    for stage, path, module in stages:
        for i, (name, block) in enumerate(module.named_children(), 1):
            if not any(block.children()):
                raise InputError(f"{path}.{name} is a {type(block).__name__}, not a block; give a ResNet, or {WAY_ON}.")
            yield block_handle(f"{path}.{name}", stage, i, block)


def block_handle(name: str, stage: str, index: int, block: nn.Module) -> BlockHandle:
    """With F(x) and shortcut where the block's class says where they are, to the exact class: a subclass may run otherwise."""
    parts: Any = block
    shortcut, activation = getattr(block, "downsample", None), None
    source, kind = _written_in(block)
    if kind in ("BasicBlock", "Bottleneck") and source in _RESNETS:
        last = 2 if kind == "BasicBlock" else 3
        branch = getattr(parts, f"bn{last}")
        activation = parts.relu if source == "torchvision" else getattr(parts, f"{'act' if source == 'timm' else 'relu'}{last}")
        if source == "timm":  # the last one on the main path
            branch = next(module for module in (parts.drop_path, parts.se, branch) if module is not None)
    elif (source, kind) == ("torchvision", "CNBlock"):
        branch, shortcut, activation = parts.stochastic_depth, None, nn.Identity()
    elif (source, kind) == ("timm", "ConvNeXtBlock"):
        branch, activation = parts.drop_path, nn.Identity()
        shortcut = None if type(parts.shortcut) is nn.Identity else parts.shortcut
    else:
        return BlockHandle(name, stage, index, block)
    residual = parts.residual if isinstance(block, Block) else True
    return BlockHandle(name, stage, index, block, residual, branch, shortcut, activation, by_class=True)


_RESNETS = ("ours", "torchvision", "timm")
_FILES = {
    Block.__module__: "ours",
    ResNet.__module__: "ours",
    "torchvision.models.resnet": "torchvision",
    "torchvision.models.convnext": "torchvision",
    "timm.models.resnet": "timm",
    "timm.models.convnext": "timm",
}


def _written_in(module: nn.Module) -> tuple[str | None, str]:
    """Whose class the module is of, and the class's name; None for a class of others, or with a forward of others."""
    kind = type(module)
    forward = kind.forward
    as_written = (forward.__module__, forward.__qualname__) == (kind.__module__, f"{kind.__qualname__}.forward")
    genuine = getattr(sys.modules.get(kind.__module__), kind.__name__, None) is kind
    return _FILES.get(kind.__module__) if as_written and genuine else None, kind.__name__


def is_library_network(network: nn.Module) -> bool:
    source, kind = _written_in(network)
    return source is not None and kind in ("ResNet", "ConvNeXt")
