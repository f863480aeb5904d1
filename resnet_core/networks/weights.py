"""How is a network saved and loaded? As a safetensors file that says what it is; never as a stranger's pickle."""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from resnet_core.assets import WEIGHTS
from resnet_core.atomic import replacing
from resnet_core.device import torch_device
from resnet_core.errors import InputError, hint
from resnet_core.networks.architectures import REGISTRY
from resnet_core.networks.checkpoint import Checkpoint
from resnet_core.networks.resnet import ResNet
from resnet_core.networks.state import first_difference
from resnet_core.networks.torchvision import TORCHVISION, read_torchvision, torchvision_checkpoint, torchvision_names

METADATA_KEY = "resnet_lens"
MAX_HEADER_MEGABYTES = 4  # of what a safetensors file says of itself, before its numbers; 0.8 in that of resnet1202-cifar
FLOATS = ("F64", "F32", "F16", "BF16", "F8_E4M3", "F8_E5M2")  # as safetensors names them
_WRAPPED = re.compile(r"^((module|_orig_mod)\.)+|\b_orig_mod\.")  # DataParallel, torch.compile
_HALF_PRECISION = 2.0**-10  # float16 rounds by half of this part of a number, unless that is very small or large


def save(network: nn.Module, checkpoint: Checkpoint, path: str | Path) -> None:
    """Write a network with its description: kernels in float16, vectors (batch norm, biases) as they are.

    A kernel that float16 cannot hold keeps its own precision: one with numbers above 65504, or with a filter of tiny ones.

    Args:
        network: a `ResNet`, or another module with its tensors; compiled and DataParallel networks are unwrapped.
        checkpoint: what the file says of itself.
        path: of the safetensors file to write.

    Raises:
        InputError: the tensors are not those of `checkpoint.architecture` or not finite, or the file cannot be written.
    """
    if not isinstance(network, nn.Module):
        raise InputError(f"A network is a torch.nn.Module, not a {type(network).__name__}; give the network itself.")
    if not Path(path).name:
        raise InputError(f"{str(path)!r} names no file; give the path of a safetensors file.")
    if unfilled := next((name for name, tensor in network.state_dict().items() if tensor.is_meta), None):
        raise InputError(f"The network has no weights yet: {unfilled} is on torch's meta device.")
    state = {_WRAPPED.sub("", name): tensor.detach().cpu() for name, tensor in network.state_dict().items()}
    _check(state, checkpoint, "The network")
    # cloned, because safetensors refuses tensors that share memory
    tensors = {
        name: (_halved(tensor) if tensor.ndim > 1 else tensor).clone(memory_format=torch.contiguous_format)
        for name, tensor in state.items()
    }
    description = checkpoint.to_json()
    if len(description) > (MAX_HEADER_MEGABYTES - 1) * 1e6:  # the list of tensors is less than the other megabyte
        raise InputError(f"The description has {len(description) / 1e6:.1f} MB, more than a file may; shorten its texts.")
    with replacing(Path(path)) as part:
        save_file(tensors, part, {METADATA_KEY: description})


def _halved(kernel: Tensor) -> Tensor:
    """The kernel in float16, unless a filter (one output channel) would lose more than float16's precision."""
    half = kernel.to(torch.float16)
    lost = (half.to(kernel.dtype) - kernel).abs().flatten(1).amax(1)
    return half if (lost <= _HALF_PRECISION * kernel.abs().flatten(1).amax(1)).all() else kernel


def _check(tensors: dict[str, Tensor], checkpoint: Checkpoint, subject: str) -> None:
    """Raises InputError where the tensors are not the architecture's, or not finite as float32."""
    layout = {name: (tuple(tensor.shape), tensor.is_floating_point()) for name, tensor in tensors.items()}
    if difference := first_difference(checkpoint.architecture, layout):
        raise InputError(f"{subject} is not the {checkpoint.architecture.name} that its description says: {difference}.")
    broken = next((name for name, tensor in tensors.items() if not torch.isfinite(tensor.float()).all()), None)
    if broken:
        raise InputError(f"{subject} is broken: {broken} holds values that are not finite.")


def bundled() -> tuple[str, ...]:
    """Return the names of the networks that come with the project."""
    return tuple(sorted(path.stem for path in WEIGHTS.glob("*.safetensors")))


@torch.inference_mode(False)  # what is loaded must be one that gradients can pass through, whoever loads it
def load(reference: str | Path, device: str = "auto") -> ResNet:
    """Load a trained network, in evaluation mode and frozen; its `checkpoint` says what it is.

    Args:
        reference: a bundled name ("resnet34-tiny"), a safetensors file that `save` wrote, or "torchvision:resnet34" for
            torchvision's ImageNet weights (downloaded once, to torch's hub folder, see TORCH_HOME).
        device: "cpu", "cuda", or "auto" for the GPU where there is one.

    Returns:
        The network; nothing on it asks for gradients.

    Raises:
        InputError: there is no such network or device, or its file is broken or of another kind; the sentence says what is wrong
            first.
    """
    chosen = torch_device(device)
    text = str(reference)
    if text.startswith(TORCHVISION):
        tensors, checkpoint = read_torchvision(text.removeprefix(TORCHVISION))
    else:
        tensors, checkpoint = _from_file(_path_of(text))
    with torch.device("meta"):
        network = ResNet(checkpoint.architecture)
    network.load_state_dict(tensors, assign=True)
    network.checkpoint = checkpoint
    return network.eval().requires_grad_(False).to(chosen)


def read_checkpoint(reference: str | Path) -> Checkpoint:
    """Read what a network says of itself, without its weights; takes the references of `load` and raises as it does."""
    if str(reference).startswith(TORCHVISION):
        return torchvision_checkpoint(str(reference).removeprefix(TORCHVISION))
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
    if reference in REGISTRY:
        weights = f"; load {TORCHVISION + reference!r} for torchvision's weights" if reference in torchvision_names() else ""
        raise InputError(f"{reference!r} comes without weights; build it to have new ones{weights}.")
    otherwise = f"bundled are {', '.join(bundled()) or 'none'}, and torchvision's as 'torchvision:resnet34'."
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
        kinds = {name: part.get_dtype() for name, part in slices.items()}
        layout = {name: (tuple(part.get_shape()), kinds[name] in FLOATS) for name, part in slices.items()}
        other = next((kind for kind in kinds.values() if kind[0] in "FC" and kind not in FLOATS), None)
        if other:
            raise InputError(f"{path.name} holds numbers of the kind {other}, which cannot be read; save it in float32.")
        if difference := first_difference(checkpoint.architecture, layout):  # before anything large is read
            raise InputError(f"{path.name} is not the {checkpoint.architecture.name} that it says it is: {difference}.")
        tensors = {name: file.get_tensor(name) for name in layout}
    tensors = {name: tensor.float() if tensor.is_floating_point() else tensor for name, tensor in tensors.items()}
    _check(tensors, checkpoint, path.name)
    return tensors, checkpoint
