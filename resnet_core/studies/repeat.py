"""Does a run give the same numbers again? Trained once more, from what its run.json says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from lightning_fabric import Fabric

from resnet_core import runs
from resnet_core.data.sources import Dataset
from resnet_core.errors import InputError
from resnet_core.networks.architectures import Architecture
from resnet_core.runs.provenance import provenance
from resnet_core.runs.run import Run, comparable_digest, mismatch
from resnet_core.training.description import describe, describe_start
from resnet_core.training.hardware import Precision, accelerator, can_compile
from resnet_core.training.loop import Progress, train_in
from resnet_core.training.recipe import RECIPE_DEFAULTS, Recipe


@dataclass(frozen=True)
class Recorded:
    """A finished training as its run.json describes it."""

    run: Path
    architecture: Architecture
    recipe: Recipe
    data: dict[str, str]  # name, title, source
    seed: int
    start: str | None  # the name of the run from whose weights it began
    start_digest: dict[str, str]  # of those weights; empty where an earlier version recorded none
    precision: Precision
    compiled: bool
    threads: int


def read(run: Path) -> Recorded:
    """Read what a repetition needs from a run directory. Raises InputError if there is no run, or none that can be repeated."""
    facts = runs.read_run(run)
    if facts.measurement is not None:
        raise InputError(f"{run} holds what a network answered, not how it was trained; run its study again.")
    if facts.status != "finished":
        raise InputError(f"{run} holds a training that is not finished; go on with it first.")
    if (run.resolve().parent / "race.json").exists():
        raise InputError(f"{run} is half of a race, which a person may have steered; the page Train live replays it.")
    if facts.processes > 1:
        raise InputError(
            f"{run} was trained by {facts.processes} processes, each with its own batch norm; only one's can be repeated."
        )
    try:
        return Recorded(
            run=run,
            architecture=Architecture.from_fields(facts.recorded["architecture"]),
            recipe=Recipe.from_fields(facts.recorded["recipe"]),
            data=facts.recorded["data"],
            seed=facts.seed,
            start=facts.start,
            start_digest={key: value for key, value in facts.recorded.items() if key == "start_digest"},
            precision="bf16-mixed" if facts.precision == "bf16-mixed" else "32-true",
            compiled=facts.compiled,
            threads=facts.recorded["hardware"]["threads"],
        )
    except (KeyError, TypeError) as error:
        raise InputError(f"{run / 'run.json'} does not say all that a repetition needs: {error}.") from None


def repeat(
    recorded: Recorded, folder: Path, dataset: Dataset, progress: Callable[[Progress], None], start: Path | None = None
) -> str | None:
    """Repeat a recorded training in `folder`, and compare the metrics.

    An unfinished repetition resumes; a finished one is only compared. On the same kind of processor (`hardware.INSTRUCTIONS`),
    with as many threads and the same versions of torch and of this program, all numbers are equal bit for bit; a GPU sums in
    another order each time.

    Args:
        start: the run from whose weights the recorded training began.

    Returns:
        Where the numbers first differ, in words; None if they are equal.

    Raises:
        InputError: as `train`, and for other data or another start.
    """
    run = recorded.run
    digest = comparable_digest(dataset.digest, recorded.data.get("digest"))
    for key, ours in (("title", dataset.title), ("source", dataset.source), ("digest", digest)):
        if recorded.data.get(key, ours) != ours:
            raise InputError(f"{run} was trained on data whose {key} is {recorded.data[key]!r}, not {ours!r}; name those.")
    if mismatch(describe_start(start), {"start": recorded.start, **recorded.start_digest}, {}):
        raise InputError(f"{run} began from the weights of {recorded.start or 'no other run'}; say so with --start, or without.")
    fabric = Fabric(accelerator=accelerator(), devices=1, precision=recorded.precision)
    if recorded.compiled and not can_compile(fabric.device):
        raise InputError(f"{run} was trained compiled, and nothing can be compiled here; install a C++ compiler.")
    architecture, recipe, seed = recorded.architecture, recorded.recipe, recorded.seed
    description, made_with = describe(architecture, recipe, dataset, seed, start, fabric), provenance(fabric.device)
    if (folder / "run.json").exists() and (earlier := runs.read_run(folder)).status == "finished":
        now = {**description, **{key: made_with[key] for key in ("commit", "versions")}}
        if other := mismatch(now, earlier.recorded, RECIPE_DEFAULTS):
            raise InputError(f"{folder} holds a repetition with another {other}; remove it, or choose another folder.")
    else:
        with Run.open(folder) as opened:
            # begun here, so that it goes on in the recorded way, whatever `train` would choose
            opened.begin(description, made_with, RECIPE_DEFAULTS, recorded.compiled)
            train_in(opened, architecture, recipe, dataset, seed, progress, start, fabric)
    return first_difference(runs.read_metrics(run), runs.read_metrics(folder))


def first_difference(recorded: pd.DataFrame, again: pd.DataFrame) -> str | None:
    """Return, in words, where two tables of metrics first differ; None if every number is equal bit for bit."""
    if recorded.equals(again):
        return None
    for (_, before), (_, now) in zip(recorded.iterrows(), again.iterrows(), strict=False):
        if not before.equals(now):
            place = _place(before)
            if place != _place(now):
                return f"recorded was {place}, and now {_place(now)}"
            return f"{place} was {float(before.value)!r}, and now {float(now.value)!r}"
    return f"{len(recorded)} numbers were recorded, and now {len(again)}"


def _place(row: pd.Series) -> str:
    block = f", {row.block}" if isinstance(row.block, str) else ""
    return f"{row.metric} ({row.split}{block}) at iteration {row.step}"
