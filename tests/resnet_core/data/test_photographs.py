"""Are squares cut out of files as the paper says, and the same for any number of workers? Judged by torchvision, by a search."""

from __future__ import annotations

import os
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor
from torchvision.datasets import ImageNet
from torchvision.transforms import v2

from resnet_core.data.in_memory import ALL, Augmentation
from resnet_core.data.photographs import EIGENVALUES, EIGENVECTORS, Crop, PhotographFolder, _CropDataset, _training_crops
from resnet_core.data.sources import Dataset, open_dataset
from resnet_core.errors import InputError
from tests.support.photographs import WNIDS, make_photographs

SIDES = (18, 30)
HOW = Augmentation(pad=0, mirror=True, fill=(0.5, 0.5, 0.5), sides=SIDES)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_photographs(tmp_path_factory.mktemp("photographs"))


@pytest.fixture
def data(folder: Path) -> Dataset:
    return open_dataset(f"imagenet:{folder}")


def batches(files: PhotographFolder, n: int, workers: int = 0, **more: object) -> list[tuple[Tensor, Tensor]]:
    return list(islice(replace(files, workers=workers).training_batches(HOW, 8, 16, 3, **more), n))


def same(one: list[tuple[Tensor, Tensor]], other: list[tuple[Tensor, Tensor]]) -> bool:
    return len(one) == len(other) and all(
        torch.equal(x, u) and torch.equal(y, v) for (x, y), (u, v) in zip(one, other, strict=True)
    )


def test_batches_are_the_same_for_any_number_of_workers_and_from_any_batch_on(data: Dataset) -> None:
    """Ten batches: over two ends of an epoch, of 36 images or four batches."""
    torch.manual_seed(1)
    expected = batches(data.train, 10)
    before = torch.get_rng_state()
    assert same(batches(data.train, 10, workers=1), expected)
    assert same(batches(data.train, 4, workers=2, first_batch=6), expected[6:])
    assert torch.equal(torch.get_rng_state(), before)
    assert not torch.equal(expected[0][0], expected[4][0])
    assert expected[0][0].shape == (8, 3, 16, 16)
    assert expected[0][0].dtype == torch.uint8
    assert expected[0][0].is_contiguous(memory_format=torch.channels_last)


def test_processes_share_a_batch(data: Dataset) -> None:
    whole = batches(data.train, 5)
    shards = [batches(data.train, 5, shard=slice(rank, None, 2)) for rank in (0, 1)]
    for (images, labels), *parts in zip(whole, *shards, strict=True):
        for rank, (part, its_labels) in enumerate(parts):
            assert torch.equal(part, images[rank::2])
            assert torch.equal(its_labels, labels[rank::2])


def test_every_photograph_comes_once_an_epoch_and_chance_is_even() -> None:
    crops = [crop for batch in islice(_training_crops(2000, HOW, (256, 480), 10, 0, 0, ALL), 200) for crop in batch]
    assert sorted(crop.image for crop in crops) == list(range(2000))
    sides = np.array([crop.shorter_side for crop in crops])
    assert (sides.min(), sides.max()) == (256, 480)
    assert abs(sides.mean() - 368) < 4 * 65 / 2000**0.5  # four standard errors
    assert abs(np.mean([crop.mirrored for crop in crops]) - 0.5) < 4 * 0.5 / 2000**0.5
    places = np.array([crop.place for crop in crops])
    assert places.min() >= 0
    assert places.max() < 1
    assert np.abs(places.mean(0) - 0.5).max() < 4 * 0.29 / 2000**0.5
    assert abs(np.corrcoef(places.T)[0, 1]) < 4 / 2000**0.5


