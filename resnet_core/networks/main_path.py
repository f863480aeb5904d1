"""Which layers are on a network's main path, and in which order do they stand from the logits down?"""

from __future__ import annotations

from torch import nn

from resnet_core.errors import InputError
from resnet_core.networks.anatomy import find_anatomy
from resnet_core.networks.described import Described
from resnet_core.networks.handles import BlockHandle


def beside_main_path(handle: BlockHandle) -> set[nn.Module]:
    """Return the modules of a block that are on its shortcut, or weigh its channels (squeeze and excitation)."""
    beside = [handle.shortcut, getattr(handle.block, "se", None)]
    return {part for module in beside if isinstance(module, nn.Module) for part in module.modules()}


def layers_from_the_top(network: nn.Module) -> list[tuple[str, list[nn.Module]]]:
    """List a network's layers from the logits down: the classifier, every block with the layers that lead to it, the stem.

    The order is that in which the network has its modules, which need not be that in which they run.

    Returns:
        (label, modules) a step. The label is a block's, or the name of the first layer with parameters: "fc", "conv1".

    Raises:
        InputError: the network keeps parameters beside these modules.
    """
    handles = {handle.block: handle for handle in find_anatomy(network).blocks}
    model = network.model if isinstance(network, Described) else network
    steps: list[list[tuple[str, nn.Module]]] = [[]]  # what leads to each block, and at last what follows the blocks

    def collect(parent: nn.Module, path: str) -> None:
        if next(parent.parameters(recurse=False), None) is not None:
            raise InputError(
                f"The network keeps parameters of its own in {path or 'itself'}, beside its layers; wrap them in a module."
            )
        for name, child in parent.named_children():
            if child in handles:
                steps[-1].append((handles[child].label, child))
                steps.append([])
            elif handles.keys() & set(child.modules()):
                collect(child, f"{path}{name}.")
            else:
                steps[-1].append((f"{path}{name}", child))

    collect(model, "")
    stem = [pair for pair in steps[0] if pair[1] not in handles]
    middle = [steps[0][len(stem) :], *steps[1:-1]]
    return [
        (_first_layer(steps[-1]), [module for _, module in steps[-1]]),
        *((pairs[-1][0], [module for _, module in pairs]) for pairs in reversed(middle)),
        (_first_layer(stem), [module for _, module in stem]),
    ]


def _first_layer(pairs: list[tuple[str, nn.Module]]) -> str:
    """The name of the first module that has parameters."""
    return next((name for name, module in pairs if next(module.parameters(), None) is not None), "no layer")
