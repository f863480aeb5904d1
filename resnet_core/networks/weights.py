"""Where do weights come from, and where do they go? safetensors files that say what they are; never pickle from a stranger."""

from __future__ import annotations

import pickle
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from resnet_core.assets import WEIGHTS
from resnet_core.atomic import replacing
from resnet_core.data.in_memory import network_input
from resnet_core.errors import InputError, hint
from resnet_core.networks.architectures import REGISTRY, Architecture
from resnet_core.networks.checkpoint import Checkpoint
from resnet_core.networks.resnet import ResNet
from resnet_core.pictures.decode import square

METADATA_KEY = "resnet_lens"
TORCHVISION = "torchvision:"
MAX_HEADER_MEGABYTES = 4  # of what a safetensors file says of itself, before its numbers; 0.8 in that of resnet1202-cifar
MAX_STAGES = 16  # each has twice the channels of the one before
FLOATS = ("F64", "F32", "F16", "BF16")  # as safetensors names them


def save(network: nn.Module, checkpoint: Checkpoint, path: Path) -> None:
    """Write the weights with their description: kernels in float16, vectors (batch norm, biases) as they are."""
    tensors = {
        name: (tensor.to(torch.float16) if tensor.ndim > 1 else tensor).contiguous().cpu()
        for name, tensor in network.state_dict().items()
    }
    with replacing(path) as part:
        save_file(tensors, part, {METADATA_KEY: checkpoint.to_json()})


def bundled() -> tuple[str, ...]:
    """The names of the networks that come with the project."""
    return tuple(sorted(path.stem for path in WEIGHTS.glob("*.safetensors")))


@torch.inference_mode(False)  # what is loaded must be one that gradients can pass through, whoever loads it
def load(reference: str | Path, device: str = "auto") -> ResNet:
    """A trained network, in evaluation mode and frozen; its `checkpoint` says what it is.

    reference: a bundled name ("resnet34-tiny"), a safetensors file that `save` wrote, or "torchvision:resnet34" for torchvision's
    ImageNet weights (downloaded once, to torch's hub folder, see TORCH_HOME). device: "auto" is the GPU where there is one.
    Raises InputError with the first thing that is wrong.
    """
    text = str(reference)
    if text.startswith(TORCHVISION):
        tensors, checkpoint = _from_torchvision(text.removeprefix(TORCHVISION))
    else:
        tensors, checkpoint = _from_file(_path_of(text))
    with torch.device("meta"):
        network = ResNet(checkpoint.architecture)
    network.load_state_dict(tensors, assign=True)
    network.checkpoint = checkpoint
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    return network.eval().requires_grad_(False).to(device)


def read_checkpoint(reference: str | Path) -> Checkpoint:
    """What a bundled network, a file, or torchvision's network says of itself, without its weights; the references of `load`."""
    if str(reference).startswith(TORCHVISION):
        return _of_torchvision(str(reference).removeprefix(TORCHVISION))[1]
    path = _path_of(str(reference))
    with _opened(path) as file:
        return _description(path, file)


def _path_of(reference: str) -> Path:
    if reference in bundled():
        return WEIGHTS / f"{reference}.safetensors"
    path = Path(reference)
    with suppress(OSError, ValueError):  # no path can be that long, or hold such a character
        if path.is_file():
            return path
    otherwise = f"bundled are {', '.join(bundled()) or 'none'}."
    raise InputError(f"There is no bundled network and no file named {reference!r}; {hint(reference, bundled(), otherwise)}")


def _opened(path: Path) -> Any:
    try:
        with path.open("rb") as file:
            header = int.from_bytes(file.read(8), "little")  # bytes; the format's first field
        if MAX_HEADER_MEGABYTES * 1e6 < header <= path.stat().st_size:  # a longer one is no safetensors file
            raise InputError(
                f"{path.name} has more than {MAX_HEADER_MEGABYTES} MB of descriptions; give a file that ResNet Lens saved."
            )
        return safe_open(path, "pt")
    except (SafetensorError, OSError) as error:
        raise InputError(
            f"{path.name} is not a whole safetensors file ({error}); give one that ResNet Lens saved: a pickle is never opened."
        ) from None


def _description(path: Path, file: Any) -> Checkpoint:
    text = (file.metadata() or {}).get(METADATA_KEY)
    if text is None:
        raise InputError(
            f"{path.name} does not say which network it is: its metadata have no {METADATA_KEY!r}; save it with ResNet Lens."
        )
    try:
        return Checkpoint.from_json(text)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        reason = " ".join(str(error).split()).rstrip(".")
        raise InputError(f"{path.name} describes its network in a way that cannot be read ({reason}); save it again.") from None