def test_a_square_is_found_in_the_resized_photograph_or_in_its_mirror_image(data: Dataset, folder: Path) -> None:
    squares = _CropDataset(data.train, 16)
    names = [os.fsdecode(name) for name in data.train.names]
    found = set()
    for crop in (crop for batch in islice(_training_crops(36, HOW, SIDES, 4, 0, 0, ALL), 9) for crop in batch):
        with Image.open(folder / names[crop.image]) as file:
            resized = np.asarray(v2.Resize(crop.shorter_side)(file.convert("RGB")))
        assert min(resized.shape[:2]) == crop.shorter_side
        square, label = squares[crop]
        assert names[crop.image].split("/")[1] == WNIDS[label]
        windows = np.lib.stride_tricks.sliding_window_view(resized, (16, 16, 3))[:, :, 0]
        wanted = square.numpy()[:, ::-1] if crop.mirrored else square.numpy()
        matches = np.argwhere((windows == wanted).all((2, 3, 4)))
        assert len(matches) == 1
        found.add((windows.shape[0] - 1 - matches[0][0], matches[0][1]))
    assert any(down == 0 for down, _ in found)  # the last place is reached
    corner = squares[Crop(0, 30, (0.0, 0.0), False)][0]
    with Image.open(folder / names[0]) as file:
        assert np.array_equal(corner, np.asarray(v2.Resize(30)(file.convert("RGB")))[:16, :16])


def test_colours_move_along_the_principal_components_with_their_variances() -> None:
    """Krizhevsky et al. 2012: by the sum of alpha_i lambda_i p_i, with alpha of standard deviation 0.1 for every photograph."""
    vectors = np.array(EIGENVECTORS)
    assert np.abs(vectors.T @ vectors - np.eye(3)).max() < 1e-3
    how = replace(HOW, colour=0.1)
    light = np.array([crop.light for batch in islice(_training_crops(9000, how, SIDES, 10, 0, 0, ALL), 900) for crop in batch])
    alphas = light @ vectors / 255 / EIGENVALUES
    assert np.abs(alphas.mean(0)).max() < 4 * 0.1 / 9000**0.5
    assert np.abs(alphas.std(0) / 0.1 - 1).max() < 4 / 18_000**0.5
    assert np.abs(np.corrcoef(alphas.T) - np.eye(3)).max() < 4 / 9000**0.5


def test_a_square_with_other_colours_is_the_square_moved_and_clipped(data: Dataset) -> None:
    squares, crop = _CropDataset(data.train, 16), Crop(3, 20, (0.5, 0.5), True)
    before = squares[crop][0].numpy().astype(float)
    after = squares[crop._replace(light=(-190.4, 0.2, 190.7))][0].numpy()
    assert np.array_equal(after, np.clip(before + np.array([-190, 0, 191]), 0, 255))
    assert after.min() == 0
    assert after.max() == 255


def test_colours_do_not_change_what_else_chance_decides() -> None:
    plain, coloured = (list(islice(_training_crops(36, how, SIDES, 4, 0, 0, ALL), 9)) for how in (HOW, replace(HOW, colour=0.1)))
    assert coloured != plain
    assert [[crop[:4] for crop in batch] for batch in coloured] == [[crop[:4] for crop in batch] for batch in plain]


def test_test_batches_are_torchvisions_central_crops_in_order(data: Dataset, folder: Path) -> None:
    """The shorter side 256 for a square of 224, here 32 for 28."""
    made = list(replace(data.test, workers=2).test_batches(5, 28))
    assert [len(labels) for _, labels in made] == [5, 5, 2]
    transform = v2.Compose([v2.Resize(32), v2.CenterCrop(28), v2.PILToTensor()])
    files = sorted((folder / "val").rglob("*.JPEG"))
    expected = torch.stack([transform(Image.open(path).convert("RGB")) for path in files])
    assert torch.equal(torch.cat([images for images, _ in made]), expected)
    assert torch.cat([labels for _, labels in made]).tolist() == [0] * 4 + [1] * 4 + [2] * 4


