"""What lies in a folder of labelled pictures? It is looked at as a whole before anything is trained on it."""

from __future__ import annotations

import os
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from resnet_core.data.photographs import picture_size, shown_name
from resnet_core.errors import InputError

MIN_SIDE = 8  # pixels that a network needs
SYSTEM_FILES = {"thumbs.db", "desktop.ini"}  # what a system leaves in folders, besides what is hidden
SYSTEM_FOLDERS = {"__MACOSX", "@eaDir"}
Labelled = list[tuple[Path, int]]


@dataclass(frozen=True)
class PictureFolder:
    """The pictures of a training set and a test set, each with the index of its class."""

    train: Labelled
    test: Labelled
    classes: tuple[str, ...]


def class_folders(part: Path) -> list[str]:
    """Return the names of the class folders in `part`, in order, without hidden ones. Raises InputError if it is unreadable."""
    try:
        return sorted(
            path.name
            for path in part.iterdir()
            if path.is_dir() and not path.name.startswith(".") and path.name not in SYSTEM_FOLDERS
        )
    except OSError as error:
        raise InputError(f"{part} cannot be read ({error.strerror}); allow it, or choose another folder.") from None


def list_pictures(train: Path, test: Path, endings: tuple[str, ...] = ()) -> PictureFolder:
    """List the pictures of two folders that hold a folder for each class; sub-folders of a class belong to it.

    Args:
        endings: Lower-case endings of the files to list; empty: all that are not hidden.

    Raises:
        InputError: The classes differ, there are fewer than two, one is empty, or a name is not UTF-8.
    """
    names = class_folders(train)
    others = class_folders(test)
    for part, classes in ((train, names), (test, others)):
        if not classes:
            raise InputError(f"{part} has no folder of a class; put the images of each class into a folder of its own there.")
    if names != others:
        different = ", ".join(map(shown_name, sorted(set(names) ^ set(others))[:5]))
        raise InputError(
            f"The classes of {train} and {test} differ: {different}; each class needs a folder of that name in both."
        )
    for name in names:
        if not name.isprintable():  # nor what is not UTF-8, which no file of weights could say
            raise InputError(
                f"The folder {shown_name(name)} in {train} is not named in printable UTF-8; rename it, in {test.name} too."
            )
    if len(names) == 1:
        raise InputError(f"{train} has a single class, {names[0]}; a network needs at least two to tell apart.")
    parts = [
        [(path, label) for label, name in enumerate(names) for path in _pictures(part / name, endings)] for part in (train, test)
    ]
    for part, pictures in zip((train, test), parts, strict=True):
        counts = Counter(label for _, label in pictures)
        empty = [name for label, name in enumerate(names) if not counts[label]]
        if empty:
            which = f"The class {empty[0]}" if len(empty) == 1 else f"The classes {', '.join(empty[:5])}"
            verb = "has" if len(empty) == 1 else "have"
            raise InputError(f"{which} in {part} {verb} no image; add some, or remove the class from train and {test.name}.")
    return PictureFolder(parts[0], parts[1], tuple(names))


def _pictures(folder: Path, endings: tuple[str, ...]) -> list[Path]:
    def refuse(error: OSError) -> None:
        raise InputError(f"{error.filename} cannot be read ({error.strerror}); allow it, or remove it.") from None

    pictures, seen = [], set()
    for path, folders, files in os.walk(folder, onerror=refuse, followlinks=True):
        status = os.stat(path)
        if (status.st_dev, status.st_ino) in seen:  # a link to a folder above it, or to one beside it
            folders.clear()
            continue
        seen.add((status.st_dev, status.st_ino))
        folders[:] = [name for name in folders if not name.startswith(".") and name not in SYSTEM_FOLDERS]
        pictures += [Path(path, name) for name in files if _is_picture(name, endings)]
    return sorted(pictures, key=lambda picture: (str(picture.parent), picture.name))


def _is_picture(name: str, endings: tuple[str, ...]) -> bool:
    if name.startswith(".") or name.lower() in SYSTEM_FILES:
        return False
    return not endings or name.lower().endswith(endings)


def one_side(folder: Path, pictures: Labelled) -> int:
    """Return the side in pixels of the pictures, which must all be squares of one size. Raises InputError if they are not."""
    with ThreadPoolExecutor() as pool:
        sizes = Counter(pool.map(picture_size, [path for path, _ in pictures], chunksize=64))
    words = [f"{width} x {height}" for (width, height), _ in sizes.most_common()]
    otherwise = f"make them squares of one size, or take imagenet:{folder} with --recipe he2015-imagenet, which crops photographs"
    if len(words) > 1:
        some = ", ".join(words[:3]) + (", …" if len(words) > 3 else "")
        raise InputError(f"The images of {folder} have {len(words)} sizes ({some} pixels); {otherwise}.")
    width, height = next(iter(sizes))
    if width != height:
        raise InputError(f"The images of {folder} have {words[0]} pixels and are no squares; {otherwise}.")
    if width < MIN_SIDE:
        raise InputError(f"The images of {folder} have {words[0]} pixels; a network needs at least {MIN_SIDE} x {MIN_SIDE}.")
    return width
