"""What is inspected in tests: networks of all kinds, with a history, and what is compared of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torchvision import models

from resnet_core.inspection.records import BlockRecord, Inspection
from resnet_core.networks.architectures import architecture
from resnet_core.networks.resnet import build


def lived_in(network: nn.Module, seed: int = 0) -> nn.Module:
    """In evaluation mode, with batch norms as if trained: no scale is 1, no shift, mean or variance what it was."""
    generator = torch.Generator().manual_seed(seed)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            for tensor, low, high in (
                (module.weight, 0.4, 1.0),
                (module.bias, -0.3, 0.3),
                (module.running_mean, -0.3, 0.3),
                (module.running_var, 0.5, 1.5),
            ):
                tensor.data.uniform_(low, high, generator=generator)
    return network.eval()


def ours(name: str, **changes: Any) -> Callable[[], nn.Module]:
    return lambda: lived_in(build(architecture(name, num_classes=10, **changes), seed=1))


def torchvisions() -> nn.Module:
    """In-place ReLU, used twice in a block, and in-place addition."""
    with torch.random.fork_rng():
        torch.manual_seed(1)
        return lived_in(models.ResNet(models.resnet.BasicBlock, [1, 1, 1, 1], num_classes=10))


NETWORKS = {
    "resnet34": ours("resnet34", width=8),
    "plain34": ours("plain34", width=8),
    "bottleneck": ours("resnet50", width=4, depths=(1, 2, 2, 1)),
    "plain bottleneck": ours("plain50", width=4, depths=(1, 2, 1)),
    "option A": ours("resnet34", width=8, shortcut="A", depths=(1, 2, 1, 1)),
    "option C": ours("resnet18", width=8, shortcut="C", depths=(2, 1)),
    "cifar": ours("resnet20-cifar", depths=(2, 2, 2)),
    "without batch norm": ours("resnet18", width=8, batch_norm=False),
    "torchvision": torchvisions,
}
every_network = pytest.mark.parametrize("make", NETWORKS.values(), ids=NETWORKS)


def picture(height: int = 64, width: int = 48, seed: int = 2) -> Tensor:
    return torch.randn((1, 3, height, width), generator=torch.Generator().manual_seed(seed))


def blocks(network: nn.Module) -> dict[str, nn.Module]:
    stages = [name for name, _ in network.named_children() if name.startswith("layer")]
    return {f"{stage}.{i}": block for stage in stages for i, block in enumerate(network.get_submodule(stage))}


def same(a: Inspection, b: Inspection) -> bool:
    """To the last bit, but for the time it took."""

    def equal_blocks(a: BlockRecord, b: BlockRecord) -> bool:
        maps = np.array_equal(a.cam, b.cam) and np.array_equal(a.activation, b.activation)
        return maps and a.numbers() == b.numbers()

    return (
        a.target == b.target
        and np.array_equal(a.logits, b.logits)
        and np.array_equal(a.probabilities, b.probabilities)
        and len(a.blocks) == len(b.blocks)
        and all(map(equal_blocks, a.blocks, b.blocks))
    )


def hooks(network: nn.Module) -> list[list[tuple[str, int, Any]]]:
    """Whatever is registered on any module: which dictionary, under which key, what."""
    return [
        [(name, key, hook) for name, value in vars(module).items() if "hooks" in name for key, hook in value.items()]
        for module in network.modules()
    ]


def fingerprint(network: nn.Module) -> Any:
    """All that a visitor could leave behind on a network, but for the values of its tensors."""
    tensors = [*network.parameters(), *network.buffers()]
    return (
        [(id(module), module.training, sorted(vars(module))) for module in network.modules()],
        hooks(network),
        [(id(t), t.requires_grad, t.grad, t._version, t.data_ptr()) for t in tensors],
    )
