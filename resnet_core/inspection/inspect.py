"""What does every block do to one image? One forward and one backward pass tell."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from resnet_core.errors import InputError
from resnet_core.inspection.probe import architecture_of, blocks_of, listening, private_view
from resnet_core.inspection.records import BlockRecord, Inspection

SMALLEST = 32  # pixels: below, the last stage of an ImageNet network has nothing left to look at


def _checked(image: Tensor, network: nn.Module) -> Tensor:
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
    if not torch.isfinite(image).all():
        raise InputError("The image holds values that are not finite; normalise it from real pixel values.")
    return image.clone().requires_grad_()  # so that a graph grows though the network's parameters ask for no gradient


class _Ear:
    """Collects what is said while a block runs. Reduces at once: an in-place ReLU or addition may overwrite the tensor next."""

    def __init__(self) -> None:
        self.input: Tensor
        self.output: Tensor
        self.branch: list[Tensor] = []  # sd and norm of F(x)
        self.shortcut_norm: Tensor | None = None

    def block(self, x: Tensor, y: Tensor) -> None:
        self.input, self.output = x.detach(), y

    def last(self, _x: Tensor, y: Tensor) -> None:
        y = _wide(y.detach())
        self.branch = [y.std(correction=0), torch.linalg.vector_norm(y)]

    def shortcut(self, _x: Tensor, y: Tensor) -> None:
        self.shortcut_norm = _norm(y.detach())


def _wide(x: Tensor) -> Tensor:
    """In float32 at least: sums of bfloat16 numbers, which autocast leaves, would lose their last digits."""
    return x.to(torch.promote_types(x.dtype, torch.float32))


def _norm(x: Tensor) -> Tensor:
    return torch.linalg.vector_norm(_wide(x))


def inspect(network: nn.Module, image: Tensor, target: int | None = None, autocast: bool = False) -> Inspection:
    """Every block's record for one image, and for the class `target` (None: the most probable one).

    network: one of ours or a torchvision ResNet, on any device, in any mode; it runs in evaluation mode, and nothing on it
    changes: safe for any number of threads on one network. image: (3, H, W) or (1, 3, H, W), at least 32 x 32, normalised as the
    network's checkpoint says. autocast: bfloat16 where it applies.

    Grad-CAM comes from the same backward pass for all blocks; gradients are taken of activations only, never of weights.
    Raises InputError for an image or target that does not fit.
    """
    with torch.inference_mode(False), torch.enable_grad():
        view = private_view(network).eval()
        places = blocks_of(view)
        image = _checked(image, network)
        ears = [_Ear() for _ in places]
        listeners: dict[nn.Module, Any] = {}
        for place, ear in zip(places, ears, strict=True):
            listeners |= {place.block: ear.block, place.last: ear.last}
            if place.shortcut is not None:
                listeners[place.shortcut] = ear.shortcut

        start = time.perf_counter()
        with listening(listeners), torch.autocast(image.device.type, torch.bfloat16, enabled=autocast):
            logits = view(image)[0]
        classes = len(logits)
        if target is None:
            target = int(logits.argmax())
        elif not 0 <= target < classes:
            raise InputError(f"There is no class {target}; the network has classes 0 to {classes - 1}.")
        gradients = torch.autograd.grad(logits[target], [ear.output for ear in ears])

    with torch.no_grad():
        numbers, maps = [], []
        for ear, gradient in zip(ears, gradients, strict=True):
            output, gradient = _wide(ear.output.detach()[0]), _wide(gradient[0])
            weights = gradient.mean((1, 2))
            cam = torch.tensordot(weights, output, dims=1).relu_()
            std, mean = torch.std_mean(output, correction=0)
            zeros = 1 - torch.count_nonzero(output) / output.numel()
            input_norm = _norm(ear.input)
            shortcut = input_norm if ear.shortcut_norm is None else ear.shortcut_norm
            numbers += [_norm(gradient), mean, std, zeros, *ear.branch, input_norm, shortcut]
            maps += [output.mean(0), cam]
        # one transfer each, so that a GPU is waited for once
        values = torch.stack([number.double() for number in numbers]).view(len(places), -1).tolist()
        flat = torch.cat([m.float().flatten() for m in maps]).cpu().numpy()
    arrays = [
        part.reshape(m.shape) for part, m in zip(np.split(flat, np.cumsum([m.numel() for m in maps])[:-1]), maps, strict=True)
    ]

    records = []
    for i, (place, ear) in enumerate(zip(places, ears, strict=True)):
        gradient_norm, mean, std, zeros, response_std, residual_norm, input_norm, shortcut_norm = values[i]
        _, channels, height, width = ear.output.shape
        records.append(
            BlockRecord(
                name=place.name,
                stage=place.stage,
                index=place.index,
                output_shape=(channels, height, width),
                gradient_norm=gradient_norm,
                mean=mean,
                std=std,
                zero_fraction=zeros,
                response_std=response_std,
                input_norm=input_norm,
                residual_norm=residual_norm if place.residual else None,
                shortcut_norm=shortcut_norm if place.residual else None,
                activation=arrays[2 * i],
                cam=arrays[2 * i + 1],
            )
        )
    logits = logits.detach().float()
    return Inspection(
        architecture=architecture_of(network),
        logits=logits.cpu().numpy(),
        probabilities=logits.softmax(0).cpu().numpy(),
        target=target,
        blocks=tuple(records),
        seconds=time.perf_counter() - start,
    )
