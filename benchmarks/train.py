"""What does a training step cost beside the tutorial's loop, and beside the least it can? `make bench`, or from the root:

    python -m benchmarks.train

ResNet-20 for CIFAR, batches of 128, the recipe he2015-cifar, on images of noise in CIFAR's shape (what they show costs no time).
Peers:

- The tutorial's loop: `DataLoader` with two workers over PIL images, `RandomCrop(32, 4)`, flip, `ToTensor`, `Normalize`, a
  network as it comes, `loss.item()` every step, in a process of its own, where memory is as anybody's. Both run STEPS at a time,
  so that what its workers prepare while the other side has its turn is a small part. Goal: at least 5 times as fast as it.
- The limit: forward, backward and step of the same network and optimiser on one batch that lies ready. Goal: at most 1.05. Once
  as it is written, and once with both sides compiled, as long trainings are.
- The same steps as they are written: what compiling saves of each. It takes a minute first.
- The same compiled steps with torch's batch norm, and in a process that gives freed memory back: what each of these is for.
- The same steps without records of the blocks: recording every 1000 iterations costs what one recorded step costs more, a
  thousandth of it. Goal: at most 1.03.

Last result (2 threads of an x86-64 machine with AMX, bfloat16, torch 2.14.1), medians of ten rounds, three processes: 1.016,
1.035 and 1.007 of the bare step, both compiled 1.035, 1.035 and 1.063; compiled 0.747, 0.731 and 0.737 of the steps as written;
0.911 of those with torch's batch norm, 0.798 of those that give memory back; recording 1.0002; 0.335, 0.332 and 0.336 of the
tutorial's loop (84 and 250 ms). Of the 84, a profile gives 42 to oneDNN's convolutions.
"""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from importlib.metadata import version
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import cast

import numpy as np
import torch
from lightning_fabric import Fabric
from PIL import Image
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader
from torch.utils.data import Dataset as TorchDataset
from torchvision import transforms

from resnet_core.data.in_memory import ImagesInMemory
from resnet_core.data.sources import Dataset
from resnet_core.networks.architectures import architecture
from resnet_core.networks.resnet import build
from resnet_core.training.batch_norm import use_torchs_batch_norm
from resnet_core.training.hardware import Precision, accelerator, precision_of
from resnet_core.training.memory import keep_freed_memory
from resnet_core.training.recipe import recipe
from resnet_core.training.trainer import Trainer

N, BATCH, ROUNDS, STEPS = 12_800, 128, 10, 8
MEAN, STD = (0.49, 0.48, 0.45), (0.25, 0.24, 0.26)


class Pictures(TorchDataset):
    def __init__(self, data: ImagesInMemory) -> None:
        self.pixels, self.labels = data.images.numpy(), data.labels.tolist()
        self.transform = transforms.Compose(
            [
                transforms.RandomCrop(32, padding=4),
                transforms.RandomHorizontalFlip(),
                transforms.ToTensor(),
                transforms.Normalize(MEAN, STD),
            ]
        )

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, i: int) -> tuple[torch.Tensor, int]:
        return self.transform(Image.fromarray(self.pixels[i])), self.labels[i]


def sgd(network: nn.Module, **how: bool) -> torch.optim.SGD:
    return torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9, weight_decay=1e-4, **how)


def tutorial(data: ImagesInMemory) -> Callable[[], None]:
    device = torch.device(accelerator())
    network = build(architecture("resnet20-cifar"), seed=0).train().to(device)
    optimizer, criterion = sgd(network), nn.CrossEntropyLoss()
    loader = DataLoader(Pictures(data), batch_size=BATCH, shuffle=True, num_workers=2, persistent_workers=True)

    def batches() -> Iterator[list[torch.Tensor]]:
        while True:
            yield from loader

    stream = batches()

    def step() -> None:
        inputs, labels = (each.to(device) for each in next(stream))
        optimizer.zero_grad()
        loss = criterion(network(inputs), labels)
        loss.backward()
        optimizer.step()
        loss.item()

    return step


def _tutorials_step() -> Callable[[], None]:
    return tutorial(cast(ImagesInMemory, noise().train))


def _step() -> Callable[[], None]:
    return trainer(compiled=True).step


def _process(make: Callable[[], Callable[[], None]], connection: Connection) -> None:
    step = make()
    while connection.recv():
        step()
        connection.send(True)


