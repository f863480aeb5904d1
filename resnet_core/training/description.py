"""What tells one training from another? The facts that run.json records of it."""

from __future__ import annotations

import json
import zlib
from dataclasses import asdict
from os.path import isfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from resnet_core.networks.architectures import Architecture
from resnet_core.training.recipe import Recipe

if TYPE_CHECKING:
    from lightning_fabric import Fabric

    from resnet_core.data.sources import Dataset


def describe_start(start: Path | None) -> dict[str, Any]:
    """Return the name of the run that a training starts from, and what tells its weights from others of that name."""
    if start is None:
        return {"start": None}
    return {"start": start.absolute().name, **describe_weights(start / "last.safetensors")}


def describe_weights(weights: Path) -> dict[str, str]:
    """Return the CRC-32 of a file of weights; nothing where there is none, which whoever loads it says."""
    return (
        {"start_digest": f"{zlib.crc32(weights.read_bytes()):08x}"} if isfile(weights) else {}
    )  # which says no to a name that the system refuses


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
        **describe_start(start),
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
        **describe_start(start),
        "precision": fabric.strategy.precision.precision,
    }
