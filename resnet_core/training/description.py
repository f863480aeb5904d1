"""What does run.json say of a training: which run it is, and what made it?"""

from __future__ import annotations

import json
import platform
import subprocess
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric

from resnet_core import runs
from resnet_core.data.sources import Dataset
from resnet_core.errors import InputError
from resnet_core.networks.architectures import Architecture
from resnet_core.training.hardware import device_name, instructions
from resnet_core.training.recipe import Recipe, comparable


def commit() -> str | None:
    """The commit of the code, with "+" where it was changed since; None outside a repository."""
    try:
        here = Path(__file__).parent
        # an installed package may lie inside the repository of another project, whose commit says nothing of it
        subprocess.run(["git", "ls-files", "--error-unmatch", "__init__.py"], cwd=here, capture_output=True, check=True)
        head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=here, capture_output=True, text=True, check=True)
        changed = subprocess.run(
            ["git", "status", "--porcelain", "--", "."], cwd=here, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return head.stdout.strip() + ("+" if changed.stdout else "")


def describe(
    architecture: Architecture, recipe: Recipe, dataset: Dataset, seed: int, start: Path | None, fabric: Fabric
) -> dict[str, Any]:
    """What tells one run from another, as run.json keeps it."""
    facts = {
        "architecture": asdict(architecture),
        "layers": architecture.layers,
        "recipe": {**asdict(recipe), "iterations": recipe.iterations},
        "data": {"name": dataset.name, "title": dataset.title, "source": dataset.source, "digest": dataset.digest},
        "seed": seed,
        "start": start.name if start else None,
        "precision": fabric.strategy.precision.precision,
    }
    return json.loads(json.dumps(facts))  # as it will be read back


def first_other(description: dict[str, Any], recorded: dict[str, Any]) -> str | None:
    """The first thing by which a run is another one than `description` says; None where it is that run.

    A recipe's note is no such thing, nor what an earlier version did not write.
    """
    for key, value in description.items():
        found = recorded.get(key)
        if key == "recipe":
            value, found = comparable(value), comparable(found or {})
        if key == "data":
            found = {"digest": value["digest"], **(found or {})}
        if found != value:
            return key
    return None


def made_with(device: torch.device, processes: int = 1) -> dict[str, Any]:
    """commit, versions and hardware, as run.json keeps them."""
    return {
        "commit": commit(),
        "versions": {"python": platform.python_version(), "torch": torch.__version__},
        "hardware": {
            "machine": platform.machine(),
            "instructions": " ".join(instructions()),
            "threads": torch.get_num_threads(),
            "device": device_name(device),
            "processes": processes,
        },
    }


def begin(folder: Path, facts: dict[str, Any], fabric: Fabric, compiled: bool = False) -> dict[str, Any]:
    """A new run directory, or the unfinished one that says the same. Raises InputError where another or a finished one is."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder} cannot be made ({error.strerror}); choose another folder of runs.") from None
    if (folder / "run.json").exists():
        earlier = runs.read_facts(folder)
        other = first_other(facts, earlier)
        if other or earlier["status"] == "finished":
            what = f"holds a run with another {other}" if other else "holds this run, finished"
            raise InputError(f"{folder} {what}; choose another folder.")
        for half in folder.glob(".*.part"):  # what a killed process was writing
            half.unlink()
        return {**earlier, "seconds": earlier.get("seconds", 0.0), "compiled": compiled}
    how = {**made_with(fabric.device, fabric.world_size), "compiled": compiled}
    facts = {**facts, **how, "seconds": 0.0, "status": "running"}
    runs.write_facts(folder, facts)
    return facts


def begin_together(folder: Path, facts: dict[str, Any], fabric: Fabric, compiled: bool) -> dict[str, Any]:
    """As `begin`, which the first process does, and tells the others, so that all raise the same InputError."""
    refusal = ""
    if fabric.is_global_zero:
        try:
            facts = begin(folder, facts, fabric, compiled)
        except InputError as error:
            refusal = str(error)
    facts, refusal = fabric.broadcast((facts, refusal))
    if refusal:
        raise InputError(refusal)
    return facts


def resumed(facts: dict[str, Any], iteration: int, how: dict[str, Any]) -> list[dict[str, Any]]:
    """From which iterations on a run went on with another commit, other versions or other hardware than before."""
    earlier: list[dict[str, Any]] = facts.get("resumed", [])
    last = earlier[-1] if earlier else facts
    same = all(last.get(key) == value for key, value in how.items())
    return earlier if same else [*earlier, {"iteration": iteration, **how}]
