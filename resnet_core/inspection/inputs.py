"""How does what a person gives become a network's input, and the index of a class?"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Sequence
from functools import wraps
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar, overload

import numpy as np
import torch
from numpy.typing import NDArray
from PIL.Image import Image
from torch import Tensor, nn

from resnet_core.errors import InputError
from resnet_core.inspection.records import Batch
from resnet_core.networks.checkpoint import SMALLEST, Checkpoint
from resnet_core.networks.described import Described, unwrapped
from resnet_core.pictures.network_input import prepare
from resnet_core.pictures.preprocess import as_picture

# one picture, which is prepared as the network's checkpoint says; or a normalised tensor (3, H, W)
OneImage = Tensor | str | Path | bytes | bytearray | memoryview | Image | NDArray[np.uint8]
Target = int | str  # the index of a class, its name, or its label ("crane #2")

P = ParamSpec("P")
R = TypeVar("R")


class Question(Protocol[P, R]):
    """A function of a network and an image, which for several images gives a `Batch` of answers."""

    @overload
    def __call__(
        self, network: nn.Module, image: list[Any] | tuple[Any, ...], *args: P.args, **options: P.kwargs
    ) -> Batch[R]: ...
    @overload
    def __call__(self, network: nn.Module, image: OneImage, *args: P.args, **options: P.kwargs) -> R: ...


def for_each_image(ask: Callable[Concatenate[nn.Module, OneImage, P], R]) -> Question[P, R]:
    """Let a function of one image also take a list of images, or a batch (N, 3, H, W) of N > 1, and answer with a `Batch`."""

    @wraps(ask)
    def asked(network: nn.Module, image: Any, *args: P.args, **options: P.kwargs) -> Any:
        if isinstance(image, Tensor | np.ndarray) and image.ndim == 4 and len(image) != 1:
            image = list(image)
        if not isinstance(image, list | tuple):
            return ask(network, image, *args, **options)
        if not image:
            raise InputError("The batch holds no image; give at least one.")
        return Batch(ask(network, one, *args, **options) for one in image)

    return asked


def checkpoint_of(network: nn.Module) -> Checkpoint | None:
    """Return what a loaded network says of itself; None for a new one, or one of another package."""
    network = unwrapped(network)
    known = getattr(network.model if isinstance(network, Described) else network, "checkpoint", None)
    return known if isinstance(known, Checkpoint) else None


def as_input(image: OneImage, network: nn.Module) -> Tensor:
    """Return an image as the network takes it.

    Args:
        image: a picture (a path, bytes, a Pillow image, a uint8 array (H, W, 3) or tensor (3, H, W)), which is prepared as the
            network's checkpoint says; or a normalised tensor (3, H, W) or (1, 3, H, W).
        network: an isolated one.

    Returns:
        (1, 3, H, W) on the network's device, in its precision.

    Raises:
        InputError: it is no image or too small, its values are not finite, or the network does not say how to prepare pictures.
    """
    tensor = _normalised(image, network)
    if tensor.ndim == 3:
        tensor = tensor[None]
    if tensor.ndim != 4 or tensor.shape[0] != 1 or tensor.shape[1] != 3:
        raise InputError(f"An image has the shape (3, H, W) or (1, 3, H, W), not {tuple(tensor.shape)}.")
    if min(tensor.shape[2:]) < SMALLEST:
        raise InputError(
            f"The image has {tensor.shape[3]} x {tensor.shape[2]} pixels; at least {SMALLEST} x {SMALLEST} are needed."
        )
    tensor = to_network(tensor, network)
    _require_finite(tensor)
    return tensor.clone(memory_format=torch.channels_last)  # in which a CPU runs the stem's pooling in a fifth of the time


def _normalised(image: Any, network: nn.Module) -> Tensor:
    if isinstance(image, Tensor) and image.is_floating_point():
        return image
    if isinstance(image, Tensor | np.ndarray) and image.ndim == 4 and len(image) == 1:
        image = image[0]
    if isinstance(image, Tensor):
        if image.dtype != torch.uint8 or image.ndim != 3 or len(image) != 3:
            raise InputError(
                f"A tensor must be a normalised image of floats or a uint8 picture (3, H, W), not {image.dtype} "
                f"{tuple(image.shape)}."
            )
        image = np.ascontiguousarray(image.permute(1, 2, 0).cpu().numpy())
    checkpoint = checkpoint_of(network)
    if checkpoint is None:
        as_picture(image)  # what is no picture is refused as such
        raise InputError(
            "The network does not say how pictures are prepared for it, as it has no checkpoint; give a normalised tensor "
            "(3, H, W), as the transforms of its weights make it."
        )
    return prepare(image, checkpoint)


def as_batch(images: Tensor | OneImage | Sequence[OneImage], network: nn.Module, copy: bool = False) -> Tensor:
    """Return images as one batch on the network's device, in its precision.

    Args:
        images: normalised (N, 3, H, W); or one image or several, each as in `as_input`.
        network: an isolated one.
        copy: whether the result must not share memory with `images`.

    Raises:
        InputError: there is no image, they have another shape or several sizes, or values are not finite.
    """
    if not isinstance(images, Tensor) or not images.is_floating_point():
        several = isinstance(images, list | tuple) or (isinstance(images, Tensor | np.ndarray) and images.ndim == 4)
        listed: list[Any] = list(images) if several else [images]  # type: ignore[arg-type]
        inputs = [as_input(image, network) for image in listed]
        if len({tensor.shape for tensor in inputs}) > 1:
            raise InputError("The images of a batch must have one size.")
        images = torch.cat(inputs) if inputs else torch.empty(0, 3, 0, 0)
    if images.ndim != 4 or images.shape[1] != 3 or not images.numel():
        raise InputError(f"Images have the shape (N, 3, H, W) with at least one image, not {tuple(images.shape)}.")
    images = to_network(images, network, copy)
    _require_finite(images)
    return images


def to_network(images: Tensor, network: nn.Module, copy: bool = False) -> Tensor:
    """Return the images on the network's device, in the precision of its first weights."""
    tensors = (*network.parameters(), *network.buffers())
    weight = next((tensor for tensor in tensors if tensor.is_floating_point()), None)
    if weight is None:
        return images.detach().to(torch.float32, copy=copy)
    if weight.is_meta:
        raise InputError("The network has no weights yet (it is on torch's meta device); load or initialise them.")
    return images.detach().to(weight.device, weight.dtype, copy=copy)