def test_a_folder_is_named_as_its_classes_are(data: Dataset, tmp_path: Path) -> None:
    assert (data.name, data.title, data.classes) == ("imagenet", "ImageNet, 3 of its 1,000 classes", WNIDS)
    pets = make_photographs(tmp_path / "pets", ("cat", "dog"), 2, 1)
    (pets / "dataset.json").write_text('{"title": "Pets", "source": "drawn"}')
    other = open_dataset(f"imagenet:{pets}")
    assert (other.name, other.title, other.source, other.classes) == ("pets", "Pets", "drawn", ("cat", "dog"))
    assert len(open_dataset(f"imagenet:{pets}").train.subset(torch.tensor([3, 0]))) == 2


def test_names_of_classes_are_those_that_torchvision_keeps(tmp_path: Path) -> None:
    make_photographs(tmp_path, train=1, val=1)
    words = {"n01440764": ("tench", "Tinca tinca"), "n02123045": ("tabby", "tabby cat"), "n07930864": ("cup",)}
    torch.save((words, ["n02123045"]), tmp_path / "meta.bin")
    data, peer = open_dataset(f"imagenet:{tmp_path}"), ImageNet(tmp_path, "val")
    assert data.classes == tuple(names[0] for names in peer.classes) == ("tench", "tabby", "cup")
    assert data.test.labels.tolist() == peer.targets


def test_a_thousand_classes_without_meta_bin_have_torchvisions_names(tmp_path: Path) -> None:
    names = tuple(f"n{i:08}" for i in range(1000))
    for part in ("train", "val"):
        for name in names:
            (tmp_path / part / name).mkdir(parents=True)
            (tmp_path / part / name / "0.JPEG").write_bytes(b"")  # never opened here
    data = open_dataset(f"imagenet:{tmp_path}")
    assert (data.title, len(data.classes)) == ("ImageNet", 1000)
    assert (data.classes[0], data.classes[281], data.classes[999]) == ("tench", "tabby", "toilet tissue")


def unsorted(folder: Path) -> None:
    for path in list((folder / "val").rglob("*.JPEG")):
        path.rename(folder / "val" / f"{path.parent.name}-{path.name}")
    for path in [path for path in (folder / "val").iterdir() if path.is_dir()]:
        path.rmdir()


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda folder: (folder / "train").rename(folder / "training"), "ILSVRC2012_img_train.tar"),
        (lambda folder: (folder / "val/n02123045").rename(folder / "val/n02123046"), "differ: n02123045, n02123046"),
        (lambda folder: (folder / "meta.bin").write_bytes(b"words"), "ILSVRC2012_devkit_t12.tar.gz"),
        (unsorted, "https://image-net.org"),
    ],
)
def test_what_is_not_imagenet_is_refused_in_one_sentence(tmp_path: Path, spoil, says: str) -> None:
    spoil(make_photographs(tmp_path, train=1, val=1))
    with pytest.raises(InputError) as caught:
        open_dataset(f"imagenet:{tmp_path}")
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("workers", [0, 2])
def test_a_broken_photograph_is_named_in_one_sentence(tmp_path: Path, workers: int) -> None:
    broken = make_photographs(tmp_path, train=3, val=1) / "train/n02123045/01.JPEG"
    broken.write_bytes(broken.read_bytes()[:300])
    with pytest.raises(InputError, match=rf"^{broken} is not a picture that can be read \([^\n]*\); [^\n]*\.$"):
        batches(open_dataset(f"imagenet:{tmp_path}").train, 1, workers)


def test_images_of_one_size_and_photographs_are_not_mixed_up(data: Dataset) -> None:
    with pytest.raises(InputError, match=r"^The recipe is for images of one size; [^\n]*\.$"):
        data.train.training_batches(replace(HOW, sides=None), 8, 16, 0)
    with pytest.raises(InputError, match=r"^The recipe is for photographs of any size; [^\n]*\.$"):
        open_dataset("digits").train.training_batches(HOW, 8, 16, 0)
    with pytest.raises(InputError, match=r"^The recipe is for photographs of any size; [^\n]*\.$"):
        open_dataset("digits").train.training_batches(replace(HOW, sides=None, colour=0.1), 8, 16, 0)
