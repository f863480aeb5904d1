"""Where do labelled images come from? A name -> a `Dataset`."""

from __future__ import annotations

import json
import os
import pickle
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from resnet_core.assets import DATA
from resnet_core.data import synthetic as shapes
from resnet_core.data.in_memory import Colour, Images, ImageSet
from resnet_core.data.photographs import ImageFiles, decode, opened
from resnet_core.errors import InputError

IMAGENET_CLASSES = 1000
DATA_FOLDER = "RESNET_LENS_DATA"  # environment variable; without it ./data, as in torchvision's examples


@dataclass(frozen=True)
class Dataset:
    """mean and std are those of the training images' channels, on a scale of 0 to 1."""

    name: str
    title: str  # as a figure's badge prints it
    source: str  # where it comes from, and on what terms
    classes: tuple[str, ...]
    mean: Colour
    std: Colour
    train: Images
    test: Images

    @property
    def digest(self) -> str:
        """Of training and test images, as `Images.digest`: what tells data of one name apart."""
        return f"{self.train.digest}-{self.test.digest}"


def data_root() -> Path:
    return Path(os.environ.get(DATA_FOLDER, "data"))


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
    words = dict(line.split("\t", 1) for line in (folder / "words.txt").read_text().splitlines() if "\t" in line)
    index = {wnid: i for i, wnid in enumerate(wnids)}

    train = [(path, index[wnid]) for wnid in wnids for path in sorted((folder / "train" / wnid / "images").glob("*.JPEG"))]
    rows = [line.split("\t")[:2] for line in (folder / "val/val_annotations.txt").read_text().splitlines() if "\t" in line]
    test = [(folder / "val/images" / name, index[wnid]) for name, wnid in rows if wnid in index]
    named = sum(wnid in words for wnid in wnids)
    if (len(train), len(test), named) != (100_000, 10_000, 200):
        raise InputError(
            f"Tiny-ImageNet in {folder} is half unpacked: {len(train):,} of 100,000 training and {len(test):,} of 10,000 "
            f"validation images, names of {named} of 200 classes; unpack it again."
        )
    return Dataset(
        name="tiny-imagenet",
        title="Tiny-ImageNet",
        source="Tiny-ImageNet (Stanford CS231n, a subset of ILSVRC-2012 at 64 x 64; for non-commercial research and education)",
        classes=tuple(words[wnid].split(",")[0] for wnid in wnids),
        mean=(0.480, 0.448, 0.398),
        std=(0.277, 0.269, 0.282),
        train=ImageSet(decode([p for p, _ in train], 64), torch.tensor([y for _, y in train])),
        test=ImageSet(decode([p for p, _ in test], 64), torch.tensor([y for _, y in test])),
    )


def digits(_root: Path) -> Dataset:
    """The 1,797 handwritten digits of 8 x 8 that come with the project: the last 297 in the file's order are the test images."""
    table = np.loadtxt(DATA / "digits.csv.gz", delimiter=",", dtype=np.uint8)
    images = np.round(table[:, :64].reshape(-1, 8, 8, 1) * (255 / 16)).astype(np.uint8).repeat(3, axis=3)
    labels = torch.from_numpy(table[:, 64].astype(np.int64))
    train, test = (ImageSet(torch.from_numpy(images[part]), labels[part]) for part in (slice(0, 1500), slice(1500, None)))
    return Dataset(
        name="digits",
        title="handwritten digits",
        source="Optical Recognition of Handwritten Digits (Alpaydin and Kaynak 1998, UCI Machine Learning Repository, CC BY 4.0)",
        classes=tuple("0123456789"),
        **_statistics(train),
        train=train,
        test=test,
    )


def synthetic(_root: Path) -> Dataset:
    """5,000 training and 1,000 test images of `shapes.draw`, with which everything can be tried at once."""
    train, test = (ImageSet(*shapes.draw(n, seed)) for n, seed in ((5000, 0), (1000, 1)))
    return Dataset(
        name="synthetic",
        title="drawn shapes (synthetic)",
        source="Made by the program itself: eight shapes in random places, sizes and colours, on noise; no photographs",
        classes=tuple(shapes.SHAPES),
        **_statistics(train),
        train=train,
        test=test,
    )


