"""How does an `Architecture` become a network? One module, torchvision's parameter names."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from resnet_core.device import torch_device
from resnet_core.errors import InputError
from resnet_core.networks.architectures import EXPANSION, Architecture
from resnet_core.networks.architectures import architecture as registered
from resnet_core.networks.blocks import BLOCKS, Block
from resnet_core.networks.checkpoint import Checkpoint


class ResNet(nn.Module):
    """A residual or plain network, (N, 3, H, W) -> logits (N, num_classes).

    `architecture` is what it was built from; `checkpoint`, which only a loaded network has, what its weights file says.
    Parameters and buffers have torchvision's names and shapes.
    """

    checkpoint: Checkpoint

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        self.architecture = architecture
        norm, channels = architecture.batch_norm, architecture.width
        if architecture.stem == "imagenet":
            self.conv1 = nn.Conv2d(3, channels, 7, stride=2, padding=3, bias=not norm)
            self.maxpool: nn.Module = nn.MaxPool2d(3, stride=2, padding=1)
        else:
            self.conv1 = nn.Conv2d(3, channels, 3, padding=1, bias=not norm)
            self.maxpool = nn.Identity()
        self.bn1 = nn.BatchNorm2d(channels) if norm else nn.Identity()
        self.relu = nn.ReLU(inplace=True)

        make = BLOCKS[architecture.block]
        for stage in architecture.stages:
            blocks = []
            for i in range(stage.blocks):
                stride = stage.stride if i == 0 else 1
                blocks.append(make(channels, stage.channels, stride, architecture.shortcut, norm))
                channels = stage.channels * EXPANSION[architecture.block]
            self.add_module(stage.module, nn.Sequential(*blocks))

        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(channels, architecture.num_classes)

    def blocks(self) -> dict[str, Block]:
        """Every block in forward order, by its name in the state dict ("layer3.2")."""
        return {
            f"{stage.module}.{i}": block
            for stage in self.architecture.stages
            for i, block in enumerate(self.get_submodule(stage.module).children())
            if isinstance(block, Block)
        }

    def forward(self, x: Tensor) -> Tensor:
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        for stage in self.architecture.stages:
            x = self.get_submodule(stage.module)(x)
        return self.fc(self.avgpool(x).flatten(1))


def build(architecture: Architecture | str, seed: int | None = None, device: str | torch.device | None = None) -> ResNet:
    """Build a network with new, He-initialised weights, in training mode.

    Weights are normal with variance 2 / fan-out (He et al. 2015, arXiv:1502.01852, Eq. 14; torchvision's choice), the
    classifier's 1 / fan-in, biases 0, batch norm 1 and 0. The main path is drawn first and projections last, so that networks
    which differ in their shortcuts only start from equal weights.

    Args:
        architecture: what to build; or a name of the registry, "resnet34".
        seed: alone determines the weights, on every device and whatever ran before; None: fresh ones at each call.
        device: "cpu", "cuda", or "auto" for the GPU where there is one; None: the CPU.

    Raises:
        InputError: there is no such architecture or device, or the seed is no whole number from 0.
    """
    if isinstance(architecture, str):
        architecture = registered(architecture)
    if not isinstance(architecture, Architecture):
        raise InputError(f"Give the name of an architecture or an Architecture, not a {type(architecture).__name__}.")
    if seed is not None and not (type(seed) is int and 0 <= seed < 2**63):
        raise InputError(f"A seed must be a whole number from 0, not {str(seed)[:40]}.")
    chosen = torch_device("cpu" if device is None else device)
    with torch.random.fork_rng(devices=[]):  # torch's own initialisation, overwritten below, would move the caller's generator
        network = ResNet(architecture)
    generator = torch.Generator()
    if seed is None:
        generator.seed()
    else:
        generator.manual_seed(seed)
    initialise(network, generator)
    return network if chosen.type == "cpu" else network.to(chosen)


def initialise(module: nn.Module, generator: torch.Generator) -> None:
    """Draw the weights inside `module` anew, in place, as `build` does; batch norm forgets its statistics."""
    for _, layer in sorted(
        module.named_modules(), key=lambda pair: "downsample" in pair[0]
    ):  # stable: otherwise in forward order
        if isinstance(layer, nn.BatchNorm2d):
            layer.reset_parameters()
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu", generator=generator)
        elif isinstance(layer, nn.Linear):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="linear", generator=generator)
        if isinstance(layer, nn.Conv2d | nn.Linear) and layer.bias is not None:
            nn.init.zeros_(layer.bias)
