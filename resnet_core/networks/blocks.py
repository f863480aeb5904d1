"""What is a block, residual or plain? Section 3 of the paper, and its Figure 5.

Module names (conv1, bn1, …, downsample) are torchvision's, so that everyone's checkpoints load. Unlike torchvision's, a
block uses each of its modules once, so that attribution methods which rewire modules (DeepLift) are right on it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor, nn
from torch.nn import functional as F

from resnet_core.networks.architectures import EXPANSION, BlockKind, Shortcut


class PadShortcut(nn.Module):
    """Option A: the identity where dimensions change, without parameters: every `stride`-th pixel, new channels zero."""

    def __init__(self, in_channels: int, out_channels: int, stride: int) -> None:
        super().__init__()
        self.new_channels = out_channels - in_channels
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        x = x[:, :, :: self.stride, :: self.stride]
        return F.pad(x, (0, 0, 0, 0, 0, self.new_channels))


def shortcut_module(option: Shortcut | None, in_channels: int, out_channels: int, stride: int, norm: bool) -> nn.Module | None:
    """Return the module on the shortcut of a block; None for an identity shortcut, and in a plain network."""
    changes = stride != 1 or in_channels != out_channels
    if option is None or (option in "AB" and not changes):
        return None
    if option == "A":
        return PadShortcut(in_channels, out_channels, stride)
    projection = nn.Conv2d(in_channels, out_channels, 1, stride, bias=not norm)
    return nn.Sequential(projection, nn.BatchNorm2d(out_channels) if norm else nn.Identity())


class Block(nn.Module, ABC):
    """y = ReLU(F(x) + shortcut(x)), Eq. 1 and 2; without shortcut y = ReLU(F(x))."""

    def __init__(self, option: Shortcut | None, in_channels: int, out_channels: int, stride: int, norm: bool) -> None:
        super().__init__()
        self.residual = option is not None
        self.downsample = shortcut_module(option, in_channels, out_channels, stride, norm)

    @abstractmethod
    def residual_function(self, x: Tensor) -> Tensor:
        """F(x): all that stands on the main path before the addition."""

    def add_shortcut(self, branch: Tensor, x: Tensor) -> Tensor:
        if not self.residual:
            return branch
        return branch + (x if self.downsample is None else self.downsample(x))


class BasicBlock(Block):
    """Two 3x3 convolutions: Figure 5, left."""

    def __init__(self, in_channels: int, channels: int, stride: int, option: Shortcut | None, norm: bool) -> None:
        super().__init__(option, in_channels, channels, stride, norm)
        self.conv1 = nn.Conv2d(in_channels, channels, 3, stride, padding=1, bias=not norm)
        self.bn1 = nn.BatchNorm2d(channels) if norm else nn.Identity()
        self.relu1 = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=not norm)
        self.bn2 = nn.BatchNorm2d(channels) if norm else nn.Identity()
        self.relu2 = nn.ReLU(inplace=True)

    def residual_function(self, x: Tensor) -> Tensor:
        return self.bn2(self.conv2(self.relu1(self.bn1(self.conv1(x)))))

    def forward(self, x: Tensor) -> Tensor:
        return self.relu2(self.add_shortcut(self.residual_function(x), x))


class Bottleneck(Block):
    """1x1 down, 3x3, 1x1 up: Figure 5, right. The stride is in the 3x3, as in torchvision; the paper's is in the first 1x1."""

    def __init__(self, in_channels: int, channels: int, stride: int, option: Shortcut | None, norm: bool) -> None:
        out_channels = channels * EXPANSION["bottleneck"]
        super().__init__(option, in_channels, out_channels, stride, norm)
        self.conv1 = nn.Conv2d(in_channels, channels, 1, bias=not norm)
        self.bn1 = nn.BatchNorm2d(channels) if norm else nn.Identity()
        self.relu1 = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(channels, channels, 3, stride, padding=1, bias=not norm)
        self.bn2 = nn.BatchNorm2d(channels) if norm else nn.Identity()
        self.relu2 = nn.ReLU(inplace=True)
        self.conv3 = nn.Conv2d(channels, out_channels, 1, bias=not norm)
        self.bn3 = nn.BatchNorm2d(out_channels) if norm else nn.Identity()
        self.relu3 = nn.ReLU(inplace=True)

    def residual_function(self, x: Tensor) -> Tensor:
        x = self.relu1(self.bn1(self.conv1(x)))
        x = self.relu2(self.bn2(self.conv2(x)))
        return self.bn3(self.conv3(x))

    def forward(self, x: Tensor) -> Tensor:
        return self.relu3(self.add_shortcut(self.residual_function(x), x))


BLOCKS: dict[BlockKind, type[BasicBlock] | type[Bottleneck]] = {"basic": BasicBlock, "bottleneck": Bottleneck}
