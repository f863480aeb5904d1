"""What tells one training from another? The facts that run.json records of it."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from resnet_core.networks.architectures import Architecture
from resnet_core.training.recipe import Recipe

if TYPE_CHECKING:
    from lightning_fabric import Fabric

    from resnet_core.data.sources import Dataset


def describe_plan(architecture: Architecture, recipe: Recipe, seed: int, start: Path | None) -> dict[str, Any]:
    """Return what is known of a training before its data are opened.

    That is all but the data, the number of classes and the precision.
    """
    fields = asdict(architecture)
    del fields["num_classes"]
    facts = {
        "architecture": fields,
        "recipe": {**asdict(recipe), "iterations": recipe.iterations},
        "seed": seed,
        "start": start.absolute().name if start else None,
    }
    return json.loads(json.dumps(facts))  # as it will be read back


def describe_data(dataset: Dataset) -> dict[str, Any]:
    """Return the data's name, title, source and digest, which alone identifies them."""
    return {"name": dataset.name, "title": dataset.title, "source": dataset.source, "digest": dataset.digest}


def describe(
    architecture: Architecture, recipe: Recipe, dataset: Dataset, seed: int, start: Path | None, fabric: Fabric
) -> dict[str, Any]:
    """Return what tells one training from another, as run.json records it."""
    return {
        "architecture": json.loads(json.dumps(asdict(architecture))),
        "layers": architecture.layers,
        "recipe": describe_plan(architecture, recipe, seed, start)["recipe"],
        "data": describe_data(dataset),
        "seed": seed,
        "start": start.absolute().name if start else None,
        "precision": fabric.strategy.precision.precision,
    }
