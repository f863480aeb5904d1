"""Where does a number of a map come from? All that one block computes on one image: inputs, kernels, norms, and its own sums."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from resnet_core.errors import InputError
from resnet_core.inspection.inputs import as_input, class_index
from resnet_core.inspection.isolation import (
    Hook,
    forward_hooks,
    gradients_of,
    isolated,
    logits_of,
    require_finite,
    without_weight_gradients,
)
from resnet_core.inspection.parts import located
from resnet_core.networks.handles import BlockHandle

Floats = NDArray[np.float32]
ShortcutKind = Literal["identity", "padding", "projection"]


@dataclass(frozen=True, eq=False)
class Norm:
    """What batch norm does to every channel: scale * (v - mean) / sqrt(variance + eps) + shift, with the stored statistics."""

    mean: Floats  # (O,)
    variance: Floats  # (O,)
    scale: Floats  # (O,), γ
    shift: Floats  # (O,), β
    eps: float


@dataclass(frozen=True, eq=False)
class ConvolutionRecord:
    """One convolution on one image, and the batch norm after it."""

    name: str  # "conv1"
    x: Floats  # (C, H, W), its input
    weight: Floats  # (O, C, k, k)
    bias: Floats | None  # (O,); None where a batch norm follows
    stride: int
    padding: int
    sums: Floats  # (O, H', W'), its output, with the bias
    norm: Norm | None  # None: a network without batch norm
    normalised: Floats  # (O, H', W'), what batch norm makes of the sums; the sums without it

    def strongest_input(self, channel: int) -> int:
        """The input channel that moves the output `channel` most: largest energy of its share of the sums."""
        x, kernels = torch.from_numpy(self.x), torch.from_numpy(self.weight[channel])
        shares = nn.functional.conv2d(x[None], kernels[:, None], stride=self.stride, padding=self.padding, groups=len(x))
        return int(shares[0].square().sum((1, 2)).argmax())


@dataclass(frozen=True, eq=False)
class BlockOperations:
    """All that y = ReLU(F(x) + shortcut(x)) computes on one image, in float32; without a shortcut y = ReLU(F(x)).

    F(x) is `convolutions[-1].normalised`; the input of every later convolution is what ReLU left of the one before.
    """

    block: str  # its label: "conv4_3"
    target: int
    convolutions: tuple[ConvolutionRecord, ...]  # two in a basic block, three in a bottleneck
    kind: ShortcutKind | None  # None: a plain block
    projection: ConvolutionRecord | None  # on the shortcut
    shortcut: Floats | None  # (C, H, W), what is added; None: a plain block
    output: Floats  # (C, H, W), after the last ReLU
    gradients: tuple[Floats, ...]  # of the target's logit, at the output of every ReLU: like later inputs, and the output

    @property
    def sums(self) -> Floats:
        """F(x) + shortcut, before the last ReLU; F(x) in a plain block."""
        branch = self.convolutions[-1].normalised
        return branch if self.shortcut is None else branch + self.shortcut


def block_operations(network: nn.Module, image: Tensor, block: str, target: int | None = None) -> BlockOperations:
    """Return what a basic or bottleneck block computes on one image, step by step.

    Args:
        network: a ResNet or plain network of this project, of torchvision's or of timm's, which may be shared by threads.
        image: (3, H, W) or (1, 3, H, W), at least 8 x 8, normalised.
        block: its label, "conv4_3".
        target: the class whose logit the gradients are of; None: the most probable one.

    Raises:
        InputError: for an image, block or class that does not exist, or a block that is no basic or bottleneck block.
    """
    with torch.inference_mode(False), torch.no_grad():
        clone = without_weight_gradients(isolated(network))
        image = as_input(image, clone)
        handle = located(clone, image).handle(block)
        pairs = _pairs(handle)
        held: dict[str, tuple[Tensor, Tensor]] = {}
        start = handle.block.register_forward_pre_hook(_start_graph)
        hooks: dict[nn.Module, Hook] = {handle.block: _keeping(held, "block")}
        for name, convolution, norm in pairs:
            hooks |= {convolution: _keeping(held, name), norm: _keeping(held, f"norm of {name}")}
        if handle.shortcut is not None:
            hooks[handle.shortcut] = _keeping(held, "shortcut")
        with forward_hooks(hooks, {handle.block: handle.name}):
            logits = logits_of(clone, image)[0]
        start.remove()
        require_finite(logits)
        target = int(logits.argmax()) if target is None else target
        class_index(target, logits, network)
        main = [name for name, _, _ in pairs if name != "projection"]
        after_relu = [*(held[name][0] for name in main[1:]), held["block"][1]]
        gradients = gradients_of(logits[target], after_relu)
        records = {name: _record(name, convolution, norm, held) for name, convolution, norm in pairs}
        x, output = held["block"]
        kind: ShortcutKind | None = None
        if handle.residual:
            kind = "identity" if handle.shortcut is None else "projection" if "projection" in records else "padding"
        return BlockOperations(
            block=block,
            target=target,
            convolutions=tuple(records[name] for name in main),
            kind=kind,
            projection=records.get("projection"),
            shortcut=_array(held["shortcut"][1] if "shortcut" in held else x) if kind else None,
            output=_array(output),
            gradients=tuple(map(_array, gradients)),
        )


def _pairs(handle: BlockHandle) -> list[tuple[str, nn.Conv2d, nn.Module]]:
    """Every convolution of the block with the batch norm (or Identity) after it, the shortcut's last."""
    children = dict(handle.block.named_children())
    found: list[tuple[str, Any, Any]] = []
    while (name := f"conv{len(found) + 1}") in children:
        found.append((name, children[name], children.get(f"bn{len(found) + 1}")))
    if isinstance(handle.shortcut, nn.Sequential):
        found.append(("projection", handle.shortcut[0], handle.shortcut[1]))
    fits = handle.by_class and len(found) >= 2 and handle.branch is [norm for name, _, norm in found if name != "projection"][-1]
    if not fits or not all(_is_plain(conv) and isinstance(norm, nn.BatchNorm2d | nn.Identity) for _, conv, norm in found):
        raise InputError(f"{handle.label} is no basic or bottleneck block of plain convolutions; choose a block of a ResNet.")
    return found


