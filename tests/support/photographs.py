"""A folder of small photographs of many sizes, laid out as torchvision unpacks ImageNet."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

WNIDS = ("n01440764", "n02123045", "n07930864")  # tench, tabby, cup


def make_photographs(folder: Path, names: tuple[str, ...] = WNIDS, train: int = 12, val: int = 4) -> Path:
    """Noise on three colours, one a class, so that there is something to learn; sides of 20 to 40 pixels."""
    generator = np.random.default_rng(0)
    for part, n in (("train", train), ("val", val)):
        for label, name in enumerate(names):
            (folder / part / name).mkdir(parents=True)
            for i in range(n):
                height, width = generator.integers(20, 41, 2)
                pixels = generator.integers(0, 160, (height, width, 3))
                pixels[..., label] += 90
                Image.fromarray(pixels.astype(np.uint8)).save(folder / part / name / f"{i:02}.JPEG")
    return folder
