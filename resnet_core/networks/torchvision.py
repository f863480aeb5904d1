"""How are torchvision's ImageNet weights loaded? By its name, checked, with what torchvision says of them."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from resnet_core.errors import InputError
from resnet_core.networks.architectures import REGISTRY
from resnet_core.networks.checkpoint import Checkpoint
from resnet_core.networks.state import first_difference

TORCHVISION = "torchvision:"


def torchvision_names() -> tuple[str, ...]:
    """Return the networks whose ImageNet weights `load` takes from torchvision, as "torchvision:resnet34"."""
    return tuple(network.name for network in REGISTRY.values() if network.residual and network.stem == "imagenet")


def torchvision_checkpoint(name: str) -> Checkpoint:
    """Read what torchvision says of its weights, without a download."""
    return _entry(name)[1]


def _entry(name: str) -> tuple[Any, Checkpoint]:
    from torchvision.models import get_model_weights

    known = torchvision_names()
    if name not in known:
        raise InputError(f"torchvision has no weights for {name!r} that ResNet Lens can read; known are {', '.join(known)}.")
    weights = get_model_weights(name).DEFAULT
    transforms = weights.transforms()
    side = transforms.crop_size[0]
    return weights, Checkpoint(
        architecture=REGISTRY[name],
        classes=tuple(weights.meta["categories"]),
        mean=tuple(transforms.mean),
        std=tuple(transforms.std),
        resolution=side,
        stored_resolution=side,
        data="ImageNet-1K",
        source="ILSVRC-2012; weights by torchvision (BSD-3-Clause)",
        recipe=f"torchvision {weights.name}",
        note=f"torchvision's weights and error (a central crop after a resize to {transforms.resize_size[0]} pixels).",
        run=f"torchvision {name} {weights.name}",
        seed=None,
        commit=None,
        test_error_percent=round(100 - weights.meta["_metrics"]["ImageNet-1K"]["acc@1"], 3),
    )


def read_torchvision(name: str) -> tuple[dict[str, Tensor], Checkpoint]:
    """Return the tensors, downloaded once, and what torchvision says of them.

    Raises:
        InputError: the download failed, or the file is another one.
    """
    weights, checkpoint = _entry(name)
    file = Path(torch.hub.get_dir()) / "checkpoints" / Path(weights.url).name
    try:
        tensors = weights.get_state_dict(progress=False, check_hash=True, weights_only=True)
    except (OSError, RuntimeError, EOFError, AttributeError, pickle.UnpicklingError) as error:
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise InputError(
            f"torchvision's {name} could not be downloaded ({reason}); go online once, or put {weights.url} at {file}."
        ) from None
    whole = isinstance(tensors, dict) and all(isinstance(tensor, Tensor) for tensor in tensors.values())
    layout = {key: (tuple(tensor.shape), tensor.is_floating_point()) for key, tensor in tensors.items()} if whole else {}
    if difference := first_difference(REGISTRY[name], layout):
        raise InputError(
            f"torchvision's {name} in {file} is another file ({difference}); remove it, so that it is fetched again."
        )
    return dict(tensors), checkpoint
