"""How does a person say where a network's blocks are, and what wraps the network? By module paths, see `describe`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from resnet_core.errors import InputError, hint


class Described(nn.Module):
    """A network and where its blocks are; every function that takes a network takes this. Made by `describe`."""

    def __init__(
        self, model: nn.Module, blocks: tuple[str, ...], logits: str | None, branch: str | None, shortcut: str | None
    ) -> None:
        super().__init__()
        self.model = model
        self.block_names = blocks
        self.logits, self.branch, self.shortcut = logits, branch, shortcut

    def forward(self, *inputs: Any, **named: Any) -> Any:
        return self.model(*inputs, **named)


def describe(
    network: nn.Module,
    blocks: Sequence[str],
    logits: str | None = None,
    branch: str | None = None,
    shortcut: str | None = None,
) -> Described:
    """Say where the blocks of a network are, so that every function of this package can look into it.

    The network itself is left as it is; ask the functions about the result:
    `lens.inspect(lens.describe(network, blocks=["body.0", "body.1"]), image)`.

    Args:
        network: any module that takes images (N, 3, H, W), in which every block is a module that returns maps (N, C, H, W).
        blocks: the blocks' module paths in forward order, as `network.named_modules()` has them.
        logits: path of the module that returns the logits (N, classes); None: the network itself returns them.
        branch: path, inside every block, of the module that returns F(x). None: it is searched for among the block's children,
            by trying whose output, added to x or to another child's output, gives the block's output.
        shortcut: path, inside a block, of the module whose output is added to F(x); blocks without it add x itself.

    Raises:
        InputError: if there is no module of that path, or no block is named.
    """
    network = unwrapped(network)
    names = tuple(_path(network, name) for name in ([blocks] if isinstance(blocks, str) else blocks))
    if not names:
        raise InputError("No block is named; give the module paths of the blocks in forward order.")
    if len(set(names)) < len(names):
        raise InputError("A block is named twice; give each block's module path once.")
    for name in names if branch is not None else ():
        _path(network, f"{name}.{branch}")
    if shortcut is not None and not any(has_module(network, f"{name}.{shortcut}") for name in names):
        raise InputError(f"No block has a module {shortcut!r} for its shortcut; give its path inside a block.")
    return Described(network, names, None if logits is None else _path(network, logits), branch, shortcut)


def has_module(network: nn.Module, name: str) -> bool:
    try:
        network.get_submodule(name)
    except AttributeError:
        return False
    return True


def _path(network: nn.Module, name: str) -> str:
    """The path without the names of what wraps the network. Raises InputError where there is no such module."""
    bare = name.replace("_orig_mod.", "")
    if not has_module(network, bare):
        bare = bare.removeprefix("module.")
    if not bare or not has_module(network, bare):
        known = [known for known, _ in network.named_modules() if known]
        raise InputError(
            f"The network has no module {name!r}; {hint(name, known, 'list them with network.named_modules().', most=2)}"
        )
    return bare


_WRAPPERS = (nn.DataParallel, nn.parallel.DistributedDataParallel)


def unwrapped(network: nn.Module) -> nn.Module:
    """Return the module inside `torch.compile`, DataParallel and DistributedDataParallel; other modules unchanged.

    Raises InputError for a scripted module, in which no hook fires.
    """
    while True:
        if isinstance(network, torch.jit.ScriptModule):
            raise InputError("The network is scripted, and no hook fires inside it; give the network from before torch.jit.")
        if "_orig_mod" in network._modules:  # torch.compile's OptimizedModule, whose own module takes seconds to import
            network = network.get_submodule("_orig_mod")
        elif isinstance(network, _WRAPPERS):
            network = network.module
        else:
            return network
