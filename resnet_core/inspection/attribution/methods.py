"""Which pixels speak for a class? Attribution methods behind one function, safe for many threads, and stoppable."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from resnet_core.atomic import save_arrays
from resnet_core.errors import InputError, hint
from resnet_core.inspection.inspect import check_class, checked, inspect
from resnet_core.inspection.isolation import blocks_of, private_view

STEPS = 100  # of the path of integrated gradients; more where it is not complete to COMPLETE
COMPLETE = 0.01
MOST_STEPS = 1600
WINDOW, STRIDE = 15, 8  # pixels, of occlusion
SAMPLES, NOISE = 32, 0.15  # of SmoothGrad; the noise's sd as a share of the image's range
BATCH = {"cpu": 8, "cuda": 128}  # images at once: on a CPU, 16 take as long each, and a stop is heard later

# Captum, of hooks on the view; for good, as a filter for a while would be every thread's too
warnings.filterwarnings("ignore", message="Setting (forward|backward|full backward)")


class StoppedError(Exception):
    """The caller asked for it."""


@dataclass(frozen=True)
class Attribution:
    """Channels are summed, so that values of methods which are complete add up to what the image adds to the class's logit."""

    method: str
    target: int
    values: NDArray[np.float32]  # (H, W); above zero: speaks for the class
    seconds: float
    incompleteness: float | None  # integrated gradients: how far the sum is from the logit's change, as a share of it
    against: int | None = None  # the class that the target is contrasted with: then `logit` means the difference of both

    def save(self, path: str | Path) -> None:
        """As .npz: values, and the other fields, each by its name. Raises InputError where it cannot be written."""
        save_arrays(path, vars(self))


