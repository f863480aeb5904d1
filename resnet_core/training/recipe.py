"""What is to be run? A `Recipe`: everything about a training that is not the network, the data or the seed."""

from __future__ import annotations

import math
from dataclasses import dataclass

from resnet_core.errors import InputError


@dataclass(frozen=True)
class Phase:
    """Iterations at one input resolution; a small one first costs a fraction of the time."""

    iterations: int
    resolution: int


@dataclass(frozen=True)
class Recipe:
    """SGD with momentum; the learning rate rises linearly for `warm_up` iterations and falls to zero along a half cosine."""

    name: str
    phases: tuple[Phase, ...]
    batch_size: int
    learning_rate: float  # the highest
    warm_up: int  # iterations
    momentum: float
    nesterov: bool
    weight_decay: float
    pad: int  # random shift, in pixels of the stored image; mirrored half of the time
    evaluate_every: int  # iterations
    note: str  # what a reader of its results must know

    @property
    def iterations(self) -> int:
        return sum(phase.iterations for phase in self.phases)

    @property
    def resolution(self) -> int:
        """Pixels of the last phase, at which the network is tested and used."""
        return self.phases[-1].resolution

    def resolution_at(self, iteration: int) -> int:
        for phase in self.phases:
            if iteration < phase.iterations:
                return phase.resolution
            iteration -= phase.iterations
        return self.resolution

    def learning_rate_at(self, iteration: int) -> float:
        if iteration < self.warm_up:
            return self.learning_rate * (iteration + 1) / self.warm_up
        done = (iteration - self.warm_up) / (self.iterations - self.warm_up)
        return self.learning_rate * 0.5 * (1 + math.cos(math.pi * done))


RECIPES = {
    recipe.name: recipe
    for recipe in [
        Recipe(
            name="short",
            phases=(Phase(3400, 48), Phase(900, 64), Phase(100, 128)),
            batch_size=128,
            learning_rate=0.1,
            warm_up=500,
            momentum=0.9,
            nesterov=True,
            weight_decay=5e-4,
            pad=6,
            evaluate_every=800,
            note="Trained for a short time (4,400 iterations, under six passes over the data): far from converged.",
        ),
        Recipe(
            name="enlarge",
            phases=(Phase(120, 128),),
            batch_size=128,
            learning_rate=0.02,
            warm_up=10,
            momentum=0.9,
            nesterov=True,
            weight_decay=5e-4,
            pad=6,
            evaluate_every=1000,
            note="Trained for a short time (4,520 iterations, under six passes over the data): far from converged.",
        ),
    ]
}


def recipe(name: str) -> Recipe:
    """The named recipe. Raises InputError for an unknown name."""
    if name not in RECIPES:
        raise InputError(f"There is no recipe named {name!r}; known are {', '.join(RECIPES)}.")
    return RECIPES[name]
