"""What is a network, before it has any weights? The `Architecture`, and the registry of names.

Sources: He et al. 2015 (arXiv:1512.03385), Table 1 (ImageNet) and section 4.2 (CIFAR-10).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from resnet_core.errors import InputError, hint

BlockKind = Literal["basic", "bottleneck"]
Stem = Literal["imagenet", "cifar"]
Shortcut = Literal["A", "B", "C"]

EXPANSION = {"basic": 1, "bottleneck": 4}  # output channels of a block over those of its 3x3 convolution
CONVOLUTIONS = {"basic": 2, "bottleneck": 3}


@dataclass(frozen=True)
class Stage:
    """Blocks of one output size, as Table 1 groups them."""

    name: str  # the paper's: conv2_x … conv5_x
    module: str  # the state dict's: layer1 … layer4
    blocks: int
    channels: int  # of the 3x3 convolutions
    stride: int  # of the first block


@dataclass(frozen=True)
class Architecture:
    """All that determines the shape of a network; frozen, so it can key a cache.

    shortcut, section 3.3 of the paper: "A" identity, with zero-padded channels where dimensions change (no parameters);
    "B" identity, with a 1x1 projection where dimensions change; "C" projections everywhere; None: a plain network.

    Bottlenecks take their stride in the 3x3 convolution, as torchvision does ("v1.5"); the paper has it in the first 1x1.
    """

    name: str
    block: BlockKind
    depths: tuple[int, ...]  # blocks per stage
    width: int  # channels of the first stage; each further stage doubles them
    stem: Stem
    shortcut: Shortcut | None
    batch_norm: bool = True
    num_classes: int = 1000

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name.isprintable():
            raise InputError(f"A network's name must be a line of text, not {self.name!r}.")
        sizes = (self.width, self.num_classes, *self.depths)
        if not all(type(size) is int for size in sizes) or not isinstance(self.batch_norm, bool):
            raise InputError(
                f"{self.name}: sizes must be whole numbers and batch_norm true or false, not {sizes}, {self.batch_norm!r}."
            )
        if self.width < 1 or self.num_classes < 1 or not self.depths or min(self.depths) < 1:
            raise InputError(
                f"{self.name}: width, number of classes and blocks per stage must be at least 1, not "
                f"{self.width}, {self.num_classes} and {self.depths}."
            )
        for field, value, allowed in (
            ("block", self.block, ("basic", "bottleneck")),
            ("stem", self.stem, ("imagenet", "cifar")),
            ("shortcut", self.shortcut, ("A", "B", "C", None)),
        ):
            if value not in allowed:
                raise InputError(f"{self.name}: {field} must be one of {allowed}, not {value!r}.")

    @classmethod
    def from_fields(cls, fields: Mapping[str, Any]) -> Architecture:
        """Build from a JSON object, in which tuples are lists. Raises KeyError or TypeError if a field is missing or unknown."""
        return cls(**{**fields, "depths": tuple(fields["depths"])})

    @property
    def residual(self) -> bool:
        return self.shortcut is not None

    @property
    def layers(self) -> int:
        """Weighted layers on the main path, the number in the network's name: stem, convolutions of the blocks, classifier."""
        return 2 + CONVOLUTIONS[self.block] * sum(self.depths)

    @property
    def stages(self) -> tuple[Stage, ...]:
        return tuple(
            Stage(f"conv{i + 2}_x", f"layer{i + 1}", blocks, self.width * 2**i, stride=1 if i == 0 else 2)
            for i, blocks in enumerate(self.depths)
        )

    @property
    def block_labels(self) -> tuple[str, ...]:
        """The paper's names of all blocks in forward order: conv2_1, …, conv5_3."""
        return tuple(f"{stage.name[:-1]}{i + 1}" for stage in self.stages for i in range(stage.blocks))

    def block_like(self, label: str) -> str:
        """Return the label itself if the network has such a block, otherwise that of the last block of its stage, or of all."""
        if label in self.block_labels:
            return label
        stage = [own for own in self.block_labels if own.split("_")[0] == label.split("_")[0]]
        return (stage or self.block_labels)[-1]

    @property
    def features(self) -> int:
        """Return the number of channels that reach the classifier."""
        return self.stages[-1].channels * EXPANSION[self.block]

    def twin(self) -> Architecture:
        """Return the other network of the matched pair: this one without shortcuts, or with them.

        A plain network's twin has option A shortcuts: the one kind without parameters, so the two can start from equal weights.
        """
        if self.residual:
            return replace(self, name=self.name.replace("resnet", "plain"), shortcut=None)
        return replace(self, name=self.name.replace("plain", "resnet"), shortcut="A")


def _imagenet(layers: int, block: BlockKind, depths: tuple[int, ...]) -> list[Architecture]:
    residual = Architecture(f"resnet{layers}", block, depths, width=64, stem="imagenet", shortcut="B")
    return [residual, residual.twin()]


def _cifar(layers: int) -> list[Architecture]:
    n = (layers - 2) // 6  # section 4.2: 6n + 2 layers
    residual = Architecture(f"resnet{layers}-cifar", "basic", (n, n, n), width=16, stem="cifar", shortcut="A", num_classes=10)
    return [residual, residual.twin()]


def block_label(name: str, stage: str, index: int) -> str:
    """Return a block's label: "conv4_3" where the stage is "conv4_x"; its module path where the stage has no such name."""
    return f"{stage[:-1]}{index}" if stage.endswith("_x") else name


def all_blocks(architectures: Iterable[Architecture]) -> list[str]:
    """List the labels of all blocks that any of the networks has, in forward order."""
    labels = {label for network in architectures for label in network.block_labels}
    return sorted(labels, key=lambda label: (label.split("_")[0], int(label.split("_")[1])))


_ROWS = [
    _imagenet(18, "basic", (2, 2, 2, 2)),
    _imagenet(34, "basic", (3, 4, 6, 3)),
    _imagenet(50, "bottleneck", (3, 4, 6, 3)),
    _imagenet(101, "bottleneck", (3, 4, 23, 3)),
    _imagenet(152, "bottleneck", (3, 8, 36, 3)),
    *(_cifar(layers) for layers in (20, 32, 44, 56, 110, 1202)),
]
REGISTRY: dict[str, Architecture] = {network.name: network for pair in _ROWS for network in pair}


def architecture(name: str, **changes: Any) -> Architecture:
    """Look up an architecture by name, with fields changed: `architecture("resnet34", width=32, shortcut="A")`.

    Args:
        name: of the registry, "resnet34" or "plain20-cifar".
        changes: fields of `Architecture`.

    Raises:
        InputError: for an unknown name, a value that no network can have, or shortcuts that make another network of it.
    """
    if name not in REGISTRY:
        raise InputError(f"There is no network named {name!r}; {hint(name, REGISTRY)}")
    registered = REGISTRY[name]
    changed = replace(registered, **changes)
    if changed.residual != registered.residual:
        raise InputError(f"{name} has {'' if registered.residual else 'no '}shortcuts; its twin is {registered.twin().name}.")
    return changed