@contextmanager
def elsewhere(make: Callable[[], Callable[[], None]]) -> Iterator[Callable[[], None]]:
    """The step that it makes, in another process, where memory is as anybody's."""
    here, there = get_context("spawn").Pipe()
    process = get_context("spawn").Process(target=_process, args=(make, there))
    process.start()
    there.close()  # so that a process that died is heard of

    def step() -> None:
        here.send(True)
        here.recv()

    try:
        yield step
    finally:
        with suppress(BrokenPipeError):
            here.send(False)
        process.join()


def limit(precision: Precision, compiled: bool) -> Callable[[], None]:
    device = torch.device(accelerator())
    network: nn.Module = build(architecture("resnet20-cifar"), seed=0).train().to(device).to(memory_format=torch.channels_last)
    optimizer = sgd(network, fused=True)
    if compiled:
        network.compile(dynamic=False)
    x = torch.randn(BATCH, 3, 32, 32, device=device).to(memory_format=torch.channels_last)
    labels = torch.randint(10, (BATCH,), device=device)

    def step() -> None:
        with torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16-mixed"):
            logits = network(x)
        F.cross_entropy(logits.float(), labels).backward()
        optimizer.step()
        optimizer.zero_grad()

    return step


def synchronised() -> float:
    """The clock, once a GPU has done what it was told to."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter()


def compare(ours: Callable[[], None], peer: Callable[[], None]) -> np.ndarray:
    """Seconds of both, one after the other in every round, each first in half of the rounds: (2, ROUNDS)."""

    def seconds(run: Callable[[], None]) -> float:
        start = synchronised()
        for _ in range(STEPS):
            run()
        return (synchronised() - start) / STEPS

    for run in (ours, peer) * 3:
        run()
    times = []
    for i in range(ROUNDS):
        times.append((seconds(ours), seconds(peer)) if i % 2 else (seconds(peer), seconds(ours))[::-1])
    return np.array(times).T


def report(name: str, goal: str, times: np.ndarray) -> None:
    low, middle, high = np.quantile(times[0] / times[1], [0.25, 0.5, 0.75])
    ours, peer = 1e3 * np.median(times, axis=1)
    speed = BATCH / np.median(times[0])
    print(
        f"against {name}: ratio {middle:.3f} ({low:.3f}–{high:.3f}, n={ROUNDS}), goal {goal}; {ours:.0f} and {peer:.0f} ms a step"
    )
    print(f"    ours: {speed:.0f} images/s")


def noise() -> Dataset:
    """Images of noise in CIFAR's shape."""
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (N, 32, 32, 3), dtype=torch.uint8, generator=generator)
    data = ImagesInMemory(images, torch.randint(0, 10, (N,), generator=generator))
    return Dataset("noise", "noise", "", tuple("0123456789"), MEAN, STD, data, data)


def trainer(blocks_every: int | None = None, compiled: bool = False) -> Trainer:
    how = replace(recipe("he2015-cifar"), blocks_every=blocks_every)
    network, fabric = (
        build(architecture("resnet20-cifar"), seed=0),
        Fabric(accelerator=accelerator(), devices=1, precision=precision_of(how)),
    )
    return Trainer(network, how, noise(), 0, fabric, compiled)


def with_torchs_batch_norm(of: Trainer) -> Trainer:
    use_torchs_batch_norm(of.network)
    return of


def main() -> None:
    keep_freed_memory()  # as every training does
    precision = precision_of(recipe("he2015-cifar"))
    print(f"{torch.get_num_threads()} threads of {platform.machine()}, torch {version('torch')}, precision {precision}")
    plain, recording = trainer(), trainer(blocks_every=1)
    torchs, compiled = with_torchs_batch_norm(trainer(compiled=True)), trainer(compiled=True)
    report("the bare step", "1.050", compare(plain.step, limit(precision, compiled=False)))
    report("the bare step, both compiled", "1.050", compare(compiled.step, limit(precision, compiled=True)))
    report("the steps as they are written", "none", compare(compiled.step, plain.step))
    report("the compiled steps with torch's batch norm", "none", compare(compiled.step, torchs.step))
    with elsewhere(_step) as giving_back:
        report("the compiled steps where freed memory is given back", "none", compare(compiled.step, giving_back))
    times = compare(recording.step, plain.step)
    more = 1 + (np.median(times[0] / times[1]) - 1) / recipe("he2015-cifar").blocks_every
    report("a step without records, were every step recorded", "none", times)
    print(f"    at the recipe's cadence: {more:.5f}, goal 1.030")
    with elsewhere(_tutorials_step) as tutorials_step:
        report("the tutorial's loop", "0.200", compare(compiled.step, tutorials_step))


if __name__ == "__main__":
    main()
