"""Which classes does the bundled pair know? Fifty everyday ones of Tiny-ImageNet, chosen before any training."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

# The rule. First the classes that the bundled photographs show. Then what people wear, carry or see in a lecture hall, at home
# and in the street, so that anyone can show a camera something that the networks have learnt: of several things of one kind
# the commonest (one bottle, one sports car), of dogs a large and a small one. No wild animals, landscapes, buildings, tools of a
# trade. The names are the first ones in Tiny-ImageNet's words.txt.
EVERYDAY: dict[str, tuple[str, ...]] = {
    "in the bundled photographs": ("espresso", "tabby", "Egyptian cat", "projectile"),
    "in a lecture hall": (
        "academic gown", "backpack", "bow tie", "cardigan", "comic book", "computer keyboard", "desk", "iPod", "military uniform",
        "remote control", "sandal", "sock", "stopwatch", "sunglasses", "umbrella",
    ),
    "at home": (
        "banana", "bathtub", "broom", "bucket", "candle", "Chihuahua", "dining table", "frying pan", "golden retriever",
        "goldfish", "ice cream", "lampshade", "lemon", "orange", "pizza", "plate", "pop bottle", "refrigerator", "rocking chair",
        "sewing machine", "teapot", "teddy", "water jug", "wooden spoon",
    ),
    "in the street": (
        "cash machine", "moving van", "parking meter", "police van", "school bus", "sports car", "trolleybus",
    ),
}  # fmt: skip
CLASSES = tuple(name for names in EVERYDAY.values() for name in names)
HELD_OUT = 0.1  # of each class's training images: to choose learning rates by, and never trained on


def held_out(labels: Sequence[int]) -> Tensor:
    """Return a mask (N,), true for a tenth of each class's images: always the same ones, drawn with seed 0."""
    kind, generator = torch.tensor(labels), torch.Generator().manual_seed(0)
    mask = torch.zeros(len(kind), dtype=torch.bool)
    for label in range(int(kind.max()) + 1):
        images = (kind == label).nonzero().flatten()
        drawn = torch.randperm(len(images), generator=generator)[: round(HELD_OUT * len(images))]
        mask[images[drawn]] = True
    return mask
