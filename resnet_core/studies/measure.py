"""How is one network measured? A row of the catalogue and a network in; a finished run directory out."""

from __future__ import annotations

import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch

from resnet_core import runs
from resnet_core.assets import STUDIES, WEIGHTS
from resnet_core.data.sources import Dataset
from resnet_core.networks.weights import read_checkpoint
from resnet_core.runs.provenance import provenance
from resnet_core.runs.run import Run
from resnet_core.studies.catalogue import Measurement
from resnet_core.studies.folders import weights_path
from resnet_core.studies.subject import Subject
from resnet_core.training.description import describe_data, describe_weights
from resnet_core.training.memory import keep_freed_memory

PAIR_RUNS = STUDIES / "pair"
SMALLEST = 32  # pixels at which new networks are measured


def run_measurement(measurement: Measurement, label: str, dataset: Dataset, seed: int, trained: Path | None, run: Run) -> None:
    """Measure one network, and write the table and the facts into its run directory.

    The process keeps the memory that it frees (`keep_freed_memory`).

    Args:
        label: The network's name among those of the measurement.
        trained: The folder of the study that trained the network; None: it is new.
        run: The run directory, open.

    Raises:
        InputError: The network has learned other classes than the dataset's.
    """
    keep_freed_memory()
    start = time.perf_counter()
    architecture = replace(measurement.networks[label], num_classes=len(dataset.classes))
    resolution = max(SMALLEST, dataset.train.side)
    digest: dict[str, str] = {}
    recipe: dict[str, Any] = {"name": "untrained", "iterations": 0, "note": "As it is initialised, without any training."}
    if trained is not None:
        weights = weights_path(trained, label, seed)
        checkpoint = read_checkpoint(weights)
        checkpoint.check_classes(dataset.classes, dataset.title)
        trained_in = PAIR_RUNS / checkpoint.run if trained == WEIGHTS else weights.parent
        resolution, recipe, digest = checkpoint.resolution, _recipe_of(trained_in), describe_weights(weights)
    subject = Subject(label, architecture, seed, dataset, resolution, trained)
    table = measurement.function(subject)
    facts = {
        "measurement": {"name": measurement.name, "question": measurement.question},
        "architecture": asdict(architecture),
        "layers": architecture.layers,
        "recipe": recipe,
        "data": describe_data(dataset),
        "seed": seed,
        "start": f"{trained.name}/{label}" + ("" if trained == WEIGHTS else f"-seed{seed}") if trained else None,
        **digest,
        "precision": "32-true",
        **provenance(torch.device("cpu")),
        "seconds": time.perf_counter() - start,
    }
    run.finish_measured(table, facts)


def _recipe_of(run: Path) -> dict[str, Any]:
    """What the run was trained by; its iterations with those of the runs that it went on from."""
    facts = runs.read_run(run)
    recipe, iterations, passed = facts.recorded["recipe"], facts.iterations, {run.name}
    while facts.start and facts.start not in passed and (run.parent / facts.start).exists():
        passed.add(facts.start)
        facts = runs.read_run(run.parent / facts.start)
        iterations += facts.iterations
    return {**recipe, "iterations": iterations}
