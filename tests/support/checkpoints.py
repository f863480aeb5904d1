"""Checkpoints for tests: a small network, saved."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from resnet_core.errors import InputError
from resnet_core.networks import weights
from resnet_core.networks.architectures import Architecture, architecture
from resnet_core.networks.checkpoint import Checkpoint
from resnet_core.networks.resnet import ResNet, build

KEY = "resnet_lens"
SMALL = architecture("resnet18", depths=(1, 1), width=4, num_classes=3)
RESNET18 = "resnet18-f37072fd.pth"  # torchvision's name for its file


def described(row: Architecture = SMALL) -> Checkpoint:
    return Checkpoint(
        architecture=row,
        classes=("cat", "dog", "‘ünïcode’"),
        mean=(0.48, 0.45, 0.4),
        std=(0.27, 0.26, 0.28),
        resolution=64,
        stored_resolution=32,
        data="Toy data",
        source="drawn by hand",
        recipe="short",
        note="A note with a\nline break.",
        run="run-7",
        seed=7,
        commit="0123abc+",
        test_error_percent=12.5,
    )


def trained(row: Architecture = SMALL) -> ResNet:
    network = build(row, seed=0)
    network(torch.randn((4, 3, 32, 32), generator=torch.Generator().manual_seed(1)))  # moves the batch norms' statistics
    return network.to(memory_format=torch.channels_last)


def rewrite(path: Path, change: Callable[[dict[str, Tensor], dict[str, Any]], Any]) -> None:
    """Apply a change to the tensors and to the description of a file."""
    tensors = load_file(path)
    with safe_open(path, "pt") as file:
        description = json.loads(file.metadata()[KEY])
    change(tensors, description)
    save_file(tensors, path, {KEY: json.dumps(description)})


def refusal(reference: str | Path) -> str:
    """What `load` says; it must be one sentence, and come before a second has passed."""
    start = time.process_time()
    with pytest.raises(InputError) as caught:
        weights.load(reference)
    assert time.process_time() - start < 1
    message = str(caught.value)
    assert "\n" not in message
    assert message[-1] in ".?"
    return message
