"""Are these the tensors of that architecture? By name, shape and kind, before any is read."""

from __future__ import annotations

import torch

from resnet_core.networks.architectures import Architecture
from resnet_core.networks.resnet import ResNet

MAX_STAGES = 16  # each has twice the channels of the one before

Tensors = dict[str, tuple[tuple[int, ...], bool]]  # name -> shape, whether its numbers are floating point


def first_difference(architecture: Architecture, layout: Tensors) -> str | None:
    """Say in words where tensors are not those of an architecture; None where they are.

    The architecture is built (without memory) only if it can be as small as the tensors.
    """
    if len(architecture.depths) > MAX_STAGES:
        return f"no network has more than {MAX_STAGES} stages"
    if architecture.layers > len(layout):
        return f"it has {len(layout)} tensors for {architecture.layers} layers"
    kernel = 7 if architecture.stem == "imagenet" else 3
    expected: Tensors = {  # both ends, which the file must have room for, bound all between them
        "conv1.weight": ((architecture.width, 3, kernel, kernel), True),
        "fc.weight": ((architecture.num_classes, architecture.features), True),
    }
    if not (difference := _missing_or_other(expected, layout)):
        with torch.device("meta"):
            state = ResNet(architecture).state_dict()
        expected = {name: (tuple(tensor.shape), tensor.is_floating_point()) for name, tensor in state.items()}
        difference = _missing_or_other(expected, layout)
    if difference:
        return difference
    return next((f"{name} does not belong to it" for name in layout if name not in expected), None)


def _missing_or_other(expected: Tensors, layout: Tensors) -> str | None:
    for name, (shape, floating) in expected.items():
        if name not in layout:
            return f"{name} is missing"
        if layout[name][0] != shape:
            return f"{name} has the shape {layout[name][0]}, not {shape}"
        if layout[name][1] != floating:
            return f"{name} holds {'whole' if floating else 'floating point'} numbers"
    return None
