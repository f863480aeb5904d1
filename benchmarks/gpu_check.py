"""Do the numbers of a GPU agree with those of a CPU? `make gpu-check`, or from the root:

    python -m benchmarks.gpu_check

At most SECONDS on a GPU. First the checks: inspect, feature maps, attribution, gradient flow and the agreement of minibatches on
CUDA against the CPU; two streams against one; no hook left; 100 training iterations in float32 against the CPU's, and in
bfloat16; the cosine between the first bfloat16 and the float32 gradient, by network. Then the benchmarks `inspect`, `attribution`
and `train`, as long as time is left. Convolutions are compared in full float32: by default cuDNN may round them to TF32.

Without a GPU the CPU is compared with itself: a dry run, of the code alone.

Last result: none on a GPU yet; the dry run takes 6 s on one processor.
"""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.nn import functional as F

from resnet_core.data.sources import open_dataset
from resnet_core.inspection.agreement import gradient_agreement
from resnet_core.inspection.attribution import methods
from resnet_core.inspection.feature_maps import feature_maps
from resnet_core.inspection.gradients import gradient_flow
from resnet_core.inspection.inspect import inspect
from resnet_core.networks.architectures import architecture
from resnet_core.networks.resnet import ResNet, build
from resnet_core.training.hardware import Precision
from resnet_core.training.recipe import recipe
from resnet_core.training.trainer import Trainer

SECONDS = 170  # for all of it
TOLERANCE = 2e-3  # of the largest value: sums in another order, through 34 layers
LOOSER = {"agreement of minibatches": 0.05}  # batch norm's statistics of two images, whose rounding grows from layer to layer
BENCHMARKS = ("inspect", "attribution", "train")


@dataclass(frozen=True)
class Check:
    name: str
    measured: float
    limit: float

    @property
    def passed(self) -> bool:
        return self.measured <= self.limit  # nan fails

    def __str__(self) -> str:
        return f"{'ok    ' if self.passed else 'FAILED'} {self.name}: {self.measured:.2g}, at most {self.limit:g}"


def difference(ours: object, reference: object) -> float:
    """The largest difference of two arrays, relative to the largest value of the reference."""
    a, b = np.asarray(ours, dtype=np.float64), np.asarray(reference, dtype=np.float64)
    return float(np.abs(a - b).max() / max(np.abs(b).max(), 1e-12))


