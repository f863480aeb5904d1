"""How do images become batches? Reproducible from (seed, epoch) alone. Decoded ones are made here, on their device."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from typing import Protocol

import torch
from torch import Tensor

from resnet_core.errors import InputError

Colour = tuple[float, float, float]
Batch = tuple[Tensor, Tensor]  # images (B, 3, H, W) uint8 in channels_last memory, labels (B,)
ALL = slice(None)


@dataclass(frozen=True)
class Augmentation:
    """What chance does to the training images; a recipe says how much.

    `fill` (0 to 1) is the colour outside the image: the mean, which is zero once normalised, as in section 4.2 of the paper.
    """

    pad: int  # pixels
    mirror: bool  # half of the time
    fill: Colour
    sides: tuple[int, int] | None  # pixels, see Recipe
    # every photograph's pixels are moved along the principal components of ImageNet's colours, by a multiple of each one's
    # eigenvalue that has this standard deviation (Krizhevsky et al. 2012, section 4.1)
    colour: float = 0.0


class ImageSource(Protocol):
    """Labelled images, in memory or in files, and the batches that are made of them."""

    def __len__(self) -> int: ...

    @property
    def side(self) -> int:
        """Side in pixels of the square that a network sees."""

    @property
    def digest(self) -> str:
        """Return a CRC-32 in hexadecimal: of pixels and labels, or of the names, labels and sizes of files."""

    def to(self, device: torch.device) -> ImageSource:
        """Return the same images, with batches on the device."""

    def subset(self, indices: Tensor) -> ImageSource:
        """Return the images with these indices (N,), in their order."""

    def training_batches(
        self, augmentation: Augmentation, batch_size: int, resolution: int, seed: int, first_batch: int = 0, shard: slice = ALL
    ) -> Iterator[Batch]:
        """Yield augmented batches without end, every epoch in a new random order; images that fill no batch are left out.

        Args:
            resolution: what the network takes, for images that are resized anyway.
            first_batch: where to begin, counted over all epochs.
            shard: which images of every batch.

        Raises:
            InputError: At once, if the augmentation is not one for such images.
        """

    def test_batches(self, batch_size: int, resolution: int) -> Iterator[Batch]:
        """Yield the images as they are, in order; the last batch is smaller."""


def epochs(
    n: int, batch_size: int, seed: int, first_batch: int, shard: slice
) -> Iterator[tuple[torch.Generator, Iterator[Tensor]]]:
    """Yield, for every epoch from that of `first_batch` on, its random generator and the indices (B,) of its batches."""
    length = n // batch_size
    for epoch in count(first_batch // length):
        generator = torch.Generator().manual_seed(seed * 100_003 + epoch)
        order = torch.randperm(n, generator=generator)
        begin = max(0, first_batch - epoch * length)
        yield generator, (part[shard] for part in torch.split(order[: length * batch_size], batch_size)[begin:])


@dataclass(frozen=True)
class ImagesInMemory:
    """Images of one size, decoded in memory."""

    images: Tensor  # (N, H, W, 3) uint8
    labels: Tensor  # (N,) int64

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def side(self) -> int:
        return self.images.shape[1]

    @property
    def digest(self) -> str:
        return f"{zlib.crc32(self.labels.cpu().numpy().data, zlib.crc32(self.images.cpu().contiguous().numpy().data)):08x}"

    def to(self, device: torch.device) -> ImagesInMemory:
        return ImagesInMemory(self.images.to(device), self.labels.to(device))

    def subset(self, indices: Tensor) -> ImagesInMemory:
        indices = indices.to(self.labels.device)
        return ImagesInMemory(self.images[indices], self.labels[indices])

    def training_batches(
        self, augmentation: Augmentation, batch_size: int, resolution: int, seed: int, first_batch: int = 0, shard: slice = ALL
    ) -> Iterator[Batch]:
        """As in `ImageSource`: each image shifted by at most `pad` pixels and, with `mirror`, mirrored half of the time."""
        if augmentation.sides or augmentation.colour:
            raise InputError(f"The recipe is for photographs of any size; choose another one for images of {self.side} pixels.")
        return self._shifted(augmentation, batch_size, seed, first_batch, shard)

    def _shifted(self, augmentation: Augmentation, batch_size: int, seed: int, first_batch: int, shard: slice) -> Iterator[Batch]:
        device, (n, height, width, _), pad = self.images.device, self.images.shape, augmentation.pad
        rows, columns = torch.arange(height, device=device), torch.arange(width, device=device)
        colour = (torch.tensor(augmentation.fill, device=device) * 255).round().to(torch.uint8)
        for generator, batches in epochs(n, batch_size, seed, first_batch, shard):
            top, left = (torch.randint(0, 2 * pad + 1, (2, n), generator=generator)).to(device)
            mirrored = (torch.rand(n, generator=generator) < 0.5 * augmentation.mirror).to(device)
            for indices in batches:
                chosen = indices.to(device)
                canvas = colour.expand(len(chosen), height + 2 * pad, width + 2 * pad, 3).clone()
                canvas[:, pad : pad + height, pad : pad + width] = self.images[chosen]
                y = rows + top[chosen, None]
                x = torch.where(mirrored[chosen, None], columns.flip(0), columns) + left[chosen, None]
                image = torch.arange(len(chosen), device=device)[:, None, None]
                yield canvas[image, y[:, :, None], x[:, None, :]].permute(0, 3, 1, 2), self.labels[chosen]

    def test_batches(self, batch_size: int, resolution: int) -> Iterator[Batch]:
        for start in range(0, len(self), batch_size):
            part = slice(start, start + batch_size)
            yield self.images[part].permute(0, 3, 1, 2), self.labels[part]
