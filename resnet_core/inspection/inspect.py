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
from resnet_core.inspection.isolation import architecture_of, blocks_of, listening, private_view
from resnet_core.inspection.records import BlockRecord, Inspection
from resnet_core.networks.checkpoint import SMALLEST


def checked(image: Tensor, network: nn.Module) -> Tensor:
    """(1, 3, H, W) on the network's device, in its precision. Raises InputError where it is no image that can be looked into."""
    if image.ndim == 3:
        image = image[None]
    if image.ndim != 4 or image.shape[0] != 1 or image.shape[1] != 3:
        raise InputError(f"An image has the shape (3, H, W) or (1, 3, H, W), not {tuple(image.shape)}; inspect one at a time.")
    if min(image.shape[2:]) < SMALLEST:
        raise InputError(
            f"The image has {image.shape[3]} x {image.shape[2]} pixels; at least {SMALLEST} x {SMALLEST} are needed."
        )
    weight = next(network.parameters())
    image = image.detach().to(weight.device, weight.dtype)
    if not torch.isfinite(image.sum()):  # one number tells, in a tenth of the time that every pixel takes
        raise InputError("The image holds values that are not finite; normalise it from real pixel values.")
    return image.clone(memory_format=torch.channels_last)  # in which a CPU runs the stem's pooling in a fifth of the time


def check_class(target: int, logits: Tensor) -> None:
    """Raises InputError where the network, whose logits (classes,) these are, has no such class."""
    if not 0 <= target < len(logits):
        raise InputError(f"There is no class {target}; the network has classes 0 to {len(logits) - 1}.")


class _Ear:
    """Collects what is said while a block runs. Reduces at once: an in-place ReLU or addition may overwrite the tensor next."""

    def __init__(self) -> None:
        self.input: Tensor
        self.output: Tensor
        self.response: list[Tensor] = []  # of F(x): mean, norm of F(x) minus it
        self.shortcut_norm: Tensor | None = None

    def block(self, x: Tensor, y: Tensor) -> None:
        self.input, self.output = x, y

    def last(self, _x: Tensor, y: Tensor) -> None:
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


def inspect(network: nn.Module, image: Tensor, target: int | None = None, autocast: bool = False) -> Inspection:
    """Every block's record for one image, and for the class `target` (None: the most probable one).

    network: one of ours or a torchvision ResNet, on a CPU or a CUDA GPU, in any mode; it runs in evaluation mode, and nothing on
    it changes: safe for any number of threads on one network. image: (3, H, W) or (1, 3, H, W), at least 8 x 8, normalised as the
    network's checkpoint says. autocast: bfloat16 where it applies.

    Grad-CAM comes from the same backward pass for all blocks; gradients are taken of activations only, never of weights.
    Raises InputError for an image or target that does not fit.
    """
    return inspect_targets(network, image, [target], autocast)[0]


def inspect_targets(
    network: nn.Module, image: Tensor, targets: Sequence[int | None], autocast: bool = False
) -> tuple[Inspection, ...]:
    """What `inspect` gives for each of the classes, from one forward pass and one backward pass a class.

    `seconds` of each is the whole call's.
    """
    with torch.inference_mode(False), torch.enable_grad():
        view = private_view(network)
        places = blocks_of(view)
        image = checked(image, network)
        ears = [_Ear() for _ in places]
        listeners: dict[nn.Module, Any] = {}
        for place, ear in zip(places, ears, strict=True):
            listeners |= {place.block: ear.block, place.last: ear.last}
            if place.shortcut is not None:
                listeners[place.shortcut] = ear.shortcut

        places[0].block.register_forward_pre_hook(_start_graph)
        start = time.perf_counter()
        with listening(listeners), torch.autocast(image.device.type, torch.bfloat16, enabled=autocast):
            logits = view(image)[0]
        known = [int(logits.argmax()) if target is None else target for target in targets]
        for target in known:
            check_class(target, logits)
        outputs = [ear.output for ear in ears]
        # one by one: with `is_grads_batched` they take as long on a CPU, and round otherwise than one alone
        last = len(known) - 1
        of_targets = [torch.autograd.grad(logits[target], outputs, retain_graph=i < last) for i, target in enumerate(known)]

    with torch.no_grad():
        numbers, maps = [], []
        before, norm = None, None
        for ear, *gradients in zip(ears, *of_targets, strict=True):
            output = _wide(ear.output.detach()[0])
            of_classes = [_wide(gradient[0]) for gradient in gradients]
            # a mean over channels and sums weighted by the gradients' means: one product of matrices for all
            weights = torch.stack([torch.full_like(output[:, 0, 0], 1 / len(output)), *(g.mean((1, 2)) for g in of_classes)])
            mean_map, *cams = (weights @ output.flatten(1)).view(-1, *output.shape[1:])
            # in a chain, a block's input is the output before, whose norm is known
            input_norm = norm if ear.input is before else _norm(ear.input)
            before, norm = ear.output, torch.linalg.vector_norm(output)
            others = torch.ne(output, 0, out=torch.empty_like(output)).sum()  # as numbers: 20 times as fast as `count_nonzero`
            numbers += [mean_map.mean(), norm, others, *ear.response, input_norm]
            numbers += [input_norm if ear.shortcut_norm is None else ear.shortcut_norm]
            numbers += [torch.linalg.vector_norm(g) for g in of_classes]
            maps += [mean_map, *(cam.relu_() for cam in cams)]
        # one transfer each, so that a GPU is waited for once
        values = torch.stack(numbers).view(len(places), -1).tolist()
        flat = torch.cat([m.float().flatten() for m in maps]).cpu().numpy()
    arrays = [
        part.reshape(m.shape) for part, m in zip(np.split(flat, np.cumsum([m.numel() for m in maps])[:-1]), maps, strict=True)
    ]

    records: list[list[BlockRecord]] = [[] for _ in known]
    for i, (place, ear) in enumerate(zip(places, ears, strict=True)):
        mean, norm, others, response_mean, response_spread, input_norm, shortcut_norm, *gradient_norms = values[i]
        activation, *cams = arrays[i * (1 + len(known)) : (i + 1) * (1 + len(known))]
        _, channels, height, width = ear.output.shape
        size = channels * height * width  # of F(x) too
        variance = norm**2 / size - mean**2
        if variance < 1e-3 * mean**2:  # nearly constant: too few digits are left
            variance = float(_wide(ear.output.detach()).var(correction=0))
        for of_target, gradient_norm, cam in zip(records, gradient_norms, cams, strict=True):
            of_target.append(
                BlockRecord(
                    name=place.name,
                    stage=place.stage,
                    index=place.index,
                    output_shape=(channels, height, width),
                    gradient_norm=gradient_norm,
                    mean=mean,
                    std=variance**0.5,
                    zero_fraction=1 - others / size,
                    response_std=response_spread / size**0.5,
                    input_norm=input_norm,
                    residual_norm=math.hypot(response_spread, response_mean * size**0.5) if place.residual else None,
                    shortcut_norm=shortcut_norm if place.residual else None,
                    activation=activation,
                    cam=cam,
                )
            )
    logits = logits.detach().float()
    shared: dict[str, Any] = {
        "architecture": architecture_of(network),
        "logits": logits.cpu().numpy(),
        "probabilities": logits.softmax(0).cpu().numpy(),
        "seconds": time.perf_counter() - start,
    }
    return tuple(Inspection(target=target, blocks=tuple(blocks), **shared) for target, blocks in zip(known, records, strict=True))