def _is_plain(module: object) -> bool:
    if not isinstance(module, nn.Conv2d) or isinstance(module.padding, str):
        return False
    square = all(len(set(sizes)) == 1 for sizes in (module.kernel_size, module.stride, module.padding))
    return square and module.groups == 1 and module.dilation == (1, 1) and module.padding_mode == "zeros"


def _start_graph(_block: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    torch.set_grad_enabled(True)  # until the pass is over: what comes before the block needs no graph
    return (inputs[0].detach().contiguous().requires_grad_(), *inputs[1:])


def _keeping(held: dict[str, tuple[Tensor, Tensor]], name: str) -> Hook:
    def hook(x: Tensor, y: Tensor) -> Tensor:
        held[name] = (x, y)
        return y.clone()  # which an in-place ReLU or addition may overwrite

    return hook


def _array(y: Tensor) -> Floats:
    y = y.detach()
    return (y[0] if y.ndim == 4 else y).float().cpu().numpy().copy()


def _record(name: str, convolution: nn.Conv2d, norm: nn.Module, held: dict[str, tuple[Tensor, Tensor]]) -> ConvolutionRecord:
    x, sums = held[name]
    statistics = None
    if isinstance(norm, nn.BatchNorm2d):
        tensors: Any = (norm.running_mean, norm.running_var, norm.weight, norm.bias)
        mean, variance, scale, shift = map(_array, tensors)
        statistics = Norm(mean, variance, scale, shift, norm.eps)
    return ConvolutionRecord(
        name=name,
        x=_array(x),
        weight=convolution.weight.detach().float().cpu().numpy(),
        bias=None if convolution.bias is None else _array(convolution.bias),
        stride=convolution.stride[0],
        padding=int(convolution.padding[0]),
        sums=_array(sums),
        norm=statistics,
        normalised=_array(held[f"norm of {name}"][1]),
    )
