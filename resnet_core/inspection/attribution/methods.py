"""Which pixels speak for a class? Attribution methods behind one function, safe for many threads, and stoppable."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from resnet_core.atomic import save_npz
from resnet_core.errors import InputError, hint
from resnet_core.inspection import html
from resnet_core.inspection.attribution.catalogue import METHODS as METHODS
from resnet_core.inspection.inputs import OneImage, Target, as_input, class_index, for_each_image, labels_of
from resnet_core.inspection.inspect import inspect, require_map
from resnet_core.inspection.isolation import forward_hooks, gradients_of, isolated, logits_of, network_errors, require_finite
from resnet_core.networks.anatomy import find_anatomy

STEPS = 100  # of the path of integrated gradients; more where it is not complete to COMPLETE
COMPLETE = 0.01
MOST_STEPS = 1600
WINDOW, STRIDE = 15, 8  # pixels, of occlusion
SAMPLES, NOISE = 32, 0.15  # of SmoothGrad; the noise's sd as a share of the image's range
BATCH = {"cpu": 8, "cuda": 128}  # images at once: on a CPU, 16 take as long each, and a stop is heard later


class StoppedError(Exception):
    """The caller asked for it."""


@dataclass(frozen=True, eq=False, repr=False)
class Attribution:
    """How much every pixel speaks for a class, by one method.

    `values` are summed over the colour channels; of complete methods (integrated gradients) they add up to the class's logit
    for the image minus that for an image of the data's mean colour.
    """

    method: str
    target: int
    values: NDArray[np.float32]  # (H, W); above zero: speaks for the class
    seconds: float
    incompleteness: float | None  # integrated gradients: |sum - change of the logit| / |change of the logit|
    against: int | None = None  # the class that the target is contrasted with: then `logit` means the difference of both
    target_label: str | None = None  # the classes' names; None where the network does not say them
    against_label: str | None = None

    @property
    def words(self) -> str:
        """Return a title with method and classes: "Grad-CAM for 'tabby' rather than 'tiger cat'"."""
        title = METHODS[self.method].title if self.method in METHODS else self.method
        target = f"class {self.target}" if self.target_label is None else repr(self.target_label)
        other = f"class {self.against}" if self.against_label is None else repr(self.against_label)
        return f"{title} for {target}" + ("" if self.against is None else f" rather than {other}")

    def __repr__(self) -> str:
        height, width = self.values.shape
        return f"Attribution({self.words}: {height} x {width}, {self.values.min():.3g} to {self.values.max():.3g})"

    def _repr_html_(self) -> str:
        return html.side_by_side([html.picture(self.values, self.words)])

    def save(self, path: str | Path) -> None:
        """Write an .npz file with one array a field, by the field's name. Raises InputError where it cannot be written."""
        save_npz(path, vars(self))


class AttributionRun:
    """One attribution: an isolated clone, on which hooks are nobody else's, and how much of the work is done.

    The clone's output is (N, 1): the target's logit, less that of the class it is contrasted with.
    """

    def __init__(
        self,
        network: nn.Module,
        image: OneImage,
        target: Target | None,
        against: Target | None,
        on_progress: Callable[[float], bool],
        most_steps: int,
    ) -> None:
        self.network = isolated(network)
        self.blocks = find_anatomy(self.network).blocks  # before it runs: what cannot be looked into is refused
        self.image = as_input(image, self.network)
        self.batch = BATCH["cuda" if self.image.is_cuda else "cpu"]
        self.total, self.done = 0, 0
        self.on_progress, self.most_steps = on_progress, most_steps
        names = {handle.block: handle.name for handle in self.blocks}
        with torch.no_grad(), forward_hooks(dict.fromkeys(names, _keep_nothing), names):
            logits = logits_of(self.network, self.image)[0]
        require_finite(logits)
        self.target = class_index(target, logits, self.network)
        self.against = None if against is None else class_index(against, logits, self.network)
        self.labels = labels_of(self.network, len(logits))
        if self.target == self.against:
            raise InputError("A class cannot be contrasted with itself; choose another one.")
        self.score = float(self._asked(self.network, (), logits[None]))  # of the image
        self.network.register_forward_hook(self._asked)

    def __call__(self, images: Tensor) -> Tensor:
        """(N, 1): what is asked for, of each of the images."""
        if not self.on_progress(min(1.0, self.done / max(1, self.total))):
            raise StoppedError
        self.done += len(images)
        return logits_of(self.network, images)

    def _asked(self, _module: nn.Module, _inputs: tuple[Tensor, ...], logits: Tensor) -> Tensor:
        target = logits[:, self.target, None]
        return target if self.against is None else target - logits[:, self.against, None]