def cifar(root: Path, classes: int) -> Dataset:
    """CIFAR-10 or CIFAR-100: 50,000 training and 10,000 test images of 32 x 32, as `torchvision.datasets` reads them."""
    from torchvision.datasets import CIFAR10, CIFAR100

    kind, folder = (CIFAR10, "cifar-10-batches-py") if classes == 10 else (CIFAR100, "cifar-100-python")
    try:
        parts = [kind(root, train=part) for part in (True, False)]
    except (RuntimeError, OSError):
        raise InputError(
            f"CIFAR-{classes} is not in {root.absolute()}, or not whole; unpack {kind.url} there, or set {DATA_FOLDER} to the "
            f"folder that holds {folder}."
        ) from None
    train, test = (ImageSet(torch.from_numpy(part.data), torch.tensor(part.targets)) for part in parts)
    return Dataset(
        name=f"cifar{classes}",
        title=f"CIFAR-{classes}",
        source=f"CIFAR-{classes} (Krizhevsky 2009, Learning Multiple Layers of Features from Tiny Images)",
        classes=tuple(parts[0].classes),
        **_statistics(train),
        train=train,
        test=test,
    )


def image_folder(folder: Path) -> Dataset:
    """Any folder of images of one size: `train` and `test` (or `val`) in it, in each a folder a class, with the same names.

    A file `dataset.json` in it may say its "title" and its "source" (where it comes from, and on what terms).
    """
    folder = folder.absolute()  # of which "." has a name too
    tests = [folder / name for name in ("test", "val") if (folder / name).is_dir()]
    if not (folder / "train").is_dir() or not tests:
        raise InputError(f"{folder} needs the folders train and test (or val), and in each of them one folder of images a class.")
    title, source = _card(folder)
    names = [sorted(path.name for path in part.iterdir() if path.is_dir()) for part in (folder / "train", tests[0])]
    _same_classes(folder / "train", tests[0], *names)
    sets = []
    for part in (folder / "train", tests[0]):
        files = [(path, y) for y, name in enumerate(names[0]) for path in _visible(part / name)]
        if not files:
            raise InputError(f"There is no image in {part}.")
        with opened(files[0][0]) as first:
            side = first.size[0]
        sets.append(ImageSet(decode([path for path, _ in files], side), torch.tensor([y for _, y in files])))
    train, test = sets
    return Dataset(
        name=folder.name,
        title=title,
        source=source,
        classes=tuple(names[0]),
        **_statistics(train),
        train=train,
        test=test,
    )


def imagenet(folder: Path) -> Dataset:
    """ImageNet (ILSVRC-2012) as torchvision unpacks it: train/<class>/ and val/<class>/ with photographs of any size.

    Any other photographs in such folders too, with a `dataset.json` as in `image_folder`. They stay in their files. mean and std
    are those of ImageNet that everybody uses. Classes are called by the first name in meta.bin, where torchvision has left it, or
    else, if they are ImageNet's 1,000, by torchvision's names.
    """
    from torchvision.datasets import ImageFolder, ImageNet

    has_names = (folder / "meta.bin").exists()
    try:
        train, test = (ImageNet(folder, part) if has_names else ImageFolder(folder / part) for part in ("train", "val"))
    except (OSError, RuntimeError, KeyError, ValueError, pickle.UnpicklingError):
        raise InputError(
            f"{folder.absolute()} is not ImageNet unpacked: it needs train/<class>/ and val/<class>/ with photographs; get "
            "ILSVRC2012_devkit_t12.tar.gz, ILSVRC2012_img_train.tar and ILSVRC2012_img_val.tar from "
            "https://image-net.org/challenges/LSVRC/2012/2012-downloads.php, put them there, and let "
            "torchvision.datasets.ImageNet(folder, split) unpack them, once with the split train and once with val."
        ) from None
    folders = [sorted(path.name for path in (folder / part).iterdir() if path.is_dir()) for part in ("train", "val")]
    _same_classes(folder / "train", folder / "val", *folders)
    synsets = _are_synsets(folders[0])
    if has_names:
        classes = tuple(names[0] for names in train.classes)
    elif synsets and len(folders[0]) == IMAGENET_CLASSES:
        from torchvision.models import ResNet34_Weights

        classes = tuple(ResNet34_Weights.IMAGENET1K_V1.meta["categories"])
    else:
        classes = tuple(folders[0])
    if synsets:
        few = "" if len(classes) == IMAGENET_CLASSES else f", {len(classes)} of its 1,000 classes"
        title, source = f"ImageNet{few}", "ILSVRC-2012 (image-net.org; for non-commercial research and education)"
    else:
        title, source = _card(folder)
    files = [
        ImageFiles(
            root=folder,
            names=np.array([os.fsencode(os.path.relpath(path, folder)) for path, _ in part.samples]),
            labels=torch.tensor(part.targets),
        )
        for part in (train, test)
    ]
    return Dataset(
        name="imagenet" if synsets else folder.name,
        title=title,
        source=source,
        classes=classes,
        mean=(0.485, 0.456, 0.406),
        std=(0.229, 0.224, 0.225),
        train=files[0],
        test=files[1],
    )


