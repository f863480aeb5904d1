"""What may a person ask for by name, and how is a network trained from a notebook? The short ways to what the commands do."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from resnet_core.inspection.attribution.catalogue import METHODS
from resnet_core.networks.architectures import REGISTRY, Architecture, architecture
from resnet_core.networks.cost import complexity
from resnet_core.runs.run import Run

if TYPE_CHECKING:
    from resnet_core.training.loop import Progress


class Listing(list[str]):
    """Names, as strings; `table` says more about each."""

    def __init__(self, rows: Mapping[str, Mapping[str, Any]], name: str) -> None:
        super().__init__(rows)
        self.table = pd.DataFrame.from_dict(rows, orient="index").rename_axis(name)

    def _repr_html_(self) -> str:
        return self.table.to_html()


def list_networks(trained: bool = False) -> Listing:
    """List the networks that `build` takes by name, with layers, shortcut, parameters and multiply-adds.

    Args:
        trained: list those that `load` takes instead, with their data and test error.
    """
    if not trained:
        return Listing({name: _size(network) for name, network in REGISTRY.items()}, "network")
    from resnet_core.networks.torchvision import TORCHVISION, torchvision_names
    from resnet_core.networks.weights import bundled, read_checkpoint

    names = [*bundled(), *(TORCHVISION + name for name in torchvision_names())]
    checkpoints = {name: read_checkpoint(name) for name in names}
    return Listing(
        {
            name: {**_size(known.architecture), "data": known.data, "test_error_percent": known.test_error_percent}
            for name, known in checkpoints.items()
        },
        "network",
    )


def _size(network: Architecture) -> dict[str, Any]:
    layers = complexity(network)
    return {
        "layers": network.layers,
        "shortcut": network.shortcut or "none",
        "parameters": sum(layer.parameters for layer in layers),
        "multiply_adds": sum(layer.multiply_adds for layer in layers),
    }


def list_methods() -> Listing:
    """List the attribution methods that `attribute` takes, with question, source and cost (how many inspections it takes)."""
    return Listing(
        {
            key: {"title": method.title, "question": method.question, "source": method.source, "cost": method.cost}
            for key, method in METHODS.items()
        },
        "method",
    )


def list_recipes() -> Listing:
    """List the recipes that `train` takes, with iterations, batch size, learning rate and what a reader of results must know."""
    from resnet_core.training.recipe import RECIPES

    return Listing(
        {
            name: {
                "iterations": recipe.iterations,
                "batch_size": recipe.batch_size,
                "learning_rate": recipe.learning_rate,
                "resolution": recipe.resolution,
                "note": recipe.note,
            }
            for name, recipe in RECIPES.items()
        },
        "recipe",
    )


def list_studies() -> Listing:
    """List the studies that train networks, with their question, data and networks."""
    from resnet_core.studies.catalogue import STUDIES, StudyPlan

    return _questions((study for study in STUDIES.values() if isinstance(study, StudyPlan)), "study")


def list_measurements() -> Listing:
    """List the studies that measure networks, trained or new, with their question, data and networks."""
    from resnet_core.studies.catalogue import STUDIES, Measurement

    return _questions((study for study in STUDIES.values() if isinstance(study, Measurement)), "measurement")


def _questions(studies: Iterable[Any], kind: str) -> Listing:
    return Listing(
        {
            study.name: {"question": study.question, "data": study.data, "networks": ", ".join(study.networks)}
            for study in studies
        },
        kind,
    )


def train(
    network: str | Architecture,
    data: str = "digits",
    recipe: str = "quick",
    *,
    seed: int = 0,
    scale: float = 1,
    out: str | Path = "runs",
    start: str | Path | None = None,
    on_progress: Callable[[Progress], None] = lambda _progress: None,
) -> Run:
    """Train a network into a run directory; the same call goes on where a training was stopped.

    Args:
        network: a name of `list_networks`, or an `Architecture`; its number of classes becomes that of the data.
        data: digits, synthetic, cifar10, cifar100, tiny-imagenet, folder:PATH or imagenet:PATH.
        recipe: a name of `list_recipes`.
        seed: of the weights and of the order of the images.
        scale: multiplies every iteration number of the recipe.
        out: the folder of runs; the run gets a folder of its own in it.
        start: a finished run's directory, whose weights are the first ones.
        on_progress: called every 50 iterations.

    Returns:
        The finished run: its `facts`, and its `folder`, which `runs.load` reads as a table and in which
        `load(run.folder / "last.safetensors")` finds the network.

    Raises:
        InputError: a name is unknown, the data do not fit, or the folder holds another or a finished run.
    """
    from resnet_core.data.sources import dataset_name, open_dataset
    from resnet_core.training import loop
    from resnet_core.training.recipe import recipe as named_recipe

    base = architecture(network) if isinstance(network, str) else network
    chosen = named_recipe(recipe).scaled(scale)
    scaled = "" if scale == 1 else f"-x{scale:g}"
    folder = Path(out) / f"{base.name}-{dataset_name(data)}-{recipe}{scaled}-seed{seed}"
    begin = None if start is None else Path(start)
    with loop.open_run(folder, base, chosen, seed, begin) as run:
        dataset = open_dataset(data)
        whole = replace(base, num_classes=len(dataset.classes))
        loop.train_in(run, whole, chosen, dataset, seed, on_progress, begin)
    return run