def _keep_nothing(_x: Tensor, _y: Tensor) -> None:
    """A hook that only has to fire."""


def _gradient(run: AttributionRun, images: Tensor) -> Tensor:
    """Of what is asked for, at each of the images."""
    images = images.detach().requires_grad_()
    # a clone, as the network may overwrite its input
    return gradients_of(run(images.clone()).sum(), [images])[0]


def gradient_x_input(run: AttributionRun) -> tuple[Tensor, None]:
    run.total = 1
    return _gradient(run, run.image) * run.image, None


def integrated_gradients(run: AttributionRun) -> tuple[Tensor, float]:
    """Sundararajan et al. 2017, from an image of the data's mean colour, which is zero where images are normalised.

    Gauss-Legendre steps, doubled until the sum is the logit's change to COMPLETE.
    """
    from captum.attr import IntegratedGradients

    with torch.no_grad():
        change = run.score - float(run(torch.zeros_like(run.image)))
    steps, found, missing = min(STEPS, run.most_steps), run.image, float("inf")
    while True:
        run.total, run.done = steps, 0
        with network_errors():
            found = IntegratedGradients(lambda images: run(images.clone())).attribute(
                run.image, target=0, n_steps=steps, internal_batch_size=run.batch, method="gausslegendre"
            )
        missing = abs(float(found.double().sum()) - change) / max(abs(change), 1e-12)
        if missing <= COMPLETE or steps >= run.most_steps:
            return found, missing
        steps *= 2


def smoothgrad(run: AttributionRun) -> tuple[Tensor, None]:
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


class _GuidedReLU(torch.autograd.Function):
    """A ReLU, in place or not, that passes back only what is positive."""

    @staticmethod
    def forward(context: Any, x: Tensor, inplace: bool) -> Tensor:
        if inplace:
            context.mark_dirty(x)
        y = x.clamp_min_(0) if inplace else x.clamp_min(0)
        context.save_for_backward(y)
        return y

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (y,) = context.saved_tensors
        return torch.ops.aten.threshold_backward(gradients[0].clamp_min(0), y, 0), None


