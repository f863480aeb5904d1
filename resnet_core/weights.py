"""Where do weights come from, and where do they go? safetensors files that say what they are; never pickle from a stranger."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import nn

from resnet_core.architectures import Architecture
from resnet_core.files import replacing

METADATA_KEY = "resnet_lens"


@dataclass(frozen=True)
class Checkpoint:
    """What a weights file says of itself. Pixels are squares' sides; mean and std are of channels on a scale of 0 to 1."""

    architecture: Architecture
    classes: tuple[str, ...]
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    resolution: int  # pixels the network takes
    stored_resolution: int  # pixels of the training images before they were resized to that
    data: str
    source: str  # of the data, and its terms
    recipe: str
    note: str  # what a reader of its results must know
    run: str
    seed: int | None
    commit: str | None
    test_error_percent: float | None  # top-1, at the last epoch

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Checkpoint:
        """Raises ValueError, KeyError or TypeError where the text is not a checkpoint's."""
        fields: dict[str, Any] = json.loads(text)
        architecture = fields.pop("architecture")
        fields = {name: tuple(value) if isinstance(value, list) else value for name, value in fields.items()}
        return cls(architecture=Architecture(**{**architecture, "depths": tuple(architecture["depths"])}), **fields)


def save(network: nn.Module, checkpoint: Checkpoint, path: Path) -> None:
    """Write the weights with their description: kernels in float16, vectors (batch norm, biases) as they are."""
    tensors = {
        name: (tensor.to(torch.float16) if tensor.ndim > 1 else tensor).contiguous().cpu()
        for name, tensor in network.state_dict().items()
    }
    with replacing(path) as part:
        save_file(tensors, part, {METADATA_KEY: checkpoint.to_json()})