def _class_folders(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []


def _are_synsets(names: list[str]) -> bool:
    return bool(names) and all(re.fullmatch(r"n\d{8}", name) for name in names)


def _visible(folder: Path) -> list[Path]:
    """The files in it, without those that systems leave there, such as .DS_Store."""
    return sorted(path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))


def _same_classes(train: Path, test: Path, names: list[str], others: list[str]) -> None:
    if names != others or not names:
        different = sorted(set(names) ^ set(others))
        raise InputError(f"The classes of {train} and {test} differ: {', '.join(different[:5]) or 'there are none'}.")


def _card(folder: Path) -> tuple[str, str]:
    """Title and source of a folder of images."""
    path = folder / "dataset.json"
    try:
        card = json.loads(path.read_text()) if path.exists() else {}
        if not (isinstance(card, dict) and all(isinstance(value, str) for value in card.values())):
            raise ValueError
    except ValueError:
        raise InputError(f'{path} must hold {{"title": "…", "source": "…"}}; correct it, or remove it.') from None
    title, source = f"{folder.name} (a folder of images)", f"the image folder {folder.name}"
    return card.get("title", title), card.get("source", source)


def _statistics(train: ImageSet) -> dict[str, Colour]:
    """mean and std of the channels; in whole numbers, a batch at a time, so that no digit depends on the machine."""
    total, squares = torch.zeros(3, dtype=torch.int64), torch.zeros(3, dtype=torch.int64)
    for part in torch.split(train.images, 4096):
        values = part.flatten(0, 2).to(torch.int64)
        total += values.sum(0)
        squares += (values * values).sum(0)
    n = train.images.shape[:3].numel()
    mean = [int(t) / n / 255 for t in total]
    std = [(int(q) / n / 255**2 - m * m) ** 0.5 for q, m in zip(squares, mean, strict=True)]
    return {"mean": (mean[0], mean[1], mean[2]), "std": (std[0], std[1], std[2])}


DATASETS: dict[str, Callable[[Path], Dataset]] = {
    "digits": digits,
    "synthetic": synthetic,
    "cifar10": lambda root: cifar(root, 10),
    "cifar100": lambda root: cifar(root, 100),
    "tiny-imagenet": tiny_imagenet,
}


def _folder_of(reference: str) -> Path:
    """The folder of `folder:PATH` or `imagenet:PATH`. Raises InputError for the home of an unknown user."""
    path = reference.partition(":")[2]
    try:
        return Path(path).expanduser().absolute()  # absolute: "." has a name too
    except RuntimeError:
        raise InputError(f"There is no home folder for {path}; write the whole path.") from None


def dataset_name(reference: str) -> str:
    """Return the name of the dataset that `open_dataset` opens, without opening it. Raises InputError for an unknown name."""
    if reference.startswith("folder:"):
        return _folder_of(reference).name
    if reference.startswith("imagenet:"):
        folder = _folder_of(reference)
        return "imagenet" if _are_synsets(_class_folders(folder / "train")) else folder.name
    if reference not in DATASETS:
        known = f"known are {', '.join(DATASETS)}, folder:PATH and imagenet:PATH."
        raise InputError(f"There is no dataset named {reference!r}; {known}")
    return reference


def open_dataset(name: str, root: Path | None = None) -> Dataset:
    """Open a dataset: one of DATASETS or `folder:PATH`, decoded in memory, or `imagenet:PATH`, which stays in its files.

    Raises:
        InputError: The name is unknown, files are missing under `root`, or nothing can be trained on what is there.
    """
    dataset_name(name)
    if name.startswith("folder:"):
        return image_folder(_folder_of(name))
    if name.startswith("imagenet:"):
        return imagenet(_folder_of(name))
    return DATASETS[name](root or data_root())
