"""Are few images, and narrow networks on large ones, trained all the same?"""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from resnet_core import runs
from resnet_core.errors import InputError
from resnet_core.networks.architectures import architecture
from resnet_core.networks.weights import read_checkpoint
from resnet_core.training.loop import train
from resnet_core.training.recipe import Phase, recipe
from resnet_core.training.trainer import memory_format
from tests.support.toy_training import DATA, RECIPE, TINY, silent


def test_fewer_images_than_a_batch_are_one_batch_and_the_weights_say_so(tmp_path: Path) -> None:
    how = replace(RECIPE, batch_size=64, phases=(Phase(10, 8),))
    train(TINY, how, DATA, 0, tmp_path / "run", silent)
    note = read_checkpoint(tmp_path / "run/last.safetensors").note
    assert note.startswith("Trained for 10 iterations (10 passes over the data).")
    assert note.endswith("Each batch had all 60 training images, as they are fewer than the recipe's 64.")
    assert runs.read_metrics(tmp_path / "run").epoch.max() == 10


def test_a_single_image_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="a single training image"):
        train(TINY, RECIPE, replace(DATA, train=DATA.train.subset(torch.arange(1))), 0, tmp_path / "run", silent)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "changes", [{"classes": ("a", "b", 3)}, {"std": (0.1, 0.0, 0.1)}, {"title": 5}], ids=["class", "std", "title"]
)
def test_what_the_weights_could_not_say_is_refused_before_training(tmp_path: Path, changes: dict[str, object]) -> None:
    def train_a_step(_progress: object) -> None:
        raise AssertionError("it trains before it checks")

    with pytest.raises(InputError):
        train(TINY, RECIPE, replace(DATA, **changes), 0, tmp_path / "run", train_a_step)  # type: ignore[arg-type]
    assert not (tmp_path / "run").exists()


NARROW = """
import torch
from dataclasses import replace
from lightning_fabric import Fabric
from resnet_core.networks.architectures import architecture
from resnet_core.networks.resnet import build
from resnet_core.training.recipe import Phase
from resnet_core.training.trainer import Trainer
from resnet_core.data.in_memory import ImagesInMemory
from tests.support.toy_training import DATA, RECIPE
images = ImagesInMemory(torch.randint(0, 256, (16, 224, 224, 3), dtype=torch.uint8), torch.arange(16) % 3)
network = build(architecture("resnet18", width=WIDTH, num_classes=3, shortcut="B"), 0)
how = replace(RECIPE, phases=(Phase(9, 224),), pad=0)
trainer = Trainer(network, how, replace(DATA, train=images), 0, Fabric(accelerator="cpu", devices=1))
for _ in range(4):
    trainer.step()
"""


@pytest.mark.slow
@pytest.mark.parametrize("width", [1, 5])
def test_narrow_networks_on_large_images_do_not_corrupt_memory(width: int) -> None:
    """In a process of its own, which torch's fault would end."""
    code = [sys.executable, "-c", NARROW.replace("WIDTH", str(width))]
    done = subprocess.run(code, cwd=Path(__file__).parents[3], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr


def test_ordinary_networks_keep_the_fast_order_of_memory() -> None:
    for name in ("resnet34", "resnet50", "plain34"):
        assert memory_format(architecture(name), recipe("he2015-imagenet")) == torch.channels_last
    assert memory_format(architecture("resnet18", width=8), recipe("quick")) == torch.channels_last
    assert memory_format(architecture("resnet18", width=8), recipe("he2015-imagenet")) == torch.contiguous_format
