"""How do signal and gradient pass through the blocks for a batch? One forward and one backward pass tell, trained or not."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from dataclasses import fields as fields_of
from functools import partial
from pathlib import Path

import pandas as pd
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.modules.batchnorm import _NormBase

from resnet_core.atomic import save_npz
from resnet_core.errors import InputError, block_named
from resnet_core.inspection.inputs import OneImage, Target, as_batch, class_indices
from resnet_core.inspection.isolation import (
    Hook,
    forward_hooks,
    gradients_of,
    isolated,
    logits_of,
    with_batch_statistics,
)
from resnet_core.inspection.parts import located
from resnet_core.networks.described import Described
from resnet_core.networks.main_path import beside_main_path

IMAGE = "image"  # stands where a block's name does, for the network's input


@dataclass(frozen=True)
class BlockFlow:
    """For the whole batch: L is its mean cross entropy, y the block's outputs."""

    block: str  # its label: "conv4_3"
    gradient_norm: float  # ‖∂L/∂y‖₂
    response_sd: float | None  # of F(x), after batch norm, before addition and ReLU; None: F(x) is not known
    output_rms: float  # root mean square of y
    scaled_gradient: float = math.nan  # ‖∂L/∂y‖₂ ‖y‖₂: free of the scale of y, so that networks can be compared by it


@dataclass(frozen=True)
class GradientFlow:
    """Every block of a network, for one batch. `flow["conv4_3"]` is one block's."""

    blocks: tuple[BlockFlow, ...]  # in forward order
    seconds: float  # of both passes

    def __getitem__(self, block: str) -> BlockFlow:
        """Return the numbers of the block of that label, "conv4_3". Raises InputError where there is none."""
        return block_named(block, {flow.block: flow for flow in self.blocks})

    @property
    def table(self) -> pd.DataFrame:
        """A row a block, by its label."""
        return pd.DataFrame([asdict(flow) for flow in self.blocks]).set_index("block")

    def _repr_html_(self) -> str:
        return self.table.to_html(float_format="{:.3g}".format)

    def save(self, path: str | Path) -> None:
        """Write an .npz file with one array a quantity, an entry a block. Raises InputError where it cannot be written."""
        names = [field.name for field in fields_of(BlockFlow)]
        values = {name: [getattr(block, name) for block in self.blocks] for name in names}
        save_npz(path, {name: [math.nan if value is None else value for value in column] for name, column in values.items()})


def _sd(x: Tensor) -> float:
    return x.detach().double().std(correction=0).item()


def _outputs(
    network: nn.Module,
    images: Tensor | OneImage | Sequence[OneImage],
    on_response: Callable[[str, Tensor], None] = lambda _label, _y: None,
) -> tuple[Tensor, dict[str, Tensor]]:
    """The logits, and by name the input (IMAGE) and all blocks' outputs, with a graph between them.

    Batch norm uses the batch's own statistics, as in training. A gradient asked of these alone costs no gradient of a weight.
    """
    clone = with_batch_statistics(isolated(network))
    x = as_batch(images, clone, copy=True)
    try:
        anatomy = located(clone, x)
        x = x.requires_grad_()
        outputs, versions = {IMAGE: x}, {IMAGE: x._version}

        def keep_output(label: str, _x: Tensor, y: Tensor) -> Tensor | None:
            outputs[label], versions[label] = y, y._version
            return None if anatomy.by_class else y.clone()  # which what follows may overwrite

        def keep_response(label: str, _x: Tensor, y: Tensor) -> None:
            on_response(label, y)

        hooks: dict[nn.Module, Hook] = {}
        names: dict[nn.Module, str] = {}
        for handle in anatomy.blocks:
            hooks[handle.block], names[handle.block] = partial(keep_output, handle.label), handle.name
            if handle.branch is not None:
                hooks[handle.branch] = partial(keep_response, handle.label)
                names[handle.branch] = f"The residual function of {handle.name}"
        with forward_hooks(hooks, names):
            logits = logits_of(clone, x if anatomy.by_class else x.clone())
    except InputError as error:
        if "Expected more than 1 value per channel" in str(error):
            raise InputError(
                "Batch norm needs more than one value a channel for a batch's statistics; give more images, or larger ones."
            ) from error
        raise
    if overwritten := [label for label, y in outputs.items() if y._version != versions[label]]:
        raise InputError(f"A hook on the network overwrites {overwritten[0]} in place; remove that hook.")
    return logits, outputs


def gradient_flow(
    network: nn.Module, images: Tensor | OneImage | Sequence[OneImage], labels: Tensor | Target | Iterable[Target]
) -> GradientFlow:
    """Measure every block's gradient, response and output for one batch, as a training step would see them, without dropout.

    What overflows, as in deep residual networks without batch norm, is inf or nan.

    Args:
        network: any network that `find_anatomy` knows or `describe` describes, in any mode, which may be shared by threads;
            nothing on it changes.
        images: normalised (N, 3, H, W); or one image or a list of them, each as `inspect` takes it.
        labels: the class of every image: (N,) class numbers, or N names and indices.

    Returns:
        A `BlockFlow` a block, and the seconds it took.

    Raises:
        InputError: for images, labels or a network that do not fit; for one image so small that batch norm has no statistics.
    """
    responses: dict[str, float] = {}
    start = time.perf_counter()
    with torch.inference_mode(False), torch.enable_grad():
        logits, outputs = _outputs(network, images, lambda label, y: responses.__setitem__(label, _sd(y)))
        del outputs[IMAGE]
        gradients = gradients_of(F.cross_entropy(logits, class_indices(labels, logits, network)), list(outputs.values()))
    seconds = time.perf_counter() - start
    blocks = [
        BlockFlow(
            block=label,
            gradient_norm=torch.linalg.vector_norm(gradient.double()).item(),
            response_sd=responses.get(label),
            output_rms=y.detach().double().square().mean().sqrt().item(),
            scaled_gradient=(torch.linalg.vector_norm(gradient.double()) * torch.linalg.vector_norm(y.detach().double())).item(),
        )
        for (label, y), gradient in zip(outputs.items(), gradients, strict=True)
    ]
    return GradientFlow(tuple(blocks), seconds)


