"""Which pixels can a cell of a map see, and which ones move it? The largest possible field, and the measured one."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from resnet_core.errors import InputError
from resnet_core.inspection.inputs import as_input
from resnet_core.inspection.isolation import Hook, forward_hooks, gradients_of, isolated, logits_of, without_weight_gradients
from resnet_core.inspection.parts import located
from resnet_core.networks.architectures import Architecture
from resnet_core.networks.cost import block_shape

Extents = NDArray[np.int64]  # (cells, 2): first and last pixel of the image that a cell can see, along one side


def _through(extents: Extents, kernel: int, stride: int, padding: int) -> Extents:
    """What the cells after a convolution or a pool see."""
    cells = (len(extents) + 2 * padding - kernel) // stride + 1
    first = np.arange(cells) * stride - padding
    low, high = first.clip(0), (first + kernel - 1).clip(max=len(extents) - 1)
    return np.column_stack([extents[low, 0], extents[high, 1]])


def receptive_fields(architecture: Architecture, side: int) -> dict[str, Extents]:
    """Return the largest receptive field of every cell, by block: exact, through all shortcuts and at the borders.

    A field is a rectangle, as no kernel is smaller than its stride on the main path, which sees all that the shortcut sees.
    A chain's size follows from Araujo et al. 2019, "Computing Receptive Fields of Convolutional Neural Networks", Eq. 2.

    Args:
        side: pixels of the image along one side; both sides follow the same rule.

    Returns:
        By block label, (cells, 2): the first and the last pixel along that side, both inside.
    """
    extents = np.repeat(np.arange(side)[:, None], 2, axis=1)
    for kernel, stride, padding in ((7, 2, 3), (3, 2, 1)) if architecture.stem == "imagenet" else ((3, 1, 1),):
        extents = _through(extents, kernel, stride, padding)
    found = {}
    for stage in architecture.stages:
        for i in range(stage.blocks):
            shape, before = block_shape(architecture, stage, first=i == 0), extents
            for convolution in shape.main:
                extents = _through(extents, convolution.kernel, convolution.stride, convolution.kernel // 2)
            if architecture.residual:
                shortcut = before[:: stage.stride if i == 0 else 1]
                extents = np.column_stack([np.minimum(extents[:, 0], shortcut[:, 0]), np.maximum(extents[:, 1], shortcut[:, 1])])
            found[f"{stage.name[:-1]}{i + 1}"] = extents
    return found


def measured_field(network: nn.Module, image: Tensor, block: str, channel: int, row: int, column: int) -> NDArray[np.float32]:
    """Return how strongly every pixel of the image moves one cell of a block's sum before its last ReLU.

    Args:
        image: (3, H, W), normalised.
        block: its label, "conv4_3".
        channel, row, column: the cell.

    Returns:
        (H, W): Euclidean norm over colours of the gradient of the cell.

    Raises:
        InputError: for an image, block or cell that does not exist.
    """
    with torch.inference_mode(False), torch.enable_grad():
        image, sums = _sums(network, image, [block])
        cells = sums[block]
        _, channels, height, width = cells.shape
        if not (0 <= channel < channels and 0 <= row < height and 0 <= column < width):
            raise InputError(
                f"{block} has {channels} channels of {height} x {width} cells; there is no ({channel}, {row}, {column})."
            )
        return _field(cells[0, channel, row, column], image)


def measured_growth(network: nn.Module, image: Tensor) -> dict[str, NDArray[np.float32]]:
    """Return what `measured_field` gives for the middle cell of every block, by label: of the sum over its channels.

    Args:
        image: (3, H, W), normalised.

    Raises:
        InputError: for an image or a network that does not fit.
    """
    with torch.inference_mode(False), torch.enable_grad():
        image, sums = _sums(network, image, None)
        middles = {label: cells[0, :, cells.shape[2] // 2, cells.shape[3] // 2].sum() for label, cells in sums.items()}
        return {label: _field(middle, image, retain_graph=True) for label, middle in middles.items()}


def _field(cell: Tensor, image: Tensor, retain_graph: bool = False) -> NDArray[np.float32]:
    (gradient,) = gradients_of(cell, [image], retain_graph)
    found: NDArray[np.float32] = torch.linalg.vector_norm(gradient[0].float(), dim=0).cpu().numpy()
    return found


def _sums(network: nn.Module, image: Tensor, blocks: list[str] | None) -> tuple[Tensor, dict[str, Tensor]]:
    """The image, and F(x) + shortcut of blocks (None: all) by label, with a graph that leads from it to them."""
    clone = without_weight_gradients(isolated(network))
    image = as_input(image, clone)
    anatomy = located(clone, image)
    handles = anatomy.blocks if blocks is None else [anatomy.handle(label) for label in blocks]
    image = image.requires_grad_()
    branches: dict[str, Tensor] = {}
    shortcuts: dict[str, Tensor] = {}

    def keep(held: dict[str, Tensor], label: str) -> Hook:
        def hook(_x: Tensor, y: Tensor) -> Tensor:
            held[label] = y
            return y.clone()  # which an in-place ReLU or addition may overwrite

        return hook

    def keep_input(label: str) -> Hook:
        def hook(x: Tensor, _y: Tensor) -> None:
            shortcuts[label] = x

        return hook

    hooks: dict[nn.Module, Hook] = {}
    for handle in handles:
        if handle.branch is None or handle.residual is None:
            raise InputError(f"What {handle.label} adds could not be found; choose a block of a ResNet.")
        hooks[handle.branch] = keep(branches, handle.label)
        if handle.shortcut is not None:
            hooks[handle.shortcut] = keep(shortcuts, handle.label)
        elif handle.residual:
            hooks[handle.block] = keep_input(handle.label)
    with forward_hooks(hooks):
        logits_of(clone, image.clone())
    return image, {label: y + shortcuts[label] if label in shortcuts else y for label, y in branches.items()}
