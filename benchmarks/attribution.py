"""What does an attribution cost beside what else a person could run? Run it with `make bench`, or from the repository's root:

    python -m benchmarks.attribution

ResNet-34 (64 wide, He weights), one image of 224 x 224, evaluation mode, frozen, all with the same classes. Goal: below 1 in
every line. Peers:

- Grad-CAM of all 16 blocks: Captum's LayerGradCam, asked for each block and class; pytorch-grad-cam's GradCAM with 16 target
  layers, for five classes asked five times, or once with five copies of the image.
- Integrated gradients, 50 steps, and occlusion, 15 pixels in strides of 8: Captum's as they come (all steps at once; one square
  at a time), and in batches of BATCH, as ours, which call Captum with them. pytorch-grad-cam has neither.

Last result (2 threads of an x86-64 machine, torch 2.14.1, captum 0.9.0, grad-cam 1.5.7; medians, in brackets the middle half):
Grad-CAM of one class 0.089 of Captum's time (0.086-0.092, n=20) and 0.898 of pytorch-grad-cam's (0.880-0.920, n=20), of five
classes 0.048 (0.046-0.049, n=4) and 0.506 (0.494-0.526, n=20), with copies of the image 0.667 (0.645-0.697, n=20). Integrated
gradients 0.935 of Captum's (0.934-0.936, n=5), in batches of 8 0.970 (0.938-0.983, n=5); occlusion 0.560 (0.560-0.562, n=3), in
batches of 8 0.882 (0.783-0.885, n=3).
"""

from __future__ import annotations

import platform
from collections.abc import Callable
from importlib.metadata import version

import torch
from captum.attr import IntegratedGradients, Occlusion
from pytorch_grad_cam import GradCAM
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

from benchmarks.inspect import SIDE, captum, compare, report
from resnet_core.inspection.attribution import methods
from resnet_core.inspection.inspect import inspect_targets
from resnet_core.networks.architectures import architecture
from resnet_core.networks.resnet import ResNet, build

TARGETS = [1, 50, 281, 400, 900]
STEPS = 50
BATCH = methods.BATCH["cuda" if torch.cuda.is_available() else "cpu"]


def grad_cam(network: ResNet, image: torch.Tensor, targets: list[int]) -> None:
    with GradCAM(network, list(network.blocks().values())) as method:
        method(image.expand(len(targets), -1, -1, -1), [ClassifierOutputTarget(target) for target in targets])


def main() -> None:
    device = "cuda" if torch.cuda.is_available() else "cpu"
    network = build(architecture("resnet34"), seed=0).eval().requires_grad_(False).to(device)
    image = torch.randn(1, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(0)).to(device)
    asking = image.clone().requires_grad_()
    hardware = torch.cuda.get_device_name() if device == "cuda" else f"{torch.get_num_threads()} threads of {platform.machine()}"
    print(hardware, *(f"{name} {version(name)}" for name in ("torch", "captum", "grad-cam")), sep=", ")

    def measure(name: str, ours: Callable[[], object], peer: Callable[[], object], rounds: int, warm_up: int = 1) -> None:
        report(name, 1, *compare(ours, peer, rounds, warm_up))

    for targets in (TARGETS[:1], TARGETS):

        def ours(targets: list[int] = targets) -> object:
            return inspect_targets(network, image, targets)

        def captums(targets: list[int] = targets) -> None:
            for target in targets:
                captum(network, image, target)

        def one_by_one(targets: list[int] = targets) -> None:
            for target in targets:
                grad_cam(network, asking, [target])

        def at_once(targets: list[int] = targets) -> None:
            grad_cam(network, asking, targets)

        what = f"16 blocks x {len(targets)}"
        measure(f"Captum LayerGradCam, {what}", ours, captums, 20 // len(targets))
        measure(f"pytorch-grad-cam, {what}", ours, one_by_one, 20)
        if len(targets) > 1:
            measure(f"pytorch-grad-cam, {what}, copies of the image", ours, at_once, 20)

    def gradients(**batch: int) -> None:
        IntegratedGradients(network).attribute(image, target=TARGETS[0], n_steps=STEPS, **batch)

    def integrated() -> object:
        return methods.attribute(network, image, "integrated-gradients", TARGETS[0], most_steps=STEPS)

    measure("Captum IntegratedGradients", integrated, gradients, 5)
    measure(f"Captum IntegratedGradients, batches of {BATCH}", integrated, lambda: gradients(internal_batch_size=BATCH), 5)

    window, stride = (3, methods.WINDOW, methods.WINDOW), (3, methods.STRIDE, methods.STRIDE)

    def squares(**batch: int) -> None:
        Occlusion(network).attribute(image, target=TARGETS[0], sliding_window_shapes=window, strides=stride, **batch)

    def occluded() -> object:
        return methods.attribute(network, image, "occlusion", TARGETS[0])

    measure("Captum Occlusion", occluded, squares, 3, 0)
    measure(f"Captum Occlusion, batches of {BATCH}", occluded, lambda: squares(perturbations_per_eval=BATCH), 3, 0)


if __name__ == "__main__":
    main()