class _Guided(TorchFunctionMode):
    """While it is on, every ReLU of this thread is a guided one, whether a module, a function or a method calls it."""

    relus = 0

    def __torch_function__(
        self, function: Any, _types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if function not in _RELUS and not (function in _CLAMPS and _is_relu(*args[1:], **kwargs)):
            return function(*args, **kwargs)
        self.relus += 1
        inplace = function in _IN_PLACE or (function is F.relu and (kwargs.get("inplace", False) or args[1:] == (True,)))
        return _GuidedReLU.apply(args[0] if args else kwargs["input"], inplace)


_IN_PLACE = (
    F.relu_,
    torch.relu_,
    Tensor.relu_,
    torch.clamp_,
    torch.clip_,
    torch.clamp_min_,
    Tensor.clamp_,
    Tensor.clip_,
    Tensor.clamp_min_,
)
_RELUS = frozenset((F.relu, torch.relu, Tensor.relu, *_IN_PLACE[:3]))
_CLAMPS = frozenset((torch.clamp, torch.clip, torch.clamp_min, Tensor.clamp, Tensor.clip, Tensor.clamp_min, *_IN_PLACE[3:]))


def _is_relu(low: Any = None, high: Any = None, *, min: Any = None, max: Any = None, **_other: Any) -> bool:
    return (low == 0 or min == 0) and high is None and max is None


def _guided_gradient(run: AttributionRun) -> Tensor:
    mode = _Guided()
    images = run.image.detach().clone().requires_grad_()
    with mode:
        score = run(images.clone())
    if not mode.relus:
        raise InputError("The network has no ReLU, which is what guided backpropagation changes; choose another method.")
    return gradients_of(score.sum(), [images])[0]


def guided_backprop(run: AttributionRun) -> tuple[Tensor, None]:
    """Springenberg et al. 2015: the gradient, of which each ReLU passes back only what is positive."""
    run.total = 1
    return _guided_gradient(run), None


def guided_grad_cam(run: AttributionRun) -> tuple[Tensor, None]:
    """Selvaraju et al. 2017: Grad-CAM of the last block times guided backpropagation."""
    run.total = 2
    last, kept = run.blocks[-1], []

    def keep(_x: Tensor, y: Tensor) -> Tensor:
        kept.append(y)
        return y.clone()

    with forward_hooks({last.block: keep}, {last.block: last.name}):
        score = run(run.image.clone().requires_grad_())
    require_map(last.name, kept[0].shape, run.image)
    gradient = gradients_of(score.sum(), kept)[0]
    cam = (gradient.mean((2, 3), keepdim=True) * kept[0].detach()).sum(1, keepdim=True).relu()
    return _guided_gradient(run) * F.interpolate(cam, size=run.image.shape[2:], mode="bilinear"), None


def grad_cam(run: AttributionRun) -> tuple[Tensor, None]:
    """Selvaraju et al. 2017: of the last block, as `inspect` has it, brought to the image's size."""
    if not run.on_progress(0.0):
        raise StoppedError
    cam = torch.from_numpy(inspect(run.network, run.image, 0).blocks[-1].cam)
    return F.interpolate(cam[None, None], size=run.image.shape[2:], mode="bilinear"), None


def occlusion(run: AttributionRun) -> tuple[Tensor, None]:
    """Zeiler and Fergus 2014: how much of the logit is lost where a square has the data's mean colour; a mean over squares.

    In an image that is smaller than the square, the square is as large as the image.
    """
    from captum.attr import Occlusion

    window = [min(WINDOW, side) for side in run.image.shape[2:]]
    run.total = 1 + int(np.prod([1 + -(-max(0, side - WINDOW) // STRIDE) for side in run.image.shape[2:]]))
    found = Occlusion(run).attribute(
        run.image, target=0, sliding_window_shapes=(3, *window), strides=(3, *(min(STRIDE, side) for side in window)),
        perturbations_per_eval=run.batch,
    )  # fmt: skip
    return found[:, :1], None  # a square covers all channels, so each has the whole loss


@for_each_image
def attribute(
    network: nn.Module,
    image: OneImage,
    method: str,
    target: Target | None = None,
    on_progress: Callable[[float], bool] = lambda _fraction: True,
    *,
    against: Target | None = None,
    most_steps: int = MOST_STEPS,
) -> Attribution:
    """Compute how much every pixel speaks for a class.

    Args:
        network: any network that `find_anatomy` knows or `describe` describes, on a CPU or a CUDA GPU, in any mode; nothing on
            it changes, and any number of threads may ask at once.
        image: a picture, a normalised tensor, or several of them, as `inspect` takes them.
        method: a key of METHODS.
        target: the class's index, name or label; None: the most probable class.
        on_progress: called with the fraction of an image's work that is done, before every batch; answers whether to go on.
        against: a class to contrast with: why `target` and not this one, the difference of both logits.
        most_steps: of integrated gradients, whether or not its sum is complete.

    Returns:
        The attribution, (H, W); of several images a `Batch`.

    Raises:
        InputError: for an unknown method, an image, target or network that does not fit, and where the answer is no number.
        StoppedError: when `on_progress` answers False.
    """
    if method not in METHODS:
        raise InputError(f"There is no attribution method named {method!r}; {hint(str(method), METHODS)}")
    start = time.perf_counter()
    with torch.inference_mode(False), torch.enable_grad():
        run = AttributionRun(network, image, target, against, on_progress, most_steps)
        values, incompleteness = METHODS[method].function(run)
    summed: NDArray[Any] = values.detach().sum((0, 1)).float().cpu().numpy()
    if not np.isfinite(summed).all():
        raise InputError(f"{method} gives values that are no numbers; the network's weights or the image's values are too large.")
    return Attribution(
        method=method,
        target=run.target,
        values=summed,
        seconds=time.perf_counter() - start,
        incompleteness=incompleteness,
        against=run.against,
        target_label=run.labels[run.target] if run.labels else None,
        against_label=run.labels[run.against] if run.labels and run.against is not None else None,
    )