class _Run:
    """One attribution: a view of its own, on which hooks are nobody else's, and how much of the work is done.

    The view's output is (N, 1): the target's logit, less that of the class it is contrasted with.
    """

    def __init__(
        self,
        network: nn.Module,
        image: Tensor,
        target: int | None,
        against: int | None,
        tell: Callable[[float], bool],
        most_steps: int,
    ) -> None:
        self.view = private_view(network)
        self.image = checked(image, network)
        self.batch = BATCH["cuda" if self.image.is_cuda else "cpu"]
        self.total, self.done = 0, 0
        self.tell, self.most_steps = tell, most_steps
        with torch.no_grad():
            logits = self.view(self.image)[0]
        for index in (target, against):
            if index is not None:
                check_class(index, logits)
        self.target = int(logits.argmax()) if target is None else target
        self.against = against
        if self.target == against:
            raise InputError("A class cannot be contrasted with itself; choose another one.")
        self.score = float(self._asked(self.view, (), logits[None]))  # of the image
        self.view.register_forward_hook(self._asked)
        self.view.register_forward_pre_hook(self._count)

    def _asked(self, _module: nn.Module, _inputs: tuple[Tensor, ...], logits: Tensor) -> Tensor:
        target = logits[:, self.target, None]
        return target if self.against is None else target - logits[:, self.against, None]

    def _count(self, _module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        if not self.tell(min(1.0, self.done / max(1, self.total))):
            raise StoppedError
        self.done += len(inputs[0])


def _gradient(run: _Run, images: Tensor) -> Tensor:
    """Of what is asked for, at each of the images."""
    images = images.detach().requires_grad_()
    return torch.autograd.grad(run.view(images).sum(), images)[0]


def _gradient_x_input(run: _Run) -> tuple[Tensor, None]:
    from captum.attr import InputXGradient

    run.total = 1
    return InputXGradient(run.view).attribute(run.image.clone().requires_grad_(), target=0), None


def _integrated_gradients(run: _Run) -> tuple[Tensor, float]:
    """Sundararajan et al. 2017, from an image of the data's mean colour, which is zero where images are normalised.

    Gauss-Legendre steps, doubled until the sum is the logit's change to COMPLETE.
    """
    from captum.attr import IntegratedGradients

    with torch.no_grad():
        change = run.score - float(run.view(torch.zeros_like(run.image)))
    steps, found, missing = min(STEPS, run.most_steps), run.image, float("inf")
    while True:
        run.total, run.done = steps, 0
        found = IntegratedGradients(run.view).attribute(
            run.image, target=0, n_steps=steps, internal_batch_size=run.batch, method="gausslegendre"
        )
        missing = abs(float(found.double().sum()) - change) / max(abs(change), 1e-12)
        if missing <= COMPLETE or steps >= run.most_steps:
            return found, missing
        steps *= 2


def _smoothgrad(run: _Run) -> tuple[Tensor, None]:
    """Smilkov et al. 2017: the mean gradient over noisy copies.

    Not Captum's, whose noise is drawn from the generator that all threads share: no two calls would give the same.
    """
    generator = torch.Generator().manual_seed(0)
    spread = NOISE * float(run.image.max() - run.image.min())
    run.total, total = SAMPLES, torch.zeros_like(run.image)
    for start in range(0, SAMPLES, run.batch):
        count = min(run.batch, SAMPLES - start)
        noise = torch.randn((count, *run.image.shape[1:]), generator=generator).to(run.image)
        total += _gradient(run, run.image + spread * noise).sum(0, keepdim=True)
    return total / SAMPLES, None


def _guidable(run: _Run) -> nn.Module:
    """The run's view, in which nothing overwrites what guided backpropagation hooks; in place, the others are faster."""
    for module in run.view.modules():
        if isinstance(module, nn.ReLU):
            module.inplace = False
    return run.view


def _guided_backprop(run: _Run) -> tuple[Tensor, None]:
    """Springenberg et al. 2015: the gradient, of which each ReLU passes back only what is positive."""
    from captum.attr import GuidedBackprop

    run.total = 1
    return GuidedBackprop(_guidable(run)).attribute(run.image.clone().requires_grad_(), target=0), None


def _guided_grad_cam(run: _Run) -> tuple[Tensor, None]:
    """Selvaraju et al. 2017: Grad-CAM of the last block times guided backpropagation."""
    from captum.attr import GuidedGradCam

    run.total = 2
    method = GuidedGradCam(_guidable(run), blocks_of(run.view)[-1].block)
    return method.attribute(run.image.clone().requires_grad_(), target=0, interpolate_mode="bilinear"), None


def _grad_cam(run: _Run) -> tuple[Tensor, None]:
    """Selvaraju et al. 2017: of the last block, as `inspect` has it, brought to the image's size."""
    cam = torch.from_numpy(inspect(run.view, run.image, 0).blocks[-1].cam)
    return F.interpolate(cam[None, None], size=run.image.shape[2:], mode="bilinear"), None


def _occlusion(run: _Run) -> tuple[Tensor, None]:
    """Zeiler and Fergus 2014: how much of the logit is lost where a square has the data's mean colour; a mean over squares."""
    from captum.attr import Occlusion

    run.total = 1 + int(np.prod([1 + -(-max(0, side - WINDOW) // STRIDE) for side in run.image.shape[2:]]))
    found = Occlusion(run.view).attribute(
        run.image, target=0, sliding_window_shapes=(3, WINDOW, WINDOW), strides=(3, STRIDE, STRIDE),
        perturbations_per_eval=run.batch,
    )  # fmt: skip
    return found[:, :1], None  # a square covers all channels, so each has the whole loss


METHODS: dict[str, Callable[[_Run], tuple[Tensor, float | None]]] = {
    "grad-cam": _grad_cam,
    "guided-backprop": _guided_backprop,
    "guided-grad-cam": _guided_grad_cam,
    "gradient-x-input": _gradient_x_input,
    "integrated-gradients": _integrated_gradients,
    "smoothgrad": _smoothgrad,
    "occlusion": _occlusion,
}


def attribute(
    network: nn.Module,
    image: Tensor,
    method: str,
    target: int | None = None,
    tell: Callable[[float], bool] = lambda _share: True,
    *,
    against: int | None = None,
    most_steps: int = MOST_STEPS,
) -> Attribution:
    """How much every pixel speaks for the class `target` (None: the most probable one), by one of METHODS.

    network: one of ours or a torchvision ResNet, on a CPU or a CUDA GPU, in any mode; nothing on it changes, and any number of
    threads may ask at once. image: (3, H, W) or (1, 3, H, W), at least 8 x 8, normalised. tell: hears what share of the work is
    done, before every batch, and answers whether to go on. against: a class to contrast with: why `target` and not this one, the
    difference of both logits. most_steps: of integrated gradients, whether or not its sum is complete.

    Raises InputError for an unknown method, and an image or target that does not fit; StoppedError when `tell` says so.
    """
    if method not in METHODS:
        raise InputError(f"There is no attribution method named {method!r}; {hint(method, METHODS)}")
    start = time.perf_counter()
    with torch.inference_mode(False), torch.enable_grad():
        run = _Run(network, image, target, against, tell, most_steps)
        values, incompleteness = METHODS[method](run)
    summed: NDArray[Any] = values.detach().sum((0, 1)).float().cpu().numpy()
    return Attribution(method, run.target, summed, time.perf_counter() - start, incompleteness, against)
