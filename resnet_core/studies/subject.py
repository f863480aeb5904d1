"""What is measured? A network, trained by a study or new, and the images that it is shown."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from resnet_core.data.sources import Dataset
from resnet_core.networks.anatomy import find_anatomy
from resnet_core.networks.architectures import Architecture
from resnet_core.networks.resnet import ResNet, build
from resnet_core.networks.weights import load
from resnet_core.pictures.network_input import network_input
from resnet_core.studies.folders import weights_path

BATCH = 64


@dataclass(frozen=True)
class Subject:
    """A network that is asked, and what it is shown."""

    label: str
    architecture: Architecture
    seed: int
    dataset: Dataset
    resolution: int
    trained: Path | None  # the folder of the runs that trained it and its relatives; None: it is new

    def network(self, label: str = "", seed: int | None = None) -> ResNet:
        """The network, or a relative from the same study."""
        if self.trained is None:
            return build(self.architecture, self.seed)
        return load(weights_path(self.trained, label or self.label, self.seed if seed is None else seed), "cpu")

    def has(self, label: str, seed: int) -> bool:
        return self.trained is not None and weights_path(self.trained, label, seed).exists()

    def batches(self, images: int, training: bool = False, size: int = BATCH) -> list[tuple[Tensor, Tensor]]:
        """Random images of the test set, or of the training set as they are: normalised (N, 3, H, W), and labels (N,)."""
        data = self.dataset.train if training else self.dataset.test
        # one sample for all networks and seeds of the weights, so that only the networks differ
        chosen = torch.randperm(len(data), generator=torch.Generator().manual_seed(0))[:images]
        return [(self._input(x), y) for x, y in data.subset(chosen).test_batches(size, self.resolution)]

    def _input(self, images: Tensor) -> Tensor:
        return network_input(images, self.resolution, self.dataset.mean, self.dataset.std)


def block_labels(network: nn.Module) -> list[str]:
    """Return the names of the network's blocks, in forward order."""
    return [handle.label for handle in find_anatomy(network).blocks]