def _require_finite(image: Tensor) -> None:
    # one number tells, in a tenth of the time that every pixel takes; the sum itself may overflow
    if not torch.isfinite(image.sum(dtype=torch.promote_types(image.dtype, torch.float32))) and not torch.isfinite(image).all():
        raise InputError("The image holds values that are not finite; normalise it from real pixel values.")


def class_index(target: Target | None, logits: Tensor, network: nn.Module) -> int:
    """Find the class that a person means.

    Args:
        target: an index, which stays an index; a name or label, as in `Checkpoint.class_index`; None: the most probable class.
        logits: (classes,), the network's answer to the image.
        network: the one that answered.

    Raises:
        InputError: the network has no such class, several of that name, or does not name its classes.
    """
    classes = len(logits)
    if target is None:
        return int(logits.argmax())
    if isinstance(target, str):
        checkpoint = checkpoint_of(network)
        if checkpoint is None or len(checkpoint.classes) != classes:
            named = 0 if checkpoint is None else len(checkpoint.classes)
            said = f"names {named} classes and answers with {classes}" if named else "does not name its classes"
            raise InputError(f"The network {said}, so {target[:60]!r} cannot be found; give an index from 0 to {classes - 1}.")
        return checkpoint.class_index(target)
    try:
        index = -1 if isinstance(target, bool) else operator.index(target)
    except (TypeError, ValueError, RuntimeError):
        raise InputError(f"A class must be a name or an index from 0 to {classes - 1}, not {str(target)[:60]}.") from None
    if not 0 <= index < classes:
        raise InputError(f"There is no class {target}; the network has classes 0 to {classes - 1}.")
    return index


def labels_of(network: nn.Module, classes: int) -> tuple[str, ...]:
    """Return the classes' labels, each once; none where the network does not name all that it answers with."""
    checkpoint = checkpoint_of(network)
    return checkpoint.labels if checkpoint is not None and len(checkpoint.classes) == classes else ()


def class_indices(labels: Tensor | Target | Iterable[Target], logits: Tensor, network: nn.Module) -> Tensor:
    """Find the class of every image of a batch.

    Args:
        labels: (N,) of whole numbers; or N names and indices, as in `class_index`.
        logits: (N, classes).
        network: the one that answered.

    Returns:
        (N,) int64, on the device of the logits.

    Raises:
        InputError: there is another number of labels than of images, or one of them is no class.
    """
    count, classes = logits.shape
    if not isinstance(labels, Tensor):
        listed = [labels] if isinstance(labels, str | int) else list(labels)
        if len(listed) != count or None in listed:
            raise InputError(f"Labels are {count} class names or numbers, one an image, not {str(listed)[:60]}.")
        labels = torch.tensor([class_index(label, logits[0], network) for label in listed])
    if labels.shape != (count,) or labels.is_floating_point() or labels.is_complex() or labels.dtype == torch.bool:
        raise InputError(f"Labels are {count} class numbers, one an image, not {tuple(labels.shape)} of {labels.dtype}.")
    if wrong := [label for label in labels.tolist() if not 0 <= label < classes]:
        raise InputError(f"There is no class {wrong[0]}; the network has classes 0 to {classes - 1}.")
    return labels.to(logits.device, torch.int64).clone()
