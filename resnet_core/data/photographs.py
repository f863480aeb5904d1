"""How do image files become batches? All decoded at once into memory, or ahead of the training by worker processes."""

from __future__ import annotations

import multiprocessing
import os
import zlib
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import cached_property
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, default_collate

from resnet_core.data.in_memory import ALL, Augmentation, Batch, epochs
from resnet_core.device import available_cpus
from resnet_core.errors import InputError
from resnet_core.pictures.decode import from_pillow, read_image

CROP, SHORTER_SIDE = 224, 256  # pixels: a test's central square, and what is left of the photograph around it (section 3.4)
# The eigenvalues of the covariance of ImageNet's colours (0 to 1) and, as columns, its eigenvectors (red, green, blue): the
# numbers in general use, of fb.resnet.torch (Gross and Wilber 2016). Tiny-ImageNet's are alike: 0.203, 0.019, 0.004.
EIGENVALUES = (0.2175, 0.0188, 0.0045)
EIGENVECTORS = ((-0.5675, 0.7192, 0.4009), (-0.5808, -0.0045, -0.8140), (-0.5836, -0.6948, 0.4203))
CPU = torch.device("cpu")
MOST_WORKERS = 16  # each keeps two batches in shared memory: of 256 photographs, 77 MB


class UnreadablePictureError(InputError):
    """A picture of the data cannot be read."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(path, reason)  # as they are, so that the error survives the way out of a worker process
        self.path, self.reason = path, reason

    def __str__(self) -> str:
        return (
            f"{shown_name(str(self.path))} is not a picture that can be read ({self.reason}); put a readable copy in its place, "
            "and the same command goes on, or remove it and begin a new training in another folder with --out."
        )


def shown_name(name: str) -> str:
    """Return a file's name for a sentence, whatever bytes it has."""
    return os.fsencode(name).decode(errors="replace")


