"""What does a network cost, layer by layer?

Plain arithmetic on an `Architecture`, without torch, so that a page or a command which only asks for numbers starts at once.
The unit is the paper's "FLOPs (multiply-adds)" of Table 1: one multiplication and its addition count once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from resnet_core.errors import InputError
from resnet_core.networks.architectures import EXPANSION, Architecture, Stage

LayerKind = Literal["convolution", "batch norm", "linear"]

RESOLUTION = {"imagenet": 224, "cifar": 32}  # pixels a side, in the paper's experiments
STEM_STRIDE = {"imagenet": 4, "cifar": 1}  # the imagenet stem halves twice: in its convolution and in the max pool


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer with parameters, for one image.

    multiply_adds counts convolutions and linear layers; their biases are not counted, and a batch norm is 0, as in Table 1.
    """

    name: str  # the state dict's: "layer3.0.conv1", "layer3.0.downsample.0"
    stage: str  # the paper's: "conv1", "conv2_x" … "conv5_x"; and "classifier"
    kind: LayerKind
    output: tuple[int, int, int]  # channels, height, width; a linear layer has 1 x 1
    parameters: int  # trainable ones: a batch norm's running statistics are not
    multiply_adds: int


@dataclass(frozen=True, slots=True)
class StageRow:
    """A row of the paper's Table 1."""

    stage: str
    output: str  # "56 x 56", of the last layer
    blocks: str  # "[3x3, 64; 3x3, 64] x 3"
    parameters: int  # of all layers, with batch norms and projections, which `blocks` does not name
    multiply_adds: int


@dataclass(frozen=True, slots=True)
class Convolution:
    name: str  # inside its block: "conv1", "downsample.0"
    kernel: int  # pixels a side; the padding keeps the size
    in_channels: int
    out_channels: int
    stride: int

    def __str__(self) -> str:
        """As the paper writes it: "3x3, 64", and "3x3, 128, stride 2"."""
        text = f"{self.kernel}x{self.kernel}, {self.out_channels}"
        return text if self.stride == 1 else f"{text}, stride {self.stride}"


@dataclass(frozen=True, slots=True)
class BlockShape:
    """A block before it has weights: its convolutions, and what its shortcut has to bridge."""

    main: tuple[Convolution, ...]  # of the residual function F, in forward order
    projection: Convolution | None  # on the shortcut, options B and C
    changes: bool  # whether output and input differ in size or channels, so that x cannot be added as it is


def block_shape(architecture: Architecture, stage: Stage, first: bool) -> BlockShape:
    """Return the shape of a stage's blocks: of the first one, which may change dimensions, or of the others, which are alike."""
    channels, out = stage.channels, stage.channels * EXPANSION[architecture.block]
    stride = stage.stride if first else 1
    if not first:
        entry = out
    elif stage.module == architecture.stages[0].module:
        entry = architecture.width
    else:
        entry = out // 2  # each stage doubles the channels of the one before

    if architecture.block == "basic":
        main: tuple[Convolution, ...] = (
            Convolution("conv1", 3, entry, channels, stride),
            Convolution("conv2", 3, channels, channels, 1),
        )
    else:
        main = (
            Convolution("conv1", 1, entry, channels, 1),
            Convolution("conv2", 3, channels, channels, stride),
            Convolution("conv3", 1, channels, out, 1),
        )
    changes = stride != 1 or entry != out
    projects = architecture.shortcut == "C" or (architecture.shortcut == "B" and changes)
    projection = Convolution("downsample.0", 1, entry, out, stride) if projects else None
    return BlockShape(main, projection, changes)


def complexity(architecture: Architecture, resolution: int | None = None) -> tuple[Layer, ...]:
    """List every layer with parameters and its cost, in forward order: a block's main path, then its projection.

    Args:
        architecture: of the network, which need not exist.
        resolution: pixels a side of the square image; None: the paper's, 224 for the imagenet stem and 32 for cifar.

    Raises:
        InputError: the image is smaller than one pixel of the last stage's map.

        >>> from resnet_core.networks.architectures import architecture
        >>> sum(layer.parameters for layer in complexity(architecture("resnet20-cifar")))
        269722
    """
    return tuple(_layers(architecture, _checked(architecture, resolution)))


