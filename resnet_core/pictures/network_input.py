"""How do pictures become what a network takes? Resized and normalised tensors."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional as F

from resnet_core.pictures.preprocess import PictureSource, as_picture, square

Colour = tuple[float, float, float]


class Preprocessing(Protocol):
    """How a network saw its training images; a `Checkpoint` is one."""

    @property
    def stored_resolution(self) -> int: ...
    @property
    def resolution(self) -> int: ...
    @property
    def mean(self) -> Colour: ...
    @property
    def std(self) -> Colour: ...


def prepare(source: PictureSource, checkpoint: Preprocessing) -> Tensor:
    """Turn a picture into what the network was trained to see.

    The centre square is resized to the size of the training images first, and from there to the network's resolution, so that it
    is no sharper than what the network has learned from.

    Args:
        source: the path of a picture file, its bytes, a Pillow image, or a uint8 array (H, W, 3).
        checkpoint: the network's.

    Returns:
        float32 (3, resolution, resolution), normalised by the checkpoint's mean and standard deviation.

    Raises:
        InputError: the source is no picture.
    """
    small = torch.from_numpy(square(as_picture(source), checkpoint.stored_resolution)).permute(2, 0, 1)[None]
    return network_input(small, checkpoint.resolution, checkpoint.mean, checkpoint.std)[0]


def network_input(images: Tensor, resolution: int, mean: Colour, std: Colour) -> Tensor:
    """Resize a batch bilinearly and normalise it.

    Args:
        images: (B, 3, H, H) uint8.
        resolution: pixels of the result's sides.
        mean, std: of the channels, on a scale of 0 to 1.

    Returns:
        float32 (B, 3, resolution, resolution), in the memory format of `images`.
    """
    x = images.float().div_(255)
    if x.shape[-1] != resolution:
        x = F.interpolate(x, size=(resolution, resolution), mode="bilinear", antialias=x.shape[-1] > resolution)
    shape = (1, 3, 1, 1)
    return x.sub_(torch.tensor(mean, device=x.device).view(shape)).div_(torch.tensor(std, device=x.device).view(shape))
