"""How long would the whole of Figure 6 take here, and how many networks should train at once? From the repository's root:

    python -m benchmarks.figure6

The nine networks of the paper's Figure 6 and Table 6, recipe he2015-cifar (64,000 iterations, batches of 128), on images of noise
in CIFAR's shape. Of each a slice is trained as a study trains it, compiled, after the compilation, whose time is told beside it.

- The share of what the hardware achieves: multiply-adds of a forward pass and two more for the backward one, against those of a
  product of matrices (4096 x 4096) in the same precision. Batch norm, ReLU and addition count as nothing, so 1 is no network's.
- Several processes at once, as `study --jobs` trains them: ResNet-20, images a second of all together against one process. A
  CPU's threads are shared among them; on a GPU one small network leaves most of it idle.

Goal: the nine networks in 15 minutes on an H100.
"""

from __future__ import annotations

import multiprocessing
import time
from dataclasses import replace
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier

import numpy as np
import torch
from lightning_fabric import Fabric

from benchmarks.train import BATCH, noise, synchronised
from resnet_core.device import available_cpus
from resnet_core.networks.architectures import Architecture, architecture
from resnet_core.networks.cost import complexity
from resnet_core.networks.resnet import build
from resnet_core.studies.catalogue import study
from resnet_core.training.hardware import accelerator, precision_of
from resnet_core.training.memory import keep_freed_memory
from resnet_core.training.recipe import recipe
from resnet_core.training.trainer import Trainer

RECIPE = recipe("he2015-cifar")
SECONDS = 5.0  # of a slice


def trainer(row: Architecture) -> tuple[Trainer, float]:
    """One whose steps are compiled, and the seconds that took."""
    keep_freed_memory()  # as every training does
    fabric = Fabric(accelerator=accelerator(), devices=1, precision=precision_of(RECIPE))
    found = Trainer(build(row, seed=0), replace(RECIPE, blocks_every=None), noise(), 0, fabric, compiled=True)
    start = synchronised()
    for _ in range(5):
        found.step()
    return found, synchronised() - start


def steps(of: Trainer) -> tuple[int, float]:
    """How many in SECONDS, and the seconds they took in fact."""
    start, count = synchronised(), 0
    while time.perf_counter() < start + SECONDS:
        of.step()
        count += 1
        if count % 10 == 0:  # a GPU is told faster than it can follow
            synchronised()
    return count, synchronised() - start


def achievable(size: int = 4096) -> float:
    """Multiply-adds a second of a product of matrices in the precision of the training."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    half = precision_of(RECIPE) == "bf16-mixed"
    a = torch.randn(size, size, device=device, dtype=torch.bfloat16 if half else torch.float32)
    times = []
    for _ in range(8):
        start = synchronised()
        a @ a
        times.append(synchronised() - start)
    return size**3 / float(np.median(times))


def _one_of(processes: int, together: Barrier, found: Queue[float]) -> None:
    torch.set_num_threads(max(1, available_cpus() // processes))
    of, _ = trainer(architecture("resnet20-cifar"))
    together.wait()
    count, seconds = steps(of)
    found.put(count * BATCH / seconds)


def at_once(processes: int) -> float:
    """Images a second of so many ResNet-20 together."""
    context = multiprocessing.get_context("spawn")
    together, found = context.Barrier(processes), context.Queue()
    workers = [context.Process(target=_one_of, args=(processes, together, found), daemon=True) for _ in range(processes)]
    for worker in workers:
        worker.start()
    speeds = [found.get(timeout=900) for _ in workers]  # not for ever, should one have died
    for worker in workers:
        worker.join()
    return sum(speeds)


def main() -> None:
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else f"CPU, {torch.get_num_threads()} threads"
    limit = achievable()
    print(f"{device}, torch {torch.__version__}: a product of matrices reaches {2e-12 * limit:.2f} TFLOP/s", flush=True)
    hours = 0.0
    for name, row in study("figure6").networks.items():
        of, compilation = trainer(row)
        count, seconds = steps(of)
        step = seconds / count
        share = 3 * BATCH * sum(layer.multiply_adds for layer in complexity(row)) / step / limit
        hours += RECIPE.iterations * step / 3600
        print(
            f"{name}: {1e3 * step:.1f} ms a step (n={count}), {BATCH / step:,.0f} images/s, {share:.3f} of it, compiled in "
            f"{compilation:.0f} s; all iterations in {RECIPE.iterations * step / 3600:.2f} h",
            flush=True,
        )
    print(f"all nine, one after another: {hours:.2f} h")
    counts = [n for n in (1, 2, 4, 8) if n <= available_cpus()]
    alone, *more = [at_once(n) for n in counts]
    for n, speed in zip(counts[1:], more, strict=True):
        print(f"{n} processes at once, ResNet-20: {speed:,.0f} images/s, {speed / alone:.2f} times those of one")


if __name__ == "__main__":
    main()
