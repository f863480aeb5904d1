"""Does a run give the same numbers again? Trained once more, from what its run.json says."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
from lightning_fabric import Fabric

from resnet_core import runs
from resnet_core.architectures import Architecture
from resnet_core.data.datasets import Dataset
from resnet_core.errors import InputError
from resnet_core.training.engine import Progress, describe, made_with, train
from resnet_core.training.recipe import Recipe


def read(run: Path) -> dict[str, Any]:
    """run.json of a finished training. Raises InputError where there is none."""
    facts = runs.read_facts(run)
    if "measurement" in facts:
        raise InputError(f"{run} holds what a network answered, not how it was trained; run its study again.")
    if facts["status"] != "finished":
        raise InputError(f"{run} holds a training that is not finished; go on with it first.")
    return facts


def repeat(
    run: Path, folder: Path, dataset: Dataset, progress: Callable[[Progress], None], start: Path | None = None
) -> str | None:
    """Train what `run` says into `folder`, or go on with that; where its numbers first differ, None if nowhere.

    On the same kind of processor (`INSTRUCTIONS`), with as many threads and the same version of torch, they are the same bit for
    bit; a GPU sums in another order each time. start: the run from whose weights it began. Raises InputError as `train` does, or
    for other data.
    """
    facts = read(run)
    for key, ours in (("title", dataset.title), ("source", dataset.source)):
        if facts["data"][key] != ours:
            raise InputError(f"{run} was trained on data whose {key} is {facts['data'][key]!r}, not {ours!r}; name those.")
    if (facts["start"] is None) != (start is None):
        raise InputError(f"{run} began from the weights of {facts['start'] or 'no other run'}; say so with --start, or without.")
    try:
        row, how = Architecture.from_fields(facts["architecture"]), Recipe.from_fields(facts["recipe"])
    except (KeyError, TypeError) as error:
        raise InputError(f"{run / 'run.json'} is not a run's description ({error}).") from None
    fabric = Fabric(devices=1, precision=facts["precision"])
    if not (folder / "run.json").exists():  # one that has only begun: it goes on as precisely as it says
        folder.mkdir(parents=True, exist_ok=True)
        begun = {**describe(row, how, dataset, facts["seed"], start, fabric), **made_with(fabric.device)}
        runs.write_facts(folder, {**begun, "compiled": facts.get("compiled", False), "seconds": 0.0, "status": "running"})
    train(row, how, dataset, facts["seed"], folder, progress, start, fabric)
    return first_difference(runs.read_metrics(run), runs.read_metrics(folder))


def first_difference(recorded: pd.DataFrame, again: pd.DataFrame) -> str | None:
    """Of two metrics tables, in words; None where they are equal, every number bit for bit."""
    if recorded.equals(again):
        return None
    keys = ["step", "split", "metric", "block"]
    for (_, before), (_, now) in zip(recorded.iterrows(), again.iterrows(), strict=False):
        if not before.equals(now):
            block = before.block if isinstance(before.block, str) else "the whole network"
            place = f"at iteration {before.step}, {before.split}, {block}: "
            if before[keys].equals(now[keys]):
                return f"{place}{before.metric} {float(now.value)!r}, recorded {float(before.value)!r}"
            return place + f"{before.metric} was recorded, and now {now.metric}"
    return f"{len(recorded)} numbers were recorded, and now {len(again)}"