def stage_table(architecture: Architecture, resolution: int | None = None) -> tuple[StageRow, ...]:
    """Return the network's column of Table 1, from conv1 to the classifier. Args and Raises are those of `complexity`."""
    layers = complexity(architecture, resolution)
    rows = []
    for stage, blocks in _contents(architecture).items():
        own = [layer for layer in layers if layer.stage == stage]
        _, height, width = own[-1].output
        parameters, multiply_adds = sum(layer.parameters for layer in own), sum(layer.multiply_adds for layer in own)
        rows.append(StageRow(stage, f"{height} x {width}", blocks, parameters, multiply_adds))
    return tuple(rows)


def _checked(architecture: Architecture, resolution: int | None) -> int:
    if resolution is None:
        return RESOLUTION[architecture.stem]
    least = STEM_STRIDE[architecture.stem]
    for stage in architecture.stages:
        least *= stage.stride
    if resolution < least:
        raise InputError(f"{architecture.name} needs at least {least} x {least} pixels, not {resolution} x {resolution}.")
    return resolution


def _layers(architecture: Architecture, size: int) -> Iterator[Layer]:
    norm = architecture.batch_norm
    stem = _stem(architecture)
    size = _strided(size, stem.stride)
    yield from _costs(stem, "", "conv1", size, norm)
    if architecture.stem == "imagenet":
        size = _strided(size, 2)  # the max pool; the paper counts it to conv2_x

    for stage in architecture.stages:
        for i in range(stage.blocks):
            if i < 2:  # the later blocks have the second one's shape
                shape = block_shape(architecture, stage, first=i == 0)
            block = f"{stage.module}.{i}."
            entry = size
            for convolution in shape.main:
                size = _strided(size, convolution.stride)
                yield from _costs(convolution, block, stage.name, size, norm)
            if shape.projection is not None:
                yield from _costs(shape.projection, block, stage.name, _strided(entry, shape.projection.stride), norm)

    features, classes = architecture.features, architecture.num_classes
    yield Layer("fc", "classifier", "linear", (classes, 1, 1), (features + 1) * classes, features * classes)


def _costs(convolution: Convolution, block: str, stage: str, size: int, norm: bool) -> Iterator[Layer]:
    """The convolution and its batch norm; without batch norm the convolution has a bias."""
    channels = convolution.out_channels
    output = (channels, size, size)
    weights = convolution.kernel**2 * convolution.in_channels * channels
    parameters = weights if norm else weights + channels
    yield Layer(block + convolution.name, stage, "convolution", output, parameters, weights * size * size)
    if norm:
        name = convolution.name.replace("conv", "bn").replace("downsample.0", "downsample.1")
        yield Layer(block + name, stage, "batch norm", output, 2 * channels, 0)


def _stem(architecture: Architecture) -> Convolution:
    kernel, stride = (7, 2) if architecture.stem == "imagenet" else (3, 1)
    return Convolution("conv1", kernel, 3, architecture.width, stride)


def _strided(size: int, stride: int) -> int:
    """Pixels a side after a convolution or pool with this network's paddings: one output for every started stride."""
    return -(-size // stride)


def _contents(architecture: Architecture) -> dict[str, str]:
    """Stage -> what it consists of, as Table 1 prints it."""
    contents = {"conv1": str(_stem(architecture))}
    for stage in architecture.stages:
        main = block_shape(architecture, stage, first=False).main
        contents[stage.name] = f"[{'; '.join(map(str, main))}] x {stage.blocks}"
    if architecture.stem == "imagenet":
        contents["conv2_x"] = "3x3 max pool, stride 2; " + contents["conv2_x"]
    contents["classifier"] = f"average pool, {architecture.num_classes}-d fc"
    return contents
