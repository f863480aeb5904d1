"""What is said of a network's blocks? A `BlockHandle` each, all of them in an `Anatomy`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor, nn

from resnet_core.errors import block_named
from resnet_core.networks.architectures import Architecture, block_label

Activation = Callable[[Tensor], Tensor]


@dataclass(frozen=True, eq=False)
class BlockHandle:
    """One block of a network: y = activation(F(x) + shortcut(x)), or without a shortcut y = activation(F(x))."""

    name: str  # the module's path: "layer3.2"
    stage: str  # "conv4_x" in a ResNet, as in the paper; "stage3_x" in a ConvNeXt; the parent's path in a described network
    index: int  # in its stage, from 1
    block: nn.Module
    residual: bool | None = None  # None: not known, so there is no F(x) and no shortcut to ask for
    branch: nn.Module | None = None  # its output is F(x); None: not known
    shortcut: nn.Module | None = None  # its output is added; None: x itself, or nothing
    activation: Activation | None = None  # after the addition; None: not known
    by_class: bool = False  # whether its class says all this; otherwise an experiment has to find the four above
    from_x: bool = True  # whether the shortcut starts from the block's input, and not from something computed of it

    @property
    def label(self) -> str:
        """The paper's "conv4_3", "stage3_2" in a ConvNeXt, the module's path in a described network."""
        return block_label(self.name, self.stage, self.index)


@dataclass(frozen=True, eq=False)
class Anatomy:
    """Where a network's blocks are, as far as it can be said before the network runs."""

    family: str  # "ResNet", "described", or the class of a network with `stages` of `blocks`: "ConvNeXt"
    blocks: tuple[BlockHandle, ...]  # in forward order
    architecture: Architecture | None  # None: a network that `Architecture` cannot describe
    by_class: bool  # whether all code between the blocks is known, too: nothing there overwrites a block's output in place

    def handle(self, label: str) -> BlockHandle:
        """Return the block of that label. Raises InputError where there is none."""
        return block_named(label, {handle.label: handle for handle in self.blocks})
