"""How do decoded images become batches? On their device, a batch at a time, reproducible from (seed, epoch) alone."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.nn import functional as F

from resnet_core.data.datasets import Colour, ImageSet


def training_batches(
    data: ImageSet, batch_size: int, pad: int, mirror: bool, fill: Colour, seed: int, epoch: int, first: int = 0
) -> Iterator[tuple[Tensor, Tensor]]:
    """One epoch in random order, each image shifted by at most `pad` pixels and, with `mirror`, mirrored half of the time.

    Yields (images (B, 3, H, W) uint8 in channels_last memory, labels (B,)); the rest that fills no batch is left out.
    first: the batch to begin with.
    `fill` (0 to 1) is the colour outside the image: the mean, which is zero once normalised, as in section 4.2 of the paper.
    """
    device, (n, height, width, _) = data.images.device, data.images.shape
    generator = torch.Generator().manual_seed(seed * 100_003 + epoch)
    order = torch.randperm(n, generator=generator).to(device)
    top, left = (torch.randint(0, 2 * pad + 1, (2, n), generator=generator)).to(device)
    mirrored = (torch.rand(n, generator=generator) < 0.5 * mirror).to(device)
    rows, columns = torch.arange(height, device=device), torch.arange(width, device=device)
    colour = (torch.tensor(fill, device=device) * 255).round().to(torch.uint8)

    for start in range(first * batch_size, n - batch_size + 1, batch_size):
        chosen = order[start : start + batch_size]
        canvas = colour.expand(batch_size, height + 2 * pad, width + 2 * pad, 3).clone()
        canvas[:, pad : pad + height, pad : pad + width] = data.images[chosen]
        y = rows + top[chosen, None]
        x = torch.where(mirrored[chosen, None], columns.flip(0), columns) + left[chosen, None]
        image = torch.arange(batch_size, device=device)[:, None, None]
        yield canvas[image, y[:, :, None], x[:, None, :]].permute(0, 3, 1, 2), data.labels[chosen]


def test_batches(data: ImageSet, batch_size: int) -> Iterator[tuple[Tensor, Tensor]]:
    """The images as they are, in order, the last batch smaller; shapes as in `training_batches`."""
    for start in range(0, len(data), batch_size):
        part = slice(start, start + batch_size)
        yield data.images[part].permute(0, 3, 1, 2), data.labels[part]


def network_input(images: Tensor, resolution: int, mean: Colour, std: Colour) -> Tensor:
    """(B, 3, H, W) uint8 -> float32 (B, 3, resolution, resolution), resized bilinearly, normalised; keeps the memory format."""
    x = images.float().div_(255)
    if x.shape[-1] != resolution:
        x = F.interpolate(x, size=(resolution, resolution), mode="bilinear", antialias=x.shape[-1] > resolution)
    shape = (1, 3, 1, 1)
    return x.sub_(torch.tensor(mean, device=x.device).view(shape)).div_(torch.tensor(std, device=x.device).view(shape))
