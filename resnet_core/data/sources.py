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
from resnet_core.data.everyday import CLASSES, held_out
from resnet_core.data.folders import Labelled, PictureFolder, class_folders, list_pictures, one_side
from resnet_core.data.in_memory import Colour, ImagesInMemory, ImageSource
from resnet_core.data.photographs import PhotographFolder, read_images, shown_name
from resnet_core.errors import InputError

IMAGENET_CLASSES = 1000
FLAT = 1e-9  # a channel's variance on a scale of 0 to 1, below which it is one value and rounding
LONGEST_LINE = 1000  # characters of a title or a source
TINY_IMAGENET = "Tiny-ImageNet (Stanford CS231n, a subset of ILSVRC-2012 at 64 x 64; for non-commercial research and education)"
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
    train: ImageSource
    test: ImageSource

    @property
    def digest(self) -> str:
        """Return the digests of training and test images, by which two data sets of one name differ."""
        return f"{self.train.digest}-{self.test.digest}"


def data_root() -> Path:
    return Path(os.environ.get(DATA_FOLDER, "data"))


def _list_tiny_imagenet(root: Path) -> PictureFolder:
    """Tiny-ImageNet's files and labels, in its official layout. Raises InputError where some are missing."""
    folder = root / "tiny-imagenet-200"
    needed = [folder / name for name in ("wnids.txt", "words.txt", "train", "val/val_annotations.txt", "val/images")]
    missing = next((path for path in needed if not path.exists()), None)
    if missing:
        raise InputError(
            f"Tiny-ImageNet is not complete: {missing} is missing; unpack http://cs231n.stanford.edu/tiny-imagenet-200.zip "
            f"in {root.absolute()}, or set {DATA_FOLDER} to the folder that holds tiny-imagenet-200."
        )
    wnids = (folder / "wnids.txt").read_text(encoding="utf-8-sig").split()
    words = dict(
        line.split("\t", 1) for line in (folder / "words.txt").read_text(encoding="utf-8-sig").splitlines() if "\t" in line
    )
    index = {wnid: i for i, wnid in enumerate(wnids)}

    train = [(path, index[wnid]) for wnid in wnids for path in sorted((folder / "train" / wnid / "images").glob("*.JPEG"))]
    rows = [
        line.split("\t")[:2]
        for line in (folder / "val/val_annotations.txt").read_text(encoding="utf-8-sig").splitlines()
        if "\t" in line
    ]
    test = [(folder / "val/images" / name, index[wnid]) for name, wnid in rows if wnid in index]
    named = sum(wnid in words for wnid in wnids)
    if (len(train), len(test), named) != (100_000, 10_000, 200):
        raise InputError(
            f"Tiny-ImageNet in {folder} is half unpacked: {len(train):,} of 100,000 training and {len(test):,} of 10,000 "
            f"validation images, names of {named} of 200 classes; unpack it again."
        )
    return PictureFolder(train, test, tuple(words[wnid].split(",")[0] for wnid in wnids))


def _decoded(pictures: Labelled, side: int) -> ImagesInMemory:
    return ImagesInMemory(read_images([path for path, _ in pictures], side), torch.tensor([label for _, label in pictures]))


def tiny_imagenet(root: Path) -> Dataset:
    """Tiny-ImageNet: 200 classes, 100,000 training and 10,000 validation images of 64 x 64, in its official layout."""
    listed = _list_tiny_imagenet(root)
    return Dataset(
        name="tiny-imagenet",
        title="Tiny-ImageNet",
        source=TINY_IMAGENET,
        classes=listed.classes,
        mean=(0.480, 0.448, 0.398),
        std=(0.277, 0.269, 0.282),
        train=_decoded(listed.train, 64),
        test=_decoded(listed.test, 64),
    )


def everyday(root: Path, test_on_held_out: bool = False) -> Dataset:
    """Fifty everyday classes of Tiny-ImageNet (`everyday.EVERYDAY`): 22,500 images to train on, 2,500 to test on.

    Args:
        test_on_held_out: Test on the training images that `everyday.held_out` sets aside, by which learning rates are chosen;
            otherwise on the official validation images.
    """
    listed = _list_tiny_imagenet(root)
    label_of = {listed.classes.index(name): label for label, name in enumerate(CLASSES)}
    train, test = ([(path, label_of[y]) for path, y in part if y in label_of] for part in (listed.train, listed.test))
    aside = held_out([label for _, label in train]).tolist()
    kept = _decoded([picture for picture, away in zip(train, aside, strict=True) if not away], 64)
    if test_on_held_out:
        test = [picture for picture, away in zip(train, aside, strict=True) if away]
    return Dataset(
        name="everyday-held-out" if test_on_held_out else "everyday",
        title="50 everyday classes of Tiny-ImageNet" + (", tested on held-out training images" if test_on_held_out else ""),
        source=TINY_IMAGENET,
        classes=CLASSES,
        **_statistics(kept),
        train=kept,
        test=_decoded(test, 64),
    )


