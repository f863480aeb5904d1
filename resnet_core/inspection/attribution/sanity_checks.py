"""Does an attribution deserve belief? Does it follow from what the network learnt, and do the pixels that it names matter?"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase
from torchvision.transforms import functional as transforms

from resnet_core.atomic import save_npz
from resnet_core.errors import InputError
from resnet_core.inspection.attribution.methods import BATCH, Attribution, StoppedError, attribute
from resnet_core.inspection.inputs import as_input
from resnet_core.inspection.isolation import isolated, logits_of
from resnet_core.inspection.records import RANDOM_ORDERS
from resnet_core.networks.anatomy import find_anatomy
from resnet_core.networks.main_path import layers_from_the_top
from resnet_core.networks.resnet import initialise

PATH = 100  # steps of integrated gradients in a random network
STEPS = 32  # of the deletion and insertion curves
BLUR = 11, 5.0  # pixels: the window and the sd of RISE's blurred image


@dataclass(frozen=True, eq=False)
class RandomisationTest:
    """Result of the cascading randomisation test: one method on one network, randomised layer by layer from the top.

    The target class stays that of the trained network. Correlations are NaN where a map is constant.
    """

    method: str
    target: int
    against: int | None  # as in `Attribution`
    layers: tuple[str, ...]  # what is random last of all, from the top: "fc", "conv5_3", …, "conv2_1", "conv1"
    absolute: NDArray[np.float64]  # (layers,): Spearman's rank correlation with the original map, of absolute values
    signed: NDArray[np.float64]  # (layers,): of the values themselves
    maps: NDArray[np.float32]  # (1 + layers, H, W): the original, then as each layer is random
    seconds: float

    @property
    def original(self) -> Attribution:
        """The attribution of the trained network; its seconds are those of the whole test."""
        return Attribution(self.method, self.target, self.maps[0], self.seconds, None, self.against)

    def save(self, path: str | Path) -> None:
        """Write an .npz file with one array a field, by the field's name. Raises InputError where it cannot be written."""
        save_npz(path, vars(self))


@dataclass(frozen=True, eq=False)
class DeletionInsertion:
    """Result of deletion and insertion: a class's probability as pixels change in the order of an attribution."""

    method: str
    target: int
    share: NDArray[np.float64]  # (steps + 1,) of the pixels, from 0 to 1
    deletion: NDArray[np.float64]  # (steps + 1,): probability with the first pixels in the data's mean colour
    insertion: NDArray[np.float64]  # (steps + 1,): probability with the first pixels sharp and the others blurred
    seconds: float

    @property
    def deletion_auc(self) -> float:
        """Area under the deletion curve; low if the class depends on the first pixels."""
        return float(np.trapezoid(self.deletion, self.share))

    @property
    def insertion_auc(self) -> float:
        """Area under the insertion curve; high if the first pixels suffice for the class."""
        return float(np.trapezoid(self.insertion, self.share))

    def save(self, path: str | Path) -> None:
        """Write an .npz file with one array a field, by the field's name. Raises InputError where it cannot be written."""
        save_npz(path, vars(self))


def randomised(network: nn.Module, seed: int = 0) -> Iterator[tuple[str, nn.Module]]:
    """Yield a copy of the network that is randomised from the top, one layer more at each step.

    First the classifier, then block by block, each with the layers that lead to it, at last the stem.

    Args:
        network: any network that `find_anatomy` knows or `describe` describes; it is only read.
        seed: determines the random weights.

    Yields:
        (label of the layer randomised last, the copy); the copy is the same object at each step.
    """
    copied = copy.deepcopy(isolated(network))
    generator = torch.Generator().manual_seed(seed)  # of the CPU, so that a seed means the same everywhere
    device = next(copied.parameters()).device
    for label, modules in layers_from_the_top(copied):
        for module in modules:
            randomise(module.cpu(), generator)
            module.to(device)
        yield label, copied


def randomise(module: nn.Module, generator: torch.Generator) -> None:
    """Draw the weights inside `module` anew, in place, as `build` does for networks of this project.

    Norms of all kinds are reset. Parameters of other modules (a layer scale, a PReLU, weights behind a parametrisation) keep
    their values, in random order.
    """
    initialise(module, generator)
    for part in module.modules():
        if isinstance(part, nn.Conv2d | nn.Linear) and "weight" in part._parameters:
            continue
        if isinstance(part, _NormBase | nn.GroupNorm | nn.LayerNorm):
            part.reset_parameters()
            continue
        for parameter in part.parameters(recurse=False):
            order = torch.randperm(parameter.numel(), generator=generator)
            parameter.data = parameter.detach().flatten()[order].view_as(parameter)


def _require_order(network: nn.Module, image: Tensor) -> None:
    """Raise InputError if the layers do not run in the order in which the network has them, from which "the top" is known."""
    clone = isolated(network)
    if find_anatomy(clone).by_class:
        return
    order: list[int] = []

    def register(module: nn.Module, step: int) -> None:
        module.register_forward_pre_hook(lambda _module, _inputs: order.append(step))

    for step, (_, modules) in enumerate(layers_from_the_top(clone)):
        for module in modules:
            for part in module.modules():
                if part._parameters and not any(part.children()):
                    register(part, step)
    with torch.no_grad():
        logits_of(clone, as_input(image, clone))
    if order != sorted(order, reverse=True):
        raise InputError("The network's layers do not run in the order in which it has them, so it has no top to randomise from.")


