"""What does `inspect` cost beside what else a person could run? Run it with `make bench`, or from the repository's root:

    python -m benchmarks.inspect

(not `python benchmarks/inspect.py`: that would put its `inspect` before the standard library's on the import path).

ResNet-34 (64 wide, He weights), one image of 224 x 224, evaluation mode, all with the same target; both sides are given the same
network. Peers:

- Captum's LayerGradCam, asked for each of the 16 blocks: the maps alone. On a network as it comes, whose parameters ask for
  gradients, as Captum's documentation uses it. Goal: at most 1/12 of its time.
- pytorch-grad-cam's GradCAM with 16 target layers, as its README uses it (the same): the maps alone. Goal: at most 0.7.
- Both with a frozen network, for information: nobody's default, but less work for them.
- The least that any such program must do: the blocks of a frozen network run by hand, then the gradients of their outputs; no
  records, no checks, no safety. Goal: at most 1.05.

Last result (2 threads of an x86-64 machine, torch 2.14.1, captum 0.9.0, grad-cam 1.5.7), medians of five processes. As it comes:
Captum 0.079 to 0.086 (the middle one 0.081), pytorch-grad-cam 0.632 to 0.673. Frozen: 0.086 to 0.088, 0.904 to 0.918. The bare
pass 1.038 to 1.098: it differs more from process to process than within one.
"""

from __future__ import annotations

import copy
import platform
import time
from collections.abc import Callable
from functools import partial
from importlib.metadata import version

import numpy as np
import torch
from captum.attr import LayerGradCam
from pytorch_grad_cam import GradCAM
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

from resnet_core.inspection.inspect import inspect
from resnet_core.networks.architectures import architecture
from resnet_core.networks.resnet import ResNet, build

SIDE, TARGET = 224, 281
WARM_UP = 3


def seconds(run: Callable[[], object]) -> float:
    start = time.perf_counter()
    run()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - start


def compare(
    ours: Callable[[], object], peer: Callable[[], object], rounds: int, warm_up: int = WARM_UP
) -> tuple[np.ndarray, np.ndarray]:
    """Seconds of both, one after the other in every round, each first in half of the rounds."""
    for run in (ours, peer) * warm_up:
        seconds(run)
    times = []
    for i in range(rounds):
        if i % 2:
            times.append((seconds(ours), seconds(peer)))
        else:
            times.append((seconds(peer), seconds(ours))[::-1])
    return tuple(np.array(times).T)


def report(name: str, goal: float | None, ours: np.ndarray, peer: np.ndarray) -> None:
    low, middle, high = np.quantile(ours / peer, [0.25, 0.5, 0.75])
    milliseconds = f"{1e3 * np.median(ours):.0f} and {1e3 * np.median(peer):.0f} ms"
    ratio = f"ratio {middle:.3f} ({low:.3f}–{high:.3f}, n={len(ours)})"
    said = f"goal {goal:.3f}" if goal else "for information"
    print(f"against {name}: {ratio}, {said}; medians {milliseconds}", flush=True)


def captum(network: ResNet, image: torch.Tensor, target: int = TARGET) -> None:
    for block in network.blocks().values():
        LayerGradCam(network, block).attribute(image, target, relu_attributions=True)


def grad_cam(network: ResNet, image: torch.Tensor) -> None:
    with GradCAM(network, list(network.blocks().values())) as method:
        method(image, [ClassifierOutputTarget(TARGET)])


def bare(network: ResNet, image: torch.Tensor) -> None:
    x = image.clone().requires_grad_()
    x = network.maxpool(network.relu(network.bn1(network.conv1(x))))
    outputs = []
    for block in network.blocks().values():
        x = block(x)
        outputs.append(x)
    logits = network.fc(network.avgpool(x).flatten(1))
    torch.autograd.grad(logits[0, TARGET], outputs)


def main() -> None:
    device = "cuda" if torch.cuda.is_available() else "cpu"
    trainable = build(architecture("resnet34"), seed=0).eval().to(device)
    frozen = copy.deepcopy(trainable).requires_grad_(False)
    image = torch.randn(1, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(0)).to(device)
    asking = image.clone().requires_grad_()

    hardware = torch.cuda.get_device_name() if device == "cuda" else f"{torch.get_num_threads()} threads of {platform.machine()}"
    print(hardware, *(f"{name} {version(name)}" for name in ("torch", "captum", "grad-cam")), sep=", ")

    report(
        "bare forward and backward", 1.05, *compare(partial(inspect, frozen, image, TARGET), partial(bare, frozen, image), 100)
    )
    for network, how, goals in ((trainable, "as it comes", (1 / 12, 0.7)), (frozen, "frozen", (None, None))):
        ours = partial(inspect, network, image, TARGET)
        loop, peer = partial(captum, network, image), partial(grad_cam, network, asking if network is frozen else image)
        report(f"Captum LayerGradCam x 16, network {how}", goals[0], *compare(ours, loop, 20))
        report(f"pytorch-grad-cam, 16 target layers, network {how}", goals[1], *compare(ours, peer, 20))


if __name__ == "__main__":
    main()