def digits(_root: Path) -> Dataset:
    """The 1,797 handwritten digits of 8 x 8 that come with the project: the last 297 in the file's order are the test images."""
    table = np.loadtxt(DATA / "digits.csv.gz", delimiter=",", dtype=np.uint8)
    images = np.round(table[:, :64].reshape(-1, 8, 8, 1) * (255 / 16)).astype(np.uint8).repeat(3, axis=3)
    labels = torch.from_numpy(table[:, 64].astype(np.int64))
    train, test = (ImagesInMemory(torch.from_numpy(images[part]), labels[part]) for part in (slice(0, 1500), slice(1500, None)))
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
    train, test = (ImagesInMemory(*shapes.draw(n, seed)) for n, seed in ((5000, 0), (1000, 1)))
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
    train, test = (ImagesInMemory(torch.from_numpy(part.data), torch.tensor(part.targets)) for part in parts)
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
    """Open a folder of images of one size, laid out as train/<class>/ and test/<class>/ (or val/<class>/).

    An optional `dataset.json` in the folder has the "title" and the "source": origin and terms of use.
    """
    folder = folder.absolute()  # of which "." has a name too
    tests = [folder / name for name in ("test", "val") if (folder / name).is_dir()]
    if not (folder / "train").is_dir() or not tests:
        raise InputError(f"{folder} needs the folders train and test (or val), and in each of them one folder of images a class.")
    title, source = _card(folder)
    listed = list_pictures(folder / "train", tests[0])
    side = one_side(folder, [*listed.train, *listed.test])
    sets = [
        ImagesInMemory(read_images([path for path, _ in part], side), torch.tensor([label for _, label in part]))
        for part in (listed.train, listed.test)
    ]
    train, test = sets
    return Dataset(
        name=shown_name(folder.name),
        title=title,
        source=source,
        classes=listed.classes,
        **_statistics(train),
        train=train,
        test=test,
    )


