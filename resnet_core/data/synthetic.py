"""What can be learned where nothing was downloaded? Eight shapes, drawn from a seed: the same on every call and machine."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

SIDE = 32  # pixels
SHAPES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {  # is (u, v) inside? Shapes reach from -1 to 1, v grows downwards
    "circle": lambda u, v: u * u + v * v < 1,
    "ring": lambda u, v: (u * u + v * v < 1) & (u * u + v * v > 0.3),
    "square": lambda u, v: torch.maximum(u.abs(), v.abs()) < 0.85,
    "diamond": lambda u, v: u.abs() + v.abs() < 1.1,
    "triangle": lambda u, v: (v < 0.8) & (v > 2 * u.abs() - 1),
    "cross": lambda u, v: (torch.minimum(u.abs(), v.abs()) < 0.25) & (torch.maximum(u.abs(), v.abs()) < 1),
    "saltire": lambda u, v: (torch.minimum((u + v).abs(), (u - v).abs()) < 0.35) & (torch.maximum(u.abs(), v.abs()) < 0.9),
    "crescent": lambda u, v: (u * u + v * v < 1) & ((u - 0.5) * (u - 0.5) + v * v > 0.6),
}


def draw(n: int, seed: int) -> tuple[Tensor, Tensor]:
    """(n, SIDE, SIDE, 3) uint8 and labels (n,): the shapes in turn, place, size, tilt and colours random, on noise."""
    generator = torch.Generator().manual_seed(seed)
    # no sine, no normal distribution: their last digits depend on the machine
    x, y = torch.rand(2, n, 1, 1, generator=generator) * 10 + 11
    radius = torch.rand(n, 1, 1, generator=generator) * 4 + 6
    tilt = torch.rand(n, 1, 1, generator=generator) * 0.4 - 0.2  # the tangent of the angle
    place = torch.arange(SIDE, dtype=torch.float32)
    across, down = (place - x) / radius, (place[:, None] - y) / radius
    u, v = across + tilt * down, down - tilt * across
    labels = torch.arange(n) % len(SHAPES)
    inside = torch.empty(n, SIDE, SIDE, dtype=torch.bool)
    for label, contains in enumerate(SHAPES.values()):
        inside[label :: len(SHAPES)] = contains(u[label :: len(SHAPES)], v[label :: len(SHAPES)])
    ground = torch.randint(0, 256, (n, 1, 1, 3), generator=generator)
    # either may be the lighter one, in each channel: no single pixel tells a shape
    ink = (ground + torch.randint(90, 167, (n, 1, 1, 3), generator=generator)) % 256
    noise = torch.randint(-30, 31, (n, SIDE, SIDE, 3), generator=generator)
    return torch.where(inside[..., None], ink, ground).add_(noise).clamp_(0, 255).to(torch.uint8), labels
