"""What do tests of training train? A tiny network on three colours, run to its end or stopped on the way."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from safetensors.torch import load_file
from torch.nn import functional as F

from resnet_core import runs
from resnet_core.data.in_memory import ImagesInMemory
from resnet_core.data.sources import Dataset
from resnet_core.networks.architectures import Architecture, architecture
from resnet_core.networks.resnet import ResNet
from resnet_core.training.loop import Progress, train
from resnet_core.training.recipe import Phase, Recipe

TINY = architecture("resnet20-cifar", depths=(1, 1), width=4, num_classes=3)
RECIPE = Recipe(
    name="tiny",
    phases=(Phase(90, 8), Phase(30, 12)),
    batch_size=8,
    learning_rate=0.05,
    warm_up=10,
    drops=None,
    momentum=0.9,
    nesterov=True,
    weight_decay=5e-4,
    pad=1,
    mirror=True,
    clip_norm=None,
    bfloat16=False,
    evaluate_every=40,
    blocks_every=None,
    note="A toy.",
)


def images(n: int, seed: int) -> ImagesInMemory:
    """Three classes that a colour tells apart, with noise."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(0, 3, (n,), generator=generator)
    pixels = torch.randint(0, 160, (n, 8, 8, 3), generator=generator)
    pixels += 90 * F.one_hot(labels, 3)[:, None, None]
    return ImagesInMemory(pixels.to(torch.uint8), labels)


DATA = Dataset(
    name="toy",
    title="Toy data",
    source="Drawn from noise.",
    classes=("red", "green", "blue"),
    mean=(0.4, 0.42, 0.44),
    std=(0.2, 0.21, 0.22),
    train=images(60, seed=0),
    test=images(40, seed=1),
)


def silent(_progress: Progress) -> None:
    pass


def run(
    folder: Path, row: Architecture = TINY, how: Recipe = RECIPE, seed: int = 0, progress: Callable[[Progress], None] = silent
) -> ResNet:
    return train(row, how, DATA, seed, folder, progress)


class StoppedError(Exception):
    pass


def stop_at(iteration: int) -> Callable[[Progress], None]:
    def progress(now: Progress) -> None:
        if now.iteration == iteration:
            raise StoppedError

    return progress


def contents(folder: Path) -> tuple[dict[str, bytes], pd.DataFrame, dict[str, Any]]:
    """Weights, metrics and description, but for what the clock decides."""
    tensors = {name: tensor.numpy().tobytes() for name, tensor in load_file(folder / "last.safetensors").items()}
    facts = {key: value for key, value in runs.read_facts(folder).items() if key != "seconds"}
    return tensors, runs.read_metrics(folder), facts