def imagenet(folder: Path) -> Dataset:
    """ImageNet (ILSVRC-2012) as torchvision unpacks it: train/<class>/ and val/<class>/ with photographs of any size.

    Accepts other photographs in such folders too, with an optional `dataset.json` as in `image_folder`. Every epoch decodes the
    files anew. mean and std are the usual ones of ImageNet. A class is called by its first name in torchvision's meta.bin if that
    is there; otherwise, if the classes are ImageNet's 1,000, by torchvision's names; otherwise by its folder.
    """
    from torchvision.datasets.folder import IMG_EXTENSIONS
    from torchvision.datasets.imagenet import load_meta_file

    folder = folder.absolute()
    val = next((folder / name for name in ("val", "test") if (folder / name).is_dir()), folder / "val")
    if not ((folder / "train").is_dir() and class_folders(folder / "train") and val.is_dir() and class_folders(val)):
        raise _not_imagenet(folder)
    names_of: dict[str, tuple[str, ...]] = {}
    if (folder / "meta.bin").exists():
        try:
            names_of = load_meta_file(folder)[0]
        except (OSError, RuntimeError, KeyError, ValueError, pickle.UnpicklingError):
            raise _not_imagenet(folder) from None
    listed = list_pictures(folder / "train", val, IMG_EXTENSIONS)
    synsets = _are_synsets(list(listed.classes))
    if names_of and all(name in names_of for name in listed.classes):
        classes = tuple(names_of[name][0] for name in listed.classes)
    elif synsets and len(listed.classes) == IMAGENET_CLASSES:
        from torchvision.models import ResNet34_Weights

        classes = tuple(ResNet34_Weights.IMAGENET1K_V1.meta["categories"])
    else:
        classes = listed.classes
    if synsets:
        few = "" if len(classes) == IMAGENET_CLASSES else f", {len(classes)} of its 1,000 classes"
        title, source = f"ImageNet{few}", "ILSVRC-2012 (image-net.org; for non-commercial research and education)"
    else:
        title, source = _card(folder)
    files = [
        PhotographFolder(
            root=folder,
            names=np.array([os.fsencode(os.path.relpath(path, folder)) for path, _ in part]),
            labels=torch.tensor([label for _, label in part]),
        )
        for part in (listed.train, listed.test)
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


def _not_imagenet(folder: Path) -> InputError:
    return InputError(
        f"{folder} is not ImageNet unpacked: it needs train/<class>/ and val/<class>/ with photographs; get "
        "ILSVRC2012_devkit_t12.tar.gz, ILSVRC2012_img_train.tar and ILSVRC2012_img_val.tar from "
        "https://image-net.org/challenges/LSVRC/2012/2012-downloads.php, put them there, and let "
        "torchvision.datasets.ImageNet(folder, split) unpack them, once with the split train and once with val."
    )


def _are_synsets(names: list[str]) -> bool:
    return bool(names) and all(re.fullmatch(r"n\d{8}", name) for name in names)


def _card(folder: Path) -> tuple[str, str]:
    """Title and source of a folder of images."""
    path = folder / "dataset.json"
    try:
        card = json.loads(path.read_text(encoding="utf-8-sig")) if path.exists() else {}
        if not (isinstance(card, dict) and all(isinstance(value, str) and _is_line(value) for value in card.values())):
            raise ValueError
    except (ValueError, OSError, RecursionError):
        words = f'{{"title": "…", "source": "…"}}, lines of at most {LONGEST_LINE} characters'
        raise InputError(f"{path} must hold {words}; correct it, or remove it.") from None
    name = shown_name(folder.name)
    return card.get("title", f"{name} (a folder of images)"), card.get("source", f"the image folder {name}")


def _is_line(text: str) -> bool:
    return text.isprintable() and 0 < len(text.strip()) <= LONGEST_LINE


def _statistics(train: ImagesInMemory) -> dict[str, Colour]:
    """mean and std of the channels; in whole numbers, a batch at a time, so that no digit depends on the machine."""
    total, squares = torch.zeros(3, dtype=torch.int64), torch.zeros(3, dtype=torch.int64)
    for part in torch.split(train.images, 4096):
        values = part.flatten(0, 2).to(torch.int64)
        total += values.sum(0)
        squares += (values * values).sum(0)
    n = train.images.shape[:3].numel()
    mean = [int(t) / n / 255 for t in total]
    variance = [int(q) / n / 255**2 - m * m for q, m in zip(squares, mean, strict=True)]
    if max(variance) < FLAT:
        raise InputError("All training images have one colour; there is nothing that a network could learn.")
    std = [v**0.5 if v >= FLAT else 1.0 for v in variance]  # of a channel that never changes nothing is left to scale
    return {"mean": (mean[0], mean[1], mean[2]), "std": (std[0], std[1], std[2])}


DATASETS: dict[str, Callable[[Path], Dataset]] = {
    "digits": digits,
    "synthetic": synthetic,
    "cifar10": lambda root: cifar(root, 10),
    "cifar100": lambda root: cifar(root, 100),
    "tiny-imagenet": tiny_imagenet,
    "everyday": everyday,
    "everyday-held-out": lambda root: everyday(root, test_on_held_out=True),
}


def _folder_of(reference: str) -> Path:
    """The folder of `folder:PATH` or `imagenet:PATH`. Raises InputError for the home of an unknown user."""
    path = reference.partition(":")[2]
    try:
        folder = Path(path).expanduser().absolute()  # absolute: "." has a name too
        folder.exists()
    except RuntimeError:
        raise InputError(f"There is no home folder for {path}; write the whole path.") from None
    except OSError as error:  # too long a name, a folder that may not be looked into
        raise InputError(f"{shown_name(path)[:300]} cannot be read ({error.strerror}); choose another folder.") from None
    return folder


def dataset_name(reference: str) -> str:
    """Return the name of the dataset that `open_dataset` opens, without opening it. Raises InputError for an unknown name."""
    if reference.startswith("folder:"):
        return shown_name(_folder_of(reference).name)
    if reference.startswith("imagenet:"):
        folder = _folder_of(reference)
        return (
            "imagenet"
            if (folder / "train").is_dir() and _are_synsets(class_folders(folder / "train"))
            else shown_name(folder.name)
        )
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
