"""Does a training hold as much after many epochs as after a few, and keep it from step to step?

Counted: every live tensor, its bytes, and open files; and the pages that the system hands out anew.
"""

from __future__ import annotations

import gc
import os
import platform
import subprocess
import sys
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from lightning_fabric import Fabric
from torch import nn

from resnet_core.data.sources import Dataset, open_dataset
from resnet_core.networks.resnet import build
from resnet_core.training.recipe import Phase, Recipe
from resnet_core.training.trainer import Trainer
from tests.support.photographs import make_photographs
from tests.support.toy_training import DATA, RECIPE, TINY


def held() -> tuple[int, int, int]:
    gc.collect()
    storages, count = {}, 0
    for each in gc.get_objects():
        if type(each) in (torch.Tensor, nn.Parameter):
            with suppress(RuntimeError):  # a compilation leaves some that have no memory
                storages[each.untyped_storage().data_ptr()] = each.untyped_storage().nbytes()
                count += 1
    return count, sum(storages.values()), len(os.listdir("/dev/fd"))


def trainer(how: Recipe, data: Dataset) -> Trainer:
    return Trainer(build(TINY, 0), how, data, 0, Fabric(accelerator="cpu", devices=1))


def held_after(training: Trainer, epochs: int) -> tuple[int, int, int]:
    """Of all that the engine does again and again: steps, records of blocks, tests, reports."""
    for _ in range(epochs):
        for _ in range(training.epoch_length):
            training.step()
        training.test()
        training.report()
    return held()


@pytest.mark.parametrize(
    "workers", [None, 0, pytest.param(2, marks=pytest.mark.slow)], ids=["decoded", "in files", "in files, two workers"]
)
def test_memory_is_flat_over_epochs(tmp_path: Path, workers: int | None) -> None:
    how, data = replace(RECIPE, phases=(Phase(1000, 8),), blocks_every=10), DATA
    if workers is not None:
        data = open_dataset(f"imagenet:{make_photographs(tmp_path)}")
        data = replace(data, train=replace(data.train, workers=workers), test=replace(data.test, workers=workers))
        how = replace(how, pad=0, sides=(10, 16))
    training = trainer(how, data)
    first, later = held_after(training, 2), held_after(training, 10)
    tensors, storage, files = (after - before for before, after in zip(first, later, strict=True))
    early = 2 * (workers or 0)  # batches that workers hand over before their turn: images and labels
    assert tensors <= 2 * early
    assert storage <= early * how.batch_size * (3 * 8 * 8 + 8)
    assert files <= 2 * early


def test_what_is_held_on_to_is_seen() -> None:
    """A loss and an error for every step that is not reported: the count above would find a leak of that kind."""
    training = trainer(RECIPE, DATA)
    for _ in range(5):
        training.step()
    before = held()
    for _ in range(5):
        training.step()
    assert held()[0] - before[0] == 10


STEPS = """
import resource
import torch

def step():
    layers = [torch.zeros(12 * 2**20) for _ in range(3)]  # of 48 MiB: such large ones never come from the heap by themselves

for _ in range(10):  # until the heap has found its shape
    step()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(5):
    step()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.slow
@pytest.mark.skipif(
    platform.libc_ver()[0] != "glibc" or [*map(int, platform.libc_ver()[1].split("."))] < [2, 35],
    reason="no other C library can be told to keep memory, and older ones of GNU keep no tensors as large as these",
)
def test_freed_memory_is_kept_for_the_next_step() -> None:
    """Or, where the C library cannot be told to, nothing happens."""
    keep = "import torch; from resnet_core.training import memory; memory.ctypes.CDLL = {}; memory.keep_freed_memory()"
    itself, kept, cannot = (
        int(subprocess.run([sys.executable, "-c", first + STEPS], capture_output=True, text=True, check=True, timeout=120).stdout)
        for first in ("", keep.format("memory.ctypes.CDLL"), keep.format("lambda name: object()"))
    )
    assert itself > 100  # in five steps; 12,288 pages a layer, but 24 where they are huge
    assert kept < itself / 4
    assert cannot > itself / 2
