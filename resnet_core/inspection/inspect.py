"""What does every block do to one image? One forward pass, and a backward pass for each class, tell."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from resnet_core.errors import InputError
from resnet_core.inspection.inputs import OneImage, Target, as_input, checkpoint_of, class_index, for_each_image, labels_of
from resnet_core.inspection.isolation import forward_hooks, gradients_of, isolated, logits_of, require_finite
from resnet_core.inspection.parts import located
from resnet_core.inspection.records import BlockRecord, Inspection
from resnet_core.networks.handles import Anatomy


def require_map(name: str, shape: torch.Size, image: Tensor) -> None:
    """Raise InputError if a block's output is no map (1, C, H, W) of the image."""
    height, width = image.shape[2:]
    if len(shape) == 4 and shape[0] == 1:
        _, channels, rows, columns = shape
        # how far each reading, channels first or channels last, is from the image's proportions
        first, last = abs(rows * width - columns * height), abs(channels * width - rows * height)
        if first <= max(last, 2 * max(height, width)):
            return
    raise InputError(f"{name} returns {tuple(shape)}, not a map (1, channels, height, width); describe blocks that return maps.")


class _BlockActivations:
    """Collects a block's activations while it runs. Reduces at once: an in-place ReLU or addition may overwrite them next."""

    def __init__(self, name: str, copies: bool) -> None:
        self.name = name
        self.copies = copies  # whether what follows the block may overwrite its output
        self.input: Tensor
        self.output: Tensor
        self.version = 0
        self.input_norm: Tensor | None = None
        self.response: list[Tensor] = []  # of F(x): mean, norm of F(x) minus it
        self.shortcut_norm: Tensor | None = None

    def before(self, _block: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        self.input_norm = _norm(inputs[0].detach())

    def block(self, x: Tensor, y: Tensor) -> Tensor | None:
        self.input, self.output, self.version = x, y, y._version
        return y.clone() if self.copies else None

    def branch(self, _x: Tensor, y: Tensor) -> None:
        y = _wide(y.detach())
        mean = y.mean()  # two passes: on a CPU 15 times as fast as `torch.std_mean`, and as exact where the mean is large
        self.response = [mean, torch.linalg.vector_norm(y - mean)]

    def shortcut(self, _x: Tensor, y: Tensor) -> None:
        self.shortcut_norm = _norm(y.detach())


def _start_graph(_block: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """Before the first block: a graph grows from here, though the network's parameters may ask for no gradient."""
    return (inputs[0].detach().contiguous().requires_grad_(), *inputs[1:])


def _wide(x: Tensor) -> Tensor:
    """In float32 at least: sums of bfloat16 numbers, which autocast leaves, would lose their last digits."""
    return x.to(torch.promote_types(x.dtype, torch.float32))


def _norm(x: Tensor) -> Tensor:
    return torch.linalg.vector_norm(_wide(x))


def _hooked_pass(network: nn.Module, anatomy: Anatomy, image: Tensor) -> tuple[Tensor, list[_BlockActivations]]:
    """The logits (1, classes) of one pass, and what every block did; a graph leads from the logits to the blocks' outputs."""
    blocks = [_BlockActivations(handle.name, copies=not anatomy.by_class) for handle in anatomy.blocks]
    hooks: dict[nn.Module, Any] = {}
    names: dict[nn.Module, str] = {}
    for handle, activations in zip(anatomy.blocks, blocks, strict=True):
        if not anatomy.by_class:
            handle.block.register_forward_pre_hook(activations.before)
        hooks[handle.block], names[handle.block] = activations.block, handle.name
        if handle.branch is not None:
            hooks[handle.branch], names[handle.branch] = activations.branch, f"The residual function of {handle.name}"
        if handle.shortcut is not None:
            hooks[handle.shortcut], names[handle.shortcut] = activations.shortcut, f"The shortcut of {handle.name}"
    if anatomy.by_class:
        anatomy.blocks[0].block.register_forward_pre_hook(_start_graph)
    else:  # blocks may stand side by side, and what precedes them may overwrite the image
        image = image.requires_grad_().clone()
    with forward_hooks(hooks, names):
        logits = logits_of(network, image)
    for activations in blocks:
        if activations.output._version != activations.version:
            raise InputError(f"A hook on the network overwrites the output of {activations.name} in place; remove that hook.")
        require_map(activations.name, activations.output.shape, image)
    return logits, blocks


@for_each_image
def inspect(network: nn.Module, image: OneImage, target: Target | None = None, autocast: bool = False) -> Inspection:
    """Record what every block does to an image, and for one class.

    Grad-CAM comes from the same backward pass for all blocks; gradients are taken of activations only, never of weights.

    Args:
        network: any network that `find_anatomy` knows or `describe` describes, on a CPU or a CUDA GPU, in any mode. It runs in
            evaluation mode, and nothing on it changes: safe for any number of threads on one network.
        image: a path, bytes, a Pillow image or a uint8 array (H, W, 3), which is prepared as the network's checkpoint says; or a
            normalised tensor (3, H, W) of at least 8 x 8 pixels. A list of these, or a batch (N, 3, H, W), gives a `Batch`.
        target: the class's index, name or label; None: the most probable class.
        autocast: bfloat16 where it applies.

    Returns:
        The inspection: a record a block, its `table`, and the network's answer.

    Raises:
        InputError: for an image, target or network that does not fit, and where the network's answer is no number.
    """
    return inspect_targets(network, image, [target], autocast)[0]


def inspect_targets(
    network: nn.Module, image: OneImage, targets: Sequence[Target | None], autocast: bool = False
) -> tuple[Inspection, ...]:
    """Inspect one image for each of the classes, by one forward pass and one backward pass a class.

    Args and Raises are those of `inspect`.

    Returns:
        An inspection a class, in order. `seconds` of each is the whole call's.
    """
    with torch.inference_mode(False), torch.enable_grad():
        clone = isolated(network)
        x = as_input(image, clone)
        with torch.autocast(x.device.type, torch.bfloat16, enabled=autocast):
            anatomy = located(clone, x)
            start = time.perf_counter()
            logits, blocks = _hooked_pass(clone, anatomy, x)
        logits = logits[0]
        require_finite(logits)
        classes = [class_index(target, logits, clone) for target in targets]
        outputs = [activations.output for activations in blocks]
        # one by one: with `is_grads_batched` they take as long on a CPU, and round otherwise than one alone
        last = len(classes) - 1
        of_targets = [gradients_of(logits[target], outputs, retain_graph=i < last) for i, target in enumerate(classes)]

    with torch.no_grad():
        numbers, maps = [], []
        before, norm = None, None
        for activations, *gradients in zip(blocks, *of_targets, strict=True):
            output = _wide(activations.output.detach()[0])
            of_classes = [_wide(gradient[0]) for gradient in gradients]
            # a mean over channels and sums weighted by the gradients' means: one product of matrices for all
            weights = torch.stack([torch.full_like(output[:, 0, 0], 1 / len(output)), *(g.mean((1, 2)) for g in of_classes)])
            mean_map, *cams = (weights @ output.flatten(1)).view(-1, *output.shape[1:])
            # in a chain, a block's input is the output before, whose norm is known
            input_norm = norm if activations.input is before else activations.input_norm
            if input_norm is None:
                input_norm = _norm(activations.input)
            before, norm = activations.output, torch.linalg.vector_norm(output)
            others = torch.ne(output, 0, out=torch.empty_like(output)).sum()  # as numbers: 20 times as fast as `count_nonzero`
            numbers += [mean_map.mean(), norm, others, *(activations.response or [norm, norm]), input_norm]
            numbers += [input_norm if activations.shortcut_norm is None else activations.shortcut_norm]
            numbers += [torch.linalg.vector_norm(g) for g in of_classes]
            maps += [mean_map, *(cam.relu_() for cam in cams)]
        # one transfer each, so that a GPU is waited for once
        values = torch.stack(numbers).view(len(blocks), -1).tolist()
        flat = torch.cat([m.float().flatten() for m in maps]).cpu().numpy()
    arrays = [
        part.reshape(m.shape) for part, m in zip(np.split(flat, np.cumsum([m.numel() for m in maps])[:-1]), maps, strict=True)
    ]

    records: list[list[BlockRecord]] = [[] for _ in classes]
    for i, (handle, activations) in enumerate(zip(anatomy.blocks, blocks, strict=True)):
        mean, norm, others, response_mean, response_spread, input_norm, shortcut_norm, *gradient_norms = values[i]
        activation, *cams = arrays[i * (1 + len(classes)) : (i + 1) * (1 + len(classes))]
        _, channels, height, width = activations.output.shape
        size = channels * height * width  # of F(x) too
        variance = norm**2 / size - mean**2
        if variance < 1e-3 * mean**2:  # nearly constant: too few digits are left
            variance = float(_wide(activations.output.detach()).var(correction=0))
        for of_target, gradient_norm, cam in zip(records, gradient_norms, cams, strict=True):
            of_target.append(
                BlockRecord(
                    name=handle.name,
                    stage=handle.stage,
                    index=handle.index,
                    output_shape=(channels, height, width),
                    gradient_norm=gradient_norm,
                    mean=mean,
                    std=variance**0.5,
                    zero_fraction=1 - others / size,
                    response_std=None if handle.residual is None else response_spread / size**0.5,
                    input_norm=input_norm,
                    residual_norm=math.hypot(response_spread, response_mean * size**0.5) if handle.residual else None,
                    shortcut_norm=shortcut_norm if handle.residual else None,
                    activation=activation,
                    cam=cam,
                )
            )
    logits = logits.detach().float()
    checkpoint = checkpoint_of(clone)
    if checkpoint is not None:
        name = checkpoint.run
    else:
        name = anatomy.architecture.name if anatomy.architecture else type(network).__name__
    shared: dict[str, Any] = {
        "network": name,
        "labels": labels_of(clone, len(logits)),
        "architecture": anatomy.architecture,
        "logits": logits.cpu().numpy(),
        "probabilities": logits.softmax(0).cpu().numpy(),
        "seconds": time.perf_counter() - start,
    }
    return tuple(
        Inspection(target=target, blocks=tuple(blocks), **shared) for target, blocks in zip(classes, records, strict=True)
    )