def answers(network: ResNet, image: Tensor) -> dict[str, list[np.ndarray]]:
    """What a page asks of one image, by the question: arrays."""
    inspection = inspect(network, image, 0)
    records = inspection.blocks
    block = records[len(records) // 2].label
    maps = feature_maps(network, image, block, 0)
    batch, labels = (
        image.repeat(2, 1, 1, 1) * torch.tensor([1.0, -1.0], device=image.device).view(2, 1, 1, 1),
        torch.tensor([0, 1]),
    )
    flow = gradient_flow(network, batch, labels).blocks
    minibatches = [(batch, labels.to(image.device)), (batch.flip(3), labels.to(image.device))]
    agreement = gradient_agreement(network, minibatches)
    return {
        "inspect": [inspection.logits, np.array([r.gradient_norm for r in records]), *(r.cam for r in records)],
        "feature maps": [*maps.maps.values(), *maps.class_gradients.values()],
        "gradient flow": [np.log([b.gradient_norm for b in flow]), np.array([b.output_rms for b in flow])],
        "agreement of minibatches": [np.array([layer.cosine for layer in agreement])],
        **{
            f"attribution, {name}": [methods.attribute(network, image, name, 0).values]
            for name in ("grad-cam", "gradient-x-input", "guided-backprop", "integrated-gradients")
        },
    }


def hooks(network: nn.Module) -> int:
    return sum(len(m._forward_hooks) + len(m._forward_pre_hooks) + len(m._backward_hooks) for m in network.modules())


def compared(name: str, width: int, side: int, device: str) -> Iterator[Check]:
    """One network on the device against the CPU."""
    network = build(architecture(name, width=width), seed=0).eval().requires_grad_(False)
    image = torch.randn(1, 3, side, side, generator=torch.Generator().manual_seed(0))
    expected = answers(network, image)
    there = build(architecture(name, width=width), seed=0).eval().requires_grad_(False).to(device)
    found = answers(there, image.to(device))
    for what, arrays in expected.items():
        worst = max(difference(a, b) for a, b in zip(found[what], arrays, strict=True))
        yield Check(f"{name}, {what}", worst, LOOSER.get(what, TOLERANCE))
    yield Check(f"{name}, hooks left", hooks(there), 0)
    yield Check(f"{name}, two streams against one", two_streams(there, image.to(device)), TOLERANCE)


def two_streams(network: ResNet, image: Tensor, times: int = 4) -> float:
    """The largest difference between what two threads find at once, each on a stream of its own, and what one finds alone."""
    alone = [inspect(network, image * sign, 0).logits for sign in (1, -1)]
    worst: list[float] = []

    def ask(sign: int, expected: np.ndarray) -> None:
        stream = torch.cuda.stream(torch.cuda.Stream()) if image.is_cuda else nullcontext()
        with stream:
            worst.extend(difference(inspect(network, image * sign, 0).logits, expected) for _ in range(times))

    threads = [threading.Thread(target=ask, args=pair) for pair in zip((1, -1), alone, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return max(worst) if len(worst) == 2 * times else float("nan")


def training_loss(device: str, precision: Precision, iterations: int) -> tuple[float, float]:
    """Mean loss of the first and of the second half of a short training on the digits."""
    fabric = Fabric(accelerator="cuda" if device == "cuda" else "cpu", devices=1, precision=precision)
    network = build(architecture("resnet20-cifar", width=8), seed=0)
    trainer = Trainer(network, recipe("quick"), open_dataset("digits"), 0, fabric)
    losses = []
    for _ in range(2):
        for _ in range(iterations // 2):
            trainer.step()
        losses.append(trainer.report()["loss"])
    return losses[0], losses[1]


def trainings(device: str, iterations: int) -> Iterator[Check]:
    expected = training_loss("cpu", "32-true", iterations)
    found = training_loss(device, "32-true", iterations)
    yield Check(f"{iterations} training iterations, float32, loss of the first half", difference(found[0], expected[0]), 0.05)
    yield Check(f"{iterations} training iterations, float32, loss of the second half", difference(found[1], expected[1]), 0.25)
    low = training_loss(device, "bf16-mixed", iterations)
    yield Check(f"{iterations} training iterations, bfloat16, second loss over the first", low[1] / low[0], 0.95)


def precision_cosine(name: str, device: str, side: int = 32, images: int = 64) -> float:
    """Cosine between the first gradient in bfloat16 autocast and in float32, over all weights: a finding, not a check."""
    network = build(architecture(name), seed=0).train().to(device)
    generator = torch.Generator().manual_seed(0)
    x, y = torch.randn(images, 3, side, side, generator=generator).to(device), torch.arange(images, device=device) % 10

    def gradient(enabled: bool) -> Tensor:
        with torch.autocast(device, torch.bfloat16, enabled=enabled):
            logits = network(x)
        loss = F.cross_entropy(logits.float(), y)
        return torch.cat([g.flatten().double() for g in torch.autograd.grad(loss, list(network.parameters()))])

    return float(F.cosine_similarity(gradient(True), gradient(False), dim=0))


def checks(device: str, small: bool = False) -> Iterator[Check]:
    """Every check; small: of narrow networks, small images and short trainings."""
    for name in ("plain34", "resnet34"):
        yield from compared(name, 8 if small else 64, 32 if small else 224, device)
    yield from trainings(device, 20 if small else 100)


def benchmark(name: str, left: float, tell: Callable[[str], None]) -> None:
    """Run one benchmark in a process of its own, for the seconds that are left."""
    if left < 10:
        tell(f"benchmarks.{name}: no time left; run `python -m benchmarks.{name}`")
        return
    try:
        done = subprocess.run(
            [sys.executable, "-m", f"benchmarks.{name}"],
            timeout=left,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        tell(done.stdout.strip())
    except subprocess.TimeoutExpired as error:
        said = error.stdout.decode() if isinstance(error.stdout, bytes) else error.stdout or ""
        tell(f"{said.strip()}\nbenchmarks.{name}: cut off after {left:.0f} s")


def main() -> None:
    start = time.monotonic()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cuda":
        torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False
        print(torch.cuda.get_device_name(), f"torch {torch.__version__}", sep=", ")
    else:
        print("No GPU here: a dry run, the CPU against itself, in small.")
    passed = True
    for check in checks(device, small=device == "cpu"):
        passed &= check.passed
        print(check, flush=True)
    for name in ("plain20-cifar", "resnet20-cifar", "plain56-cifar", "resnet56-cifar")[: 2 if device == "cpu" else 4]:
        print(f"{name}: cosine of the first gradient, bfloat16 to float32, {precision_cosine(name, device):.3f}", flush=True)
    if device == "cuda":
        for name in BENCHMARKS:
            benchmark(name, SECONDS - (time.monotonic() - start), print)
    print(f"{time.monotonic() - start:.0f} s, {'all checks passed' if passed else 'a check FAILED'}")
    sys.exit(not passed)


if __name__ == "__main__":
    main()
