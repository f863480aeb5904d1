"""Where are a network's blocks? The door that every question goes through.

A network is recognised in this order: described by block names (`describe`), the families of `families`, and what the entry
points `resnet_lens.anatomies` bring. An entry point is a function that takes a network and returns `describe(network, …)`, or
None for a network of another family.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import entry_points

from torch import fx, nn

from resnet_core.errors import InputError
from resnet_core.networks.described import Described, has_module, unwrapped
from resnet_core.networks.families import WAY_ON, block_handle, block_handles, find_stages, is_library_network
from resnet_core.networks.handles import Anatomy, BlockHandle
from resnet_core.networks.recognition import recognise_architecture

ENTRY_POINTS = "resnet_lens.anatomies"


def find_anatomy(network: nn.Module) -> Anatomy:
    """Find the blocks of a network, without running it.

    Args:
        network: this project's, torchvision's or timm's ResNets and ConvNeXts, networks built alike, what `describe` returns,
            or what an entry point knows; also compiled by `torch.compile` or wrapped by DataParallel.

    Raises:
        InputError: if the blocks cannot be found, or cannot be hooked because the network was traced.
    """
    network = recognised(network)
    if isinstance(network, Described):
        anatomy = Anatomy("described", tuple(_described_blocks(network)), architecture=None, by_class=False)
        network = network.model
    else:
        family_stages = find_stages(network)
        if family_stages is None:
            raise InputError(f"A {type(network).__name__} has no stages layer1, layer2, … of blocks; give a ResNet, or {WAY_ON}.")
        family, stages = family_stages
        blocks = tuple(block_handles(stages))
        by_class = is_library_network(network) and all(handle.by_class for handle in blocks)
        anatomy = Anatomy(family, blocks, recognise_architecture(network, blocks), by_class)
    if isinstance(network, fx.GraphModule):
        called = {node.target for node in network.graph.nodes if node.op == "call_module"}
        if lost := [handle.name for handle in anatomy.blocks if handle.name not in called]:
            raise InputError(
                f"The traced network runs the layers of {lost[0]} one by one, so no hook fires for the block; give the network "
                "from before torch.fx traced it."
            )
    return anatomy


def recognised(network: nn.Module) -> nn.Module:
    """Return the unwrapped network, or an entry point's description of it where no family is the network's."""
    network = unwrapped(network)
    if isinstance(network, Described) or find_stages(network) is not None:
        return network
    for entry in entry_points(group=ENTRY_POINTS):
        try:
            described = entry.load()(network)
        except InputError:
            raise
        except Exception as error:
            reason = " ".join(str(error).split()).rstrip(".") or type(error).__name__
            raise InputError(
                f"The anatomy plug-in {entry.name!r} fails on a {type(network).__name__}: {reason}; mend or remove it."
            ) from error
        if isinstance(described, Described):
            return described
        if described is not None:
            kind = type(described).__name__
            raise InputError(
                f"The anatomy plug-in {entry.name!r} returns a {kind}, not what `describe` gives; mend or remove it."
            )
    return network


def _described_blocks(network: Described) -> Iterator[BlockHandle]:
    seen: dict[str, int] = {}
    for name in network.block_names:
        block, stage = network.model.get_submodule(name), name.rpartition(".")[0]
        stage = stage.removesuffix("_x") or "network"
        seen[stage] = seen.get(stage, 0) + 1
        if network.branch is None and network.shortcut is None:
            yield block_handle(name, stage, seen[stage], block)
        else:
            branch = None if network.branch is None else block.get_submodule(network.branch)
            shortcut = network.shortcut
            module = block.get_submodule(shortcut) if shortcut is not None and has_module(block, shortcut) else None
            yield BlockHandle(name, stage, seen[stage], block, branch=branch, shortcut=module)
