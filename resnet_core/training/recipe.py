"""What is to be run? A `Recipe`: everything about a training that is not the network, the data or the seed."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields, replace
from typing import Any

from resnet_core.errors import InputError, hint

MOST_ITERATIONS = 10**9
OFTEN = 100  # iterations between two tests, at least, however short the schedule
# Compiling takes a CPU 30 to 60 s. Of each iteration it saves 1.5 to 3 ms a layer (batches of 128 images of 32 pixels), or 0.5 to
# 1 ms at the shapes of ImageNet: so many iterations at one resolution, and so many times layers.
WORTH_COMPILING, AT_LEAST = 50_000, 1000


@dataclass(frozen=True)
class Phase:
    """Iterations at one input resolution; a small one first costs a fraction of the time."""

    iterations: int
    resolution: int

    def worth_compiling(self, layers: int) -> bool:
        """Return whether compiling saves time in a phase of this length, for a network of so many layers."""
        return self.iterations >= AT_LEAST and self.iterations * layers >= WORTH_COMPILING


@dataclass(frozen=True)
class Recipe:
    """SGD with momentum. The learning rate warms up for `warm_up` iterations, then follows `drops`.

    With `warm_up_until`, the warm-up ends earlier: once the error of the training batches is below it.
    """

    name: str
    phases: tuple[Phase, ...]
    batch_size: int
    learning_rate: float  # the highest
    warm_up: int  # iterations
    drops: tuple[int, ...] | None  # iterations at which the rate is divided by 10; None: it falls to zero along a half cosine
    momentum: float
    nesterov: bool
    weight_decay: float
    pad: int  # random shift, in pixels of the stored image
    mirror: bool  # half of the time
    clip_norm: float | None  # the longest gradient, over all parameters
    bfloat16: bool  # convolutions in bfloat16 (autocast) where the hardware has it; weights and batch norm stay in float32
    evaluate_every: int  # iterations
    blocks_every: int | None  # iterations between records of every block; None: none
    note: str  # what a reader of its results must know, however many iterations it is scaled to
    scale: float = 1.0  # of the published iterations
    warm_up_rate: float | None = None  # constant while it warms up; None: the rate rises linearly
    warm_up_until: float | None = None  # percent; None: it lasts `warm_up` iterations
    # of photographs of any size: the shorter side is resized to a random length between these pixels, and a random square of the
    # resolution is cut out (section 3.4 of the paper); None: images of one size
    sides: tuple[int, int] | None = None
    colour: float = 0.0  # of photographs: see `Augmentation`; 0.1 in section 3.4
    decay_vectors: bool = True  # whether weight decay is also on batch norm's scales and shifts, and on biases
    reestimate: bool = False  # whether tests on the way are also made with batch-norm statistics estimated anew

    @classmethod
    def from_fields(cls, fields: Mapping[str, Any]) -> Recipe:
        """Return the recipe that run.json holds, where tuples are lists. Raises KeyError or TypeError for anything else."""
        own: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in fields.items()}
        del own["iterations"]  # which follow from the phases
        own["phases"] = tuple(Phase(**phase) for phase in fields["phases"])
        return cls(**own)

    @property
    def iterations(self) -> int:
        return sum(phase.iterations for phase in self.phases)

    @property
    def resolution(self) -> int:
        """Return the resolution of the last phase, at which the network is tested and used, in pixels."""
        return self.phases[-1].resolution

    def phase_at(self, iteration: int) -> Phase:
        for phase in self.phases:
            if iteration < phase.iterations:
                return phase
            iteration -= phase.iterations
        return self.phases[-1]

    def resolution_at(self, iteration: int) -> int:
        return self.phase_at(iteration).resolution

    def learning_rate_at(self, iteration: int, warm_up_ended: int | None = None) -> float:
        """Return the learning rate of an iteration. warm_up_ended: when a low error ended the warm-up; None: not yet."""
        warm_up = self.warm_up if warm_up_ended is None else warm_up_ended
        if iteration < warm_up:
            if self.warm_up_rate is not None:
                return self.warm_up_rate
            return self.learning_rate * (iteration + 1) / warm_up
        if self.drops is not None:
            return self.learning_rate * 0.1 ** sum(iteration >= drop for drop in self.drops)
        done = (iteration - warm_up) / (self.iterations - warm_up)
        return self.learning_rate * 0.5 * (1 + math.cos(math.pi * done))

    def scaled(self, factor: float) -> Recipe:
        """Return the recipe with all numbers of iterations multiplied. Raises InputError for a factor that leaves no training."""
        if not (math.isfinite(factor) and factor > 0):
            raise InputError(f"A scale must be a positive number, not {factor}.")
        if factor == 1:
            return self
        if self.iterations * factor > MOST_ITERATIONS:
            raise InputError(f"A scale of {factor:g} asks for more than {MOST_ITERATIONS:,} iterations; choose a smaller scale.")

        def times(iterations: int) -> int:
            return round(iterations * factor)

        phases = tuple(Phase(times(phase.iterations), phase.resolution) for phase in self.phases)
        if not all(phase.iterations for phase in phases):
            raise InputError(f"The recipe {self.name} scaled by {factor} has no iteration left; choose a larger scale.")
        return replace(
            self,
            phases=phases,
            warm_up=times(self.warm_up),
            drops=None if self.drops is None else tuple(map(times, self.drops)),
            # a test of 10,000 images takes as long as some 25 iterations
            evaluate_every=max(times(self.evaluate_every), min(self.evaluate_every, OFTEN)),
            blocks_every=None if self.blocks_every is None else max(1, times(self.blocks_every)),
            scale=self.scale * factor,
        )


# what a run.json of an earlier version does not say
RECIPE_DEFAULTS = {field.name: field.default for field in fields(Recipe) if field.default is not MISSING}


HE2015_CIFAR = Recipe(  # section 4.2 of the paper
    name="he2015-cifar",
    phases=(Phase(64_000, 32),),
    batch_size=128,
    learning_rate=0.1,
    warm_up=0,
    drops=(32_000, 48_000),
    momentum=0.9,
    nesterov=False,
    weight_decay=1e-4,
    pad=4,
    mirror=True,
    clip_norm=None,
    bfloat16=True,
    evaluate_every=1000,
    blocks_every=1000,
    note="The paper's recipe for CIFAR-10, but that each channel is normalised by its mean and standard deviation; the paper "
    "subtracts each pixel's mean.",
)
SHORT = Recipe(
    name="short",
    phases=(Phase(3400, 48), Phase(900, 64), Phase(100, 128)),
    batch_size=128,
    learning_rate=0.1,
    warm_up=500,
    drops=None,
    momentum=0.9,
    nesterov=True,
    weight_decay=5e-4,
    pad=6,
    mirror=True,
    clip_norm=None,
    bfloat16=True,
    evaluate_every=800,
    blocks_every=None,
    note="Trained for a short time: far from converged.",
)
QUICK = Recipe(
    name="quick",
    phases=(Phase(350, 16),),
    batch_size=64,
    learning_rate=0.05,
    warm_up=0,
    drops=(),
    momentum=0.9,
    nesterov=False,
    weight_decay=1e-4,
    pad=0,
    mirror=False,
    clip_norm=5.0,
    bfloat16=False,
    evaluate_every=1000,
    blocks_every=10,
    note="Trained for a short time: it shows how fast a network learns, not where it would end.",
)
DIGITS_LONG = replace(
    QUICK,
    name="digits-long",
    phases=(Phase(3500, 16),),
    drops=(2100, 2975),  # at 60 and 85 % of the iterations
    evaluate_every=350,
    blocks_every=100,
    note="Ten times as long as `quick`, with two drops to a hundredth of the learning rate.",
)
PAIR = Recipe(
    name="pair",
    phases=(Phase(7800, 48), Phase(2000, 64), Phase(800, 96), Phase(500, 128)),
    batch_size=64,
    learning_rate=0.05,
    warm_up=1050,  # three passes over 22,500 images
    drops=None,
    momentum=0.9,
    nesterov=False,
    weight_decay=1e-4,
    pad=6,
    mirror=True,
    clip_norm=5.0,
    bfloat16=False,
    evaluate_every=555,
    blocks_every=100,
    note="Other than in the paper: batches of 64, images that grow, a linear warm-up, the gradient clipped at a norm of 5, the "
    "rate falling along a half cosine, and weight decay on kernels only.",
    decay_vectors=False,
    reestimate=True,
)
PAIR_PILOT = replace(
    PAIR,
    name="pair-pilot",
    phases=(Phase(PAIR.iterations // 5, 48),),
    warm_up=PAIR.warm_up // 5,
    evaluate_every=PAIR.evaluate_every,
    blocks_every=None,
    note=f"A fifth of the iterations of `pair`, at 48 pixels, to choose a learning rate. {PAIR.note}",
)
PAIR_RATES = (0.0125, 0.025, 0.05, 0.1)
RECIPES = {
    recipe.name: recipe
    for recipe in [
        HE2015_CIFAR,
        replace(
            HE2015_CIFAR,
            name="he2015-cifar-110",
            warm_up=32_000,  # at most, to the first drop; it took the paper about 400
            warm_up_rate=0.01,
            warm_up_until=80,
            note="The paper's recipe for ResNet-110 on CIFAR-10 (a rate of 0.01 until the error of the training batches is below "
            "80 %), but that each channel is normalised by its mean and standard deviation; the paper subtracts pixels' means.",
        ),
        replace(
            HE2015_CIFAR,
            name="he2015-cifar-low-rate",
            learning_rate=0.02,
            note="The paper's recipe for CIFAR-10 at a fifth of its learning rate; each channel is normalised by its mean and "
            "standard deviation, where the paper subtracts each pixel's mean.",
        ),
        replace(
            HE2015_CIFAR,
            name="he2015-imagenet",  # section 3.4
            phases=(Phase(600_000, 224),),
            batch_size=256,
            drops=(150_000, 300_000, 450_000),
            pad=0,
            evaluate_every=5000,
            blocks_every=5000,
            sides=(256, 480),
            colour=0.1,
            note="The paper's recipe for ImageNet; the rate is divided by 10 every 150,000 iterations (30 passes), in the paper "
            "when the error plateaus. Channels are normalised by mean and standard deviation, and errors are of one central "
            "square of 224 pixels (shorter side 256), in the paper the mean of ten.",
        ),
        SHORT,
        replace(
            SHORT,
            name="medium",
            phases=(Phase(9000, 48), Phase(4000, 64), Phase(2000, 96), Phase(800, 128)),
            evaluate_every=1600,
            blocks_every=400,
            note="Not yet converged.",
        ),
        QUICK,
        DIGITS_LONG,
        *(
            replace(
                DIGITS_LONG,
                name=f"digits-long-{rate:g}",
                learning_rate=rate,
                note=f"Ten times as long as `quick`, at a learning rate of {rate:g}, with two drops to a hundredth of it.",
            )
            for rate in (0.02, 0.1)
        ),
        *(replace(base, name=f"{base.name}-{rate:g}", learning_rate=rate) for base in (PAIR, PAIR_PILOT) for rate in PAIR_RATES),
    ]
}


def recipe(name: str) -> Recipe:
    """The named recipe. Raises InputError for an unknown name."""
    if name not in RECIPES:
        raise InputError(f"There is no recipe named {name!r}; {hint(name, RECIPES)}")
    return RECIPES[name]