def rank_correlation(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """Return Spearman's rank correlation of two maps, with mean ranks for equal values; NaN where either is constant."""
    ranks = [pd.Series(values.ravel()).rank() for values in (one, other)]
    if any(rank.min() == rank.max() for rank in ranks):
        return float("nan")
    return float(np.corrcoef(*ranks)[0, 1])


def randomisation_test(
    network: nn.Module,
    image: Tensor,
    method: str,
    target: int | None = None,
    seed: int = 0,
    on_progress: Callable[[float], bool] = lambda _fraction: True,
    *,
    against: int | None = None,
) -> RandomisationTest:
    """Measure how similar an attribution stays as the network is randomised from the top.

    An attribution that stays similar to the end cannot depend on what the network has learnt.

    Args:
        network, image, method, target, on_progress, against: as in `attribute`.
        seed: determines the random weights; a layer's weights stay the same as further layers follow.

    Raises:
        InputError: as `attribute`; and if the layers do not run in the order in which the network has them.
        StoppedError: when `on_progress` answers False.

    Reference:
        Adebayo et al. 2018, section 3.1.
    """
    start = time.perf_counter()
    steps = len(layers_from_the_top(isolated(network))) + 1  # the original, the classifier, the blocks, the first convolution

    def at(step: int) -> Callable[[float], bool]:
        return lambda fraction: on_progress((step + fraction) / steps)

    original = attribute(network, image, method, target, at(0), against=against)
    _require_order(network, image)
    layers, maps = [], [original.values]
    for step, (label, copied) in enumerate(randomised(network, seed), start=1):
        layers.append(label)
        # ranks need no complete sum, and in a random network even a thousand steps may not give one
        again = attribute(copied, image, method, original.target, at(step), against=against, most_steps=PATH)
        maps.append(again.values)
    return RandomisationTest(
        method=method,
        target=original.target,
        against=against,
        layers=tuple(layers),
        absolute=np.array([rank_correlation(np.abs(maps[0]), np.abs(values)) for values in maps[1:]]),
        signed=np.array([rank_correlation(maps[0], values) for values in maps[1:]]),
        maps=np.stack(maps),
        seconds=time.perf_counter() - start,
    )


def deletion_insertion(
    network: nn.Module,
    image: Tensor,
    attribution: Attribution,
    steps: int = STEPS,
    on_progress: Callable[[float], bool] = lambda _fraction: True,
) -> DeletionInsertion:
    """Measure a class's probability as pixels are deleted, or inserted, in the order of an attribution.

    The most positive pixels change first; equal ones in a fixed random order. Deleted pixels take the data's mean colour, which
    is zero in a normalised image. Pixels are inserted into a blurred image, as in the paper's program: a Gaussian with an sd of
    5 pixels, 11 wide.

    Args:
        network, image, on_progress: as in `attribute`.
        attribution: whose values order the pixels, and whose target is the class.
        steps: how many times more pixels are changed, up to all of them.

    Raises:
        InputError: for an image or network that does not fit, and where the answer is no number.
        StoppedError: when `on_progress` answers False.

    Reference:
        Petsiuk et al. 2018, section 4.
    """
    start = time.perf_counter()
    clone = isolated(network)
    image = as_input(image, clone)
    values = attribution.values.ravel()
    shuffled = np.random.default_rng(0).permutation(values.size)
    rank = np.empty(values.size)
    rank[shuffled[np.argsort(-values[shuffled], kind="stable")]] = np.arange(values.size) / values.size
    order = torch.from_numpy(rank.reshape(attribution.values.shape)).to(image.device)  # the fraction at which a pixel changes
    fractions = np.linspace(0, 1, steps + 1)
    size, sd = BLUR
    ends = [(image, torch.zeros_like(image)), (transforms.gaussian_blur(image, [size, size], [sd, sd]), image)]
    batch = BATCH["cuda" if image.is_cuda else "cpu"]
    probabilities: list[float] = []
    with torch.inference_mode():
        for before, after in ends:
            for first in range(0, len(fractions), batch):
                if not on_progress(len(probabilities) / (2 * len(fractions))):
                    raise StoppedError
                changed = order < torch.from_numpy(fractions[first : first + batch]).to(order)[:, None, None, None]
                probabilities += logits_of(clone, torch.where(changed, after, before)).softmax(1)[:, attribution.target].tolist()
    if not np.isfinite(probabilities).all():
        raise InputError("The network answers with nan, which is no number; its weights or the image's values are too large.")
    deletion, insertion = np.split(np.array(probabilities), 2)
    return DeletionInsertion(attribution.method, attribution.target, fractions, deletion, insertion, time.perf_counter() - start)


def random_baseline(
    network: nn.Module,
    image: Tensor,
    target: int,
    orders: int = RANDOM_ORDERS,
    on_progress: Callable[[float], bool] = lambda _fraction: True,
) -> list[DeletionInsertion]:
    """Measure deletion and insertion for pixels in random orders, the baseline of an attribution's `deletion_insertion`.

    Args:
        network, image, on_progress: as in `deletion_insertion`.
        target: the class.
        orders: how many random orders, of the seeds from 0.
    """

    def in_random_order(seed: int) -> DeletionInsertion:
        values = np.random.default_rng(seed).random((image.shape[-2], image.shape[-1]), dtype=np.float32)
        order = Attribution(f"random order {seed}", target, values, 0.0, None)
        return deletion_insertion(network, image, order, on_progress=lambda fraction: on_progress((seed + fraction) / orders))

    return [in_random_order(seed) for seed in range(orders)]
