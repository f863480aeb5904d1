"""Is a batch made of whole, shifted, mirrored images, each once? Judged by a search with numpy and by torchvision."""

from __future__ import annotations

from itertools import islice, product

import numpy as np
import pytest
import torch
from torch import Tensor
from torchvision.transforms.v2 import functional as transforms

from resnet_core.data.in_memory import Augmentation, ImagesInMemory
from resnet_core.pictures.network_input import network_input

FILL = (0.2, 0.5, 0.8)
PAD = 2


def images(n: int, height: int = 6, width: int = 5) -> ImagesInMemory:
    generator = torch.Generator().manual_seed(0)
    return ImagesInMemory(
        torch.randint(0, 256, (n, height, width, 3), generator=generator, dtype=torch.uint8), torch.arange(n) * 10
    )


def epoch(
    data: ImagesInMemory, number: int = 0, seed: int = 0, batch_size: int = 8, pad: int = PAD
) -> list[tuple[Tensor, Tensor]]:
    how, length = Augmentation(pad, True, FILL, None), len(data) // batch_size
    return list(islice(data.training_batches(how, batch_size, 8, seed, number * length), length))


def possibilities(data: ImagesInMemory) -> dict[bytes, tuple[int, int, int, bool]]:
    """Every image that augmentation may give -> (which image, rows down, columns right, mirrored), one image at a time."""
    found = {}
    for i, image in enumerate(data.images.numpy()):
        height, width, _ = image.shape
        canvas = np.empty((height + 2 * PAD, width + 2 * PAD, 3), np.uint8)
        canvas[...] = (51, 128, 204)  # FILL, of 255
        canvas[PAD : PAD + height, PAD : PAD + width] = image
        for y, x, mirrored in product(range(2 * PAD + 1), range(2 * PAD + 1), (False, True)):
            part = canvas[y : y + height, x : x + width]
            found[(part[:, ::-1] if mirrored else part).tobytes()] = (i, y - PAD, x - PAD, mirrored)
    return found


def test_every_image_is_one_of_the_set_shifted_and_mirrored_with_its_label() -> None:
    data = images(200)
    known = possibilities(data)
    made = [
        (known[image.permute(1, 2, 0).numpy().tobytes()], int(label))
        for xs, ys in epoch(data)
        for image, label in zip(xs, ys, strict=True)
    ]
    assert all(label == 10 * i for (i, *_), label in made)
    assert sorted(i for (i, *_), _ in made) == list(range(200))
    assert {(y, x) for (_, y, x, _), _ in made} == set(product(range(-PAD, PAD + 1), repeat=2))
    assert 70 <= sum(mirrored for (*_, mirrored), _ in made) <= 130  # of 200, four standard deviations


def test_without_padding_images_are_only_mirrored() -> None:
    data = images(16)
    for xs, ys in epoch(data, pad=0):
        for image, label in zip(xs.permute(0, 2, 3, 1), ys, strict=True):
            original = data.images[int(label) // 10]
            assert torch.equal(image, original) or torch.equal(image, original.flip(1))


def test_the_rest_that_fills_no_batch_is_left_out() -> None:
    made = epoch(images(30))
    assert [len(ys) for _, ys in made] == [8, 8, 8]
    assert len({int(label) for _, ys in made for label in ys}) == 24


def test_an_epoch_follows_from_seed_and_number_alone() -> None:
    data = images(32)

    def content(number: int, seed: int) -> bytes:
        return b"".join(xs.numpy().tobytes() + ys.numpy().tobytes() for xs, ys in epoch(data, number, seed))

    torch.manual_seed(1)
    first = content(3, seed=5)
    torch.manual_seed(2)
    before = torch.get_rng_state()
    assert content(3, seed=5) == first
    assert torch.equal(torch.get_rng_state(), before)
    assert len({first, content(4, seed=5), content(3, seed=6), content(5, seed=3)}) == 4


def test_batches_are_bytes_in_channels_last_memory() -> None:
    data = images(8)
    for xs, _ in [*epoch(data), *data.test_batches(8, 8)]:
        assert xs.shape == (8, 3, 6, 5)
        assert xs.dtype == torch.uint8
        assert xs.is_contiguous(memory_format=torch.channels_last)


def test_the_data_are_not_changed() -> None:
    data = images(16)
    epoch(data)
    assert torch.equal(data.images, images(16).images)
    assert torch.equal(data.labels, images(16).labels)


def test_test_batches_are_the_images_in_order_and_all_of_them() -> None:
    data = images(30)
    made = list(data.test_batches(8, 8))
    assert [len(ys) for _, ys in made] == [8, 8, 8, 6]
    assert torch.equal(torch.cat([xs for xs, _ in made]).permute(0, 2, 3, 1), data.images)
    assert torch.equal(torch.cat([ys for _, ys in made]), data.labels)


@pytest.mark.parametrize("resolution", [8, 16, 24])
def test_network_input_is_torchvisions_resize_and_normalise(resolution: int) -> None:
    mean, std = (0.4, 0.5, 0.6), (0.2, 0.25, 0.3)
    ((xs, _),) = images(4, 16, 16).test_batches(4, 16)
    expected = transforms.normalize(
        transforms.resize(transforms.to_dtype(xs, torch.float32, scale=True), [resolution], antialias=True), mean, std
    )
    found = network_input(xs, resolution, mean, std)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)
    assert found.is_contiguous(memory_format=torch.channels_last)


def test_what_lies_outside_an_image_is_nothing_to_the_network() -> None:
    """The fill is the mean colour, and the mean is zero once normalised: within half of one of 255 levels."""
    black = ImagesInMemory(torch.zeros(8, 6, 5, 3, dtype=torch.uint8), torch.zeros(8, dtype=torch.int64))
    ((xs, _),) = epoch(black)
    outside = xs.sum(1, keepdim=True) > 0
    assert outside.any()
    normalised = network_input(xs, 5, FILL, (1.0, 1.0, 1.0))
    assert normalised[outside.expand_as(xs)].abs().max() <= 0.5 / 255 + 1e-6
