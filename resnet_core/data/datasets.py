"""Where do labelled images come from? A name -> a `Dataset` that lies decoded in memory."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from resnet_core.errors import InputError

DATA_FOLDER = "RESNET_LENS_DATA"  # environment variable; without it ./data, as in torchvision's examples


@dataclass(frozen=True)
class ImageSet:
    images: Tensor  # (N, H, W, 3) uint8
    labels: Tensor  # (N,) int64

    def __len__(self) -> int:
        return len(self.labels)

    def to(self, device: torch.device) -> ImageSet:
        return ImageSet(self.images.to(device), self.labels.to(device))


@dataclass(frozen=True)
class Dataset:
    """mean and std are those of the training images' channels, on a scale of 0 to 1."""

    name: str
    title: str  # as a figure's badge prints it
    source: str  # where it comes from, and on what terms
    classes: tuple[str, ...]
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    train: ImageSet
    test: ImageSet


def data_root() -> Path:
    return Path(os.environ.get(DATA_FOLDER, "data"))


def _decode(paths: Sequence[Path], size: int) -> Tensor:
    """The images as (N, size, size, 3) uint8; Pillow decodes outside the interpreter's lock, so threads help."""
    images = np.empty((len(paths), size, size, 3), dtype=np.uint8)

    def decode(i: int) -> None:
        with Image.open(paths[i]) as image:
            images[i] = np.asarray(image.convert("RGB"))

    with ThreadPoolExecutor() as pool:
        for _ in pool.map(decode, range(len(paths)), chunksize=256):
            pass
    return torch.from_numpy(images)


def tiny_imagenet(root: Path) -> Dataset:
    """Tiny-ImageNet: 200 classes, 100,000 training and 10,000 validation images of 64 x 64, in its official layout."""
    folder = root / "tiny-imagenet-200"
    needed = [folder / name for name in ("wnids.txt", "words.txt", "train", "val/val_annotations.txt", "val/images")]
    missing = next((path for path in needed if not path.exists()), None)
    if missing:
        raise InputError(
            f"Tiny-ImageNet is not complete: {missing} is missing; unpack http://cs231n.stanford.edu/tiny-imagenet-200.zip "
            f"in {root.absolute()}, or set {DATA_FOLDER} to the folder that holds tiny-imagenet-200."
        )
    wnids = (folder / "wnids.txt").read_text().split()
    words = dict(line.split("\t", 1) for line in (folder / "words.txt").read_text().splitlines())
    index = {wnid: i for i, wnid in enumerate(wnids)}

    train = [(path, index[wnid]) for wnid in wnids for path in sorted((folder / "train" / wnid / "images").glob("*.JPEG"))]
    rows = [line.split("\t")[:2] for line in (folder / "val/val_annotations.txt").read_text().splitlines()]
    test = [(folder / "val/images" / name, index[wnid]) for name, wnid in rows]
    if len(train) != 100_000 or len(test) != 10_000:
        raise InputError(
            f"Tiny-ImageNet in {folder} is half unpacked: {len(train):,} of 100,000 training and {len(test):,} of 10,000 "
            "validation images; unpack it again."
        )
    return Dataset(
        name="tiny-imagenet",
        title="Tiny-ImageNet",
        source="Tiny-ImageNet (Stanford CS231n, a subset of ILSVRC-2012 at 64 x 64; for non-commercial research and education)",
        classes=tuple(words[wnid].split(",")[0] for wnid in wnids),
        mean=(0.480, 0.448, 0.398),
        std=(0.277, 0.269, 0.282),
        train=ImageSet(_decode([p for p, _ in train], 64), torch.tensor([y for _, y in train])),
        test=ImageSet(_decode([p for p, _ in test], 64), torch.tensor([y for _, y in test])),
    )


DATASETS = {"tiny-imagenet": tiny_imagenet}


def open_dataset(name: str, root: Path | None = None) -> Dataset:
    """The dataset, decoded in memory. Raises InputError for an unknown name, or where files are missing under `root`."""
    if name not in DATASETS:
        raise InputError(f"There is no dataset named {name!r}; known are {', '.join(DATASETS)}.")
    return DATASETS[name](root or data_root())