def _from_file(path: Path) -> tuple[dict[str, Tensor], Checkpoint]:
    with _opened(path) as file:
        checkpoint = _description(path, file)
        slices = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118 (no mapping)
        found = {name: (tuple(part.get_shape()), part.get_dtype() in FLOATS) for name, part in slices.items()}
        if difference := _first_difference(checkpoint.architecture, found):
            raise InputError(f"{path.name} is not the {checkpoint.architecture.name} that it says it is: {difference}.")
        tensors = {name: file.get_tensor(name) for name in found}
    tensors = {name: tensor.float() if tensor.is_floating_point() else tensor for name, tensor in tensors.items()}
    broken = next((name for name, tensor in tensors.items() if not torch.isfinite(tensor).all()), None)
    if broken:
        raise InputError(f"{path.name} is broken: {broken} holds values that are not finite.")
    return tensors, checkpoint


Tensors = dict[str, tuple[tuple[int, ...], bool]]  # name -> shape, whether its numbers are floating point


def _first_difference(architecture: Architecture, found: Tensors) -> str | None:
    """In words, where tensors are not the architecture's; it is built (without memory) only if it can be as small as the file."""
    if len(architecture.depths) > MAX_STAGES:
        return f"no network has more than {MAX_STAGES} stages"
    if architecture.layers > len(found):
        return f"it has {len(found)} tensors for {architecture.layers} layers"
    kernel = 7 if architecture.stem == "imagenet" else 3
    expected: Tensors = {  # both ends, which the file must have room for, bound all between them
        "conv1.weight": ((architecture.width, 3, kernel, kernel), True),
        "fc.weight": ((architecture.num_classes, architecture.features), True),
    }
    if not (difference := _missing_or_other(expected, found)):
        with torch.device("meta"):
            state = ResNet(architecture).state_dict()
        expected = {name: (tuple(tensor.shape), tensor.is_floating_point()) for name, tensor in state.items()}
        difference = _missing_or_other(expected, found)
    if difference:
        return difference
    return next((f"{name} does not belong to it" for name in found if name not in expected), None)


def _missing_or_other(expected: Tensors, found: Tensors) -> str | None:
    for name, (shape, floating) in expected.items():
        if name not in found:
            return f"{name} is missing"
        if found[name][0] != shape:
            return f"{name} has the shape {found[name][0]}, not {shape}"
        if found[name][1] != floating:
            return f"{name} holds {'whole' if floating else 'floating point'} numbers"
    return None


def _of_torchvision(name: str) -> tuple[Any, Checkpoint]:
    """torchvision's entry, and what it says, without a download."""
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


def torchvision_names() -> tuple[str, ...]:
    """The networks whose ImageNet weights torchvision has, and `load` takes as "torchvision:resnet34"."""
    return tuple(row.name for row in REGISTRY.values() if row.residual and row.stem == "imagenet")


def _from_torchvision(name: str) -> tuple[dict[str, Tensor], Checkpoint]:
    weights, checkpoint = _of_torchvision(name)
    file = Path(torch.hub.get_dir()) / "checkpoints" / Path(weights.url).name
    try:
        tensors = weights.get_state_dict(progress=False, check_hash=True, weights_only=True)
    except (OSError, RuntimeError, EOFError, AttributeError, pickle.UnpicklingError) as error:
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise InputError(
            f"torchvision's {name} could not be had ({reason}); connect to the network once, or put {weights.url} at {file}."
        ) from None
    whole = isinstance(tensors, dict) and all(isinstance(tensor, Tensor) for tensor in tensors.values())
    found = {key: (tuple(tensor.shape), tensor.is_floating_point()) for key, tensor in tensors.items()} if whole else {}
    if difference := _first_difference(REGISTRY[name], found):
        raise InputError(
            f"torchvision's {name} in {file} is another file ({difference}); remove it, so that it is fetched again."
        )
    return dict(tensors), checkpoint


def prepare(picture: NDArray[np.uint8], checkpoint: Checkpoint) -> Tensor:
    """The picture (H, W, 3) as the network was trained to see it: float32 (3, resolution, resolution), normalised.

    The central square is brought to the size of the training images first, and from there to the network's resolution, so that
    it is no sharper than what the network has learned from.
    """
    small = torch.from_numpy(square(picture, checkpoint.stored_resolution)).permute(2, 0, 1)[None]
    return network_input(small, checkpoint.resolution, checkpoint.mean, checkpoint.std)[0]