def layer_responses(network: nn.Module, images: Tensor) -> dict[str, float]:
    """Measure the standard deviation of every convolution's response over images, channels and positions.

    The response is taken after the norm that follows the convolution, if any, and before the non-linearity or the addition. A
    linear layer on maps (channels last) counts as the 1x1 convolution that it is. Shortcuts are left out, and so are layers on
    pooled values (squeeze and excitation). The network runs in evaluation mode.

    Args:
        network: any network that `find_anatomy` knows or `describe` describes; nothing on it changes.
        images: (N, 3, H, W), normalised.

    Returns:
        By the layers' names in the state dict ("layer1.0.conv1"), in the order in which they run.

    Raises:
        InputError: for images or a network that do not fit.

    Reference:
        He et al. 2015, Figure 7.
    """
    clone = isolated(network)
    images = as_batch(images, clone)
    responses: dict[str, float] = {}
    pooled: list[str] = []  # layers of the current block that take one value a channel
    taken: list[tuple[str, Tensor]] = []  # the last convolution, and its output: the very tensor that a norm takes

    def keep(name: str, x: Tensor, y: Tensor) -> None:
        if y.ndim != 4:
            return
        if name in responses:
            raise InputError(f"{name} runs more than once in a pass, so there is no one response of it.")
        responses[name] = _sd(y)  # at once: the ReLU that follows may overwrite it
        taken[:] = [(name, y)]
        if x.shape[2:] == (1, 1):
            pooled.append(name)

    def keep_norm(x: Tensor, y: Tensor) -> None:
        if taken and x is taken[0][1]:
            responses[taken.pop()[0]] = _sd(y)

    def end_block(_x: Tensor, y: Tensor) -> None:
        for name in pooled if y.shape[2:] != (1, 1) else ():
            del responses[name]
        pooled.clear()

    with torch.inference_mode():
        anatomy = located(clone, images)
        beside = {module for handle in anatomy.blocks for module in beside_main_path(handle)}
        hooks: dict[nn.Module, Hook] = {handle.block: end_block for handle in anatomy.blocks}
        for name, module in (clone.model if isinstance(clone, Described) else clone).named_modules():
            if module in beside or module in hooks:
                continue
            if isinstance(module, nn.Conv2d | nn.Linear):
                hooks[module] = partial(keep, name)
            elif isinstance(module, _NormBase | nn.GroupNorm | nn.LayerNorm) or "FrozenBatchNorm" in type(module).__name__:
                hooks[module] = keep_norm
        with forward_hooks(hooks, {handle.block: handle.name for handle in anatomy.blocks}):
            logits_of(clone, images)
    return responses


def nearby_inputs(first: Tensor, second: Tensor, points: int, radians: float) -> Tensor:
    """Return inputs of equal norm on the great circle from one image towards another.

    Args:
        first: (3, H, W), the first of the inputs.
        second: (3, H, W), of which the part orthogonal to `first` gives the direction.
        points: how many inputs.
        radians: the angle between neighbours.

    Returns:
        (points, 3, H, W).

    Raises:
        InputError: the two images are parallel.
    """
    a, b = first.double(), second.double()
    across = b - a * (a * b).sum() / (a * a).sum()
    if across.norm() < 1e-6 * b.norm():
        raise InputError("The two images are the same up to contrast; choose two that differ.")
    across *= a.norm() / across.norm()
    angles = radians * torch.arange(points, dtype=torch.float64).view(-1, 1, 1, 1)
    return (angles.cos() * a + angles.sin() * across).to(first.dtype)


def gradient_correlation(network: nn.Module, inputs: Tensor, seed: int) -> pd.DataFrame:
    """Measure how alike the gradients at nearby inputs are ("shattered gradients").

    The gradient is that of one random linear function of the logits, with respect to the input itself ("image") and to every
    block's output. Batch norm takes the statistics of these inputs as a batch, as in the paper; an input's gradient includes its
    effect through them.

    Args:
        network: any network that `find_anatomy` knows or `describe` describes; nothing on it changes.
        inputs: (N, 3, H, W), neighbours equally far apart, as `nearby_inputs` gives them.
        seed: of the random linear function.

    Returns:
        A row a block and lag (1 to N - 1), with columns block, lag and correlation: the mean cosine between the gradients at
        inputs that many steps apart.

    Raises:
        InputError: for inputs or a network that do not fit.

    Reference:
        Balduzzi et al. 2017, section 2.
    """
    with torch.inference_mode(False), torch.enable_grad():
        logits, outputs = _outputs(network, inputs)
        generator = torch.Generator().manual_seed(seed)
        weights = torch.randn(logits.shape[1], generator=generator).to(logits)
        gradients = gradients_of((logits @ weights).sum(), list(outputs.values()))
    rows = []
    for block, gradient in zip(outputs, gradients, strict=True):
        # float64, and the longest entry first made 1: what explodes or vanishes has a direction all the same
        flat = gradient.flatten(1).double()
        flat = flat / flat.abs().amax(1, keepdim=True).clamp_min(math.ulp(0.0))
        unit = F.normalize(flat)
        cosines = unit @ unit.T
        for lag in range(1, len(inputs)):
            rows.append({"block": block, "lag": lag, "correlation": cosines.diagonal(lag).mean().item()})
    return pd.DataFrame(rows)