def read_picture(path: Path) -> Image.Image:
    """Decode a picture file of a data set: by the decoder that inspection uses, PPM and TIFF files by Pillow.

    Returns:
        The picture in its own size, mode RGB: upright, sRGB, on white, 16 bits scaled to 8.

    Raises:
        UnreadablePictureError: The file cannot be read, or is no picture.
    """
    try:
        if not _may_be_read(path):
            raise OSError("it is no file")
        data = path.read_bytes()
        try:
            return read_image(data)
        except InputError as error:
            reason = str(error)
        with Image.open(BytesIO(data), formats=("PPM", "TIFF")) as image:
            turned = ImageOps.exif_transpose(image)  # which a TIFF file says in tags of its own
            return Image.fromarray(from_pillow(turned, max(turned.size)))
    except UnidentifiedImageError:
        reason = reason.partition(";")[0]
    except OSError as error:
        reason = error.strerror or str(error)
    except (InputError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        reason = str(error).partition(";")[0]
    raise UnreadablePictureError(path, reason.rstrip("."))


def _may_be_read(path: Path) -> bool:
    """Return whether opening the path returns at once: it is a file, or absent; a pipe would wait for ever."""
    return path.is_file() or not path.exists()


def picture_size(path: Path) -> tuple[int, int]:
    """Return a picture's width and height in pixels, from its header if Pillow can. Raises UnreadablePictureError."""
    try:
        if not _may_be_read(path):
            raise OSError
        with Image.open(path) as image:
            return image.size
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return read_picture(path).size


def read_images(paths: Sequence[Path], side: int) -> Tensor:
    """Decode pictures of one size, by threads, as Pillow decodes outside the interpreter's lock.

    Returns:
        (N, side, side, 3) uint8.

    Raises:
        InputError: A picture cannot be read, or has another size.
    """
    images = np.empty((len(paths), side, side, 3), dtype=np.uint8)

    def read(i: int) -> None:
        image = read_picture(paths[i])
        if image.size != (side, side):
            raise InputError(f"{paths[i]} has {image.size[0]} x {image.size[1]} pixels, the first image {side} x {side}.")
        images[i] = np.asarray(image)

    with ThreadPoolExecutor() as pool:
        for _ in pool.map(read, range(len(paths)), chunksize=256):
            pass
    return torch.from_numpy(images)


class Crop(NamedTuple):
    """What becomes of one image."""

    image: int
    shorter_side: int  # pixels, after it is resized
    place: tuple[float, float] | None  # of the square, down and across, of the room there is (0 to 1); None: in the middle
    mirrored: bool
    light: tuple[float, float, float] = (0.0, 0.0, 0.0)  # added to red, green and blue, of 255


def _workers() -> int:
    return max(1, min(MOST_WORKERS, available_cpus() // int(os.environ.get("LOCAL_WORLD_SIZE", 1))))


@dataclass(frozen=True)
class PhotographFolder:
    """Photographs of any size, decoded anew for every batch, which is cut out of them by torchvision's transforms.

    All chance is in the main process, so that batches do not depend on the number of workers.
    """

    root: Path
    names: NDArray[np.bytes_]  # below the root; as one block of memory, because workers would copy a list of a million strings
    labels: Tensor  # (N,) int64
    device: torch.device = CPU
    workers: int = field(default_factory=_workers)  # 0: this process

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def side(self) -> int:
        return CROP

    @cached_property
    def digest(self) -> str:
        """Return the CRC-32 of names and labels, "+", and that of the files' sizes; reading their bytes would take hours."""
        try:
            sizes = np.array([(self.root / os.fsdecode(name)).stat().st_size for name in self.names], dtype=np.int64)
        except OSError as error:
            raise InputError(f"{error.filename} cannot be read ({error.strerror}); unpack the dataset again.") from None
        named = zlib.crc32(self.labels.numpy().data, zlib.crc32(self.names.tobytes()))
        return f"{named:08x}+{zlib.crc32(sizes.data):08x}"

    def to(self, device: torch.device) -> PhotographFolder:
        return replace(self, device=device)

    def subset(self, indices: Tensor) -> PhotographFolder:
        indices = indices.cpu()
        return replace(self, names=self.names[indices.numpy()], labels=self.labels[indices])

    def training_batches(
        self, augmentation: Augmentation, batch_size: int, resolution: int, seed: int, first_batch: int = 0, shard: slice = ALL
    ) -> Iterator[Batch]:
        """As `ImageSource`: a random square of the resized photograph or of its mirror image, in other colours (section 3.4)."""
        if not augmentation.sides:
            raise InputError("The recipe is for images of one size; choose one that cuts photographs, such as he2015-imagenet.")
        return self._load(
            _training_crops(len(self), augmentation, augmentation.sides, batch_size, seed, first_batch, shard), resolution
        )

    def test_batches(self, batch_size: int, resolution: int) -> Iterator[Batch]:
        """As in `ImageSource`: the central square, of 224 pixels where the shorter side has 256."""
        shorter_side = round(resolution * SHORTER_SIDE / CROP)
        crops = [Crop(i, shorter_side, None, False) for i in range(len(self))]
        return self._load((crops[i : i + batch_size] for i in range(0, len(crops), batch_size)), resolution)

    def _load(self, crops: Iterable[list[Crop]], resolution: int) -> Iterator[Batch]:
        if self.workers:
            _check_shared_memory()
        loader = DataLoader(
            _CropDataset(self, resolution),
            batch_sampler=crops,
            num_workers=self.workers,
            collate_fn=_collate,
            pin_memory=self.device.type == "cuda",
            generator=torch.Generator(),  # otherwise it draws the workers' seed from everybody's random numbers
        )
        try:
            for batch in loader:
                if isinstance(batch, InputError):
                    raise batch
                images, labels = batch
                yield images.to(self.device, non_blocking=True).permute(0, 3, 1, 2), labels.to(self.device, non_blocking=True)
        except RuntimeError as error:
            reason = str(error).strip().splitlines()[-1]  # a worker's traceback comes before it
            if any(word in str(error) for word in ("shared memory", "(shm)", "Bus error", "</torch_")):
                raise _no_shared_memory(reason) from None
            raise


def _check_shared_memory() -> None:
    """Raise InputError where worker processes cannot share memory: a loader that fails to begin leaves a traceback."""
    try:
        multiprocessing.Lock()
    except OSError as error:
        raise _no_shared_memory(error.strerror or str(error)) from None


def _no_shared_memory(reason: str) -> InputError:
    return InputError(
        f"The processes that read photographs share no memory ({reason}); make /dev/shm writable and large enough "
        "(of a container: --shm-size=2g), and the same command goes on."
    )


def _training_crops(
    n: int, augmentation: Augmentation, sides: tuple[int, int], batch_size: int, seed: int, first_batch: int, shard: slice
) -> Iterator[list[Crop]]:
    components = 255 * torch.tensor(EIGENVALUES)[:, None] * torch.tensor(EIGENVECTORS).T
    for generator, batches in epochs(n, batch_size, seed, first_batch, shard):
        shorter = torch.randint(sides[0], sides[1] + 1, (n,), generator=generator)
        places = torch.rand(n, 2, generator=generator)
        mirrored = torch.rand(n, generator=generator) < 0.5 * augmentation.mirror
        light = augmentation.colour * torch.randn(n, 3, generator=generator) @ components
        for chosen in batches:
            columns = (chosen, shorter[chosen], places[chosen], mirrored[chosen], light[chosen])
            yield [Crop(*row) for row in zip(*(column.tolist() for column in columns), strict=True)]


Sample = tuple[Tensor, int]  # (H, W, 3) uint8, and its label


def _collate(samples: list[Sample | InputError]) -> list[Tensor] | InputError:
    """Return a batch, or the first error among its samples: raised in a worker, it would come with a traceback in its text."""
    return next((sample for sample in samples if isinstance(sample, InputError)), None) or default_collate(samples)


class _CropDataset(Dataset[Sample | InputError]):
    """What a worker does: a `Crop` -> the square, and its label."""

    def __init__(self, files: PhotographFolder, resolution: int) -> None:
        self.root, self.names, self.labels = files.root, files.names, files.labels.numpy()
        self.resolution = resolution

    def __getitem__(self, crop: Crop) -> Sample | InputError:
        from torchvision.transforms.v2 import functional as transforms

        try:
            picture = read_picture(self.root / os.fsdecode(self.names[crop.image]))
        except UnreadablePictureError as error:
            return error
        image = transforms.resize(picture, [crop.shorter_side], antialias=True)
        size = self.resolution
        if crop.place is None:
            image = transforms.center_crop(image, [size, size])
        else:
            top, left = (int(at * (room - size + 1)) for at, room in zip(crop.place, image.size[::-1], strict=True))
            image = transforms.crop(image, top, left, size, size)
        if crop.mirrored:
            image = transforms.horizontal_flip(image)
        pixels = np.array(image)
        if any(crop.light):
            pixels = np.clip(np.rint(pixels + np.array(crop.light, dtype=np.float32)), 0, 255).astype(np.uint8)
        return torch.from_numpy(pixels), int(self.labels[crop.image])
