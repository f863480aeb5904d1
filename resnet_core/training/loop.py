"""How is one network trained? Recipe, data and seed in; a run directory out, resumable at any moment."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from lightning_fabric import Fabric

from resnet_core import runs
from resnet_core.data.sources import Dataset
from resnet_core.errors import InputError
from resnet_core.networks.architectures import Architecture
from resnet_core.networks.checkpoint import Checkpoint
from resnet_core.networks.resnet import ResNet, build
from resnet_core.networks.weights import load, save
from resnet_core.training.description import begin_together, describe, made_with, resumed
from resnet_core.training.hardware import accelerator, compiles, precision_of
from resnet_core.training.memory import keep_freed_memory
from resnet_core.training.recipe import Recipe
from resnet_core.training.trainer import Trainee

RECORD_EVERY = 50  # iterations over which the training loss and error are averaged; also between checkpoints


@dataclass(frozen=True)
class Progress:
    iteration: int
    iterations: int
    loss: float
    error_percent: float  # of the augmented training batches, since the last report
    images_per_second: float


@contextmanager
def heeding_ctrl_c(alone: bool) -> Iterator[Callable[[], bool]]:
    """Whether a Ctrl-C has come: the first one interrupts nothing, so that a step and its checkpoint are whole; a second does.

    alone: of several processes each would hear it at another iteration, so they are interrupted as ever. Where it is ignored, as
    in the background of a script, it is.
    """
    heard = threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGINT) != signal.SIG_IGN
    if not (alone and heard):
        yield lambda: False
        return
    came = False

    def hear(_number: int, _frame: FrameType | None) -> None:
        nonlocal came
        if came:
            raise KeyboardInterrupt
        came = True

    before = signal.signal(signal.SIGINT, hear)
    try:
        yield lambda: came
    finally:
        signal.signal(signal.SIGINT, before)


def train(
    architecture: Architecture,
    recipe: Recipe,
    dataset: Dataset,
    seed: int,
    folder: Path,
    progress: Callable[[Progress], None],
    start: Path | None = None,
    fabric: Fabric | None = None,
) -> ResNet:
    """Train, or go on training where `folder` holds an unfinished run of the same recipe; the trained network.

    start: a finished run's directory, whose weights are the first ones (fine-tuning); None: He initialisation from the seed.
    Twins with one seed start from equal weights (where their parameters are the same) and see the same batches.
    fabric: the device, the precision, and the processes that share the work; None: one CPU or GPU, whichever there is, in the
    precision of `precision_of`. Compiled where `compiles` says so. The process keeps the memory it frees (`keep_freed_memory`).
    A Ctrl-C is heard after the iteration, whose checkpoint is written before KeyboardInterrupt is raised.

    Raises InputError where `folder` holds another or a finished run, or when the loss is no longer finite.
    """
    fabric = fabric or Fabric(accelerator=accelerator(), devices=1, precision=precision_of(folder, recipe))
    keep_freed_memory()
    first = load(start / "last.safetensors", "cpu") if start else build(architecture, seed)
    if first.architecture != architecture:
        theirs, ours = asdict(first.architecture), asdict(architecture)
        differences = ", ".join(f"{key} {theirs[key]}, not {ours[key]}" for key in ours if theirs[key] != ours[key])
        raise InputError(f"{start} holds another network than is to be trained ({differences}); choose another run.")
    compiled = compiles(folder, architecture, recipe, fabric.device)
    trainee = Trainee(first, recipe, dataset, seed, fabric, compiled)
    facts = begin_together(folder, describe(architecture, recipe, dataset, seed, start, fabric), fabric, compiled)
    state = folder / "state.safetensors"
    if state.exists():
        trainee.restore(state)
        if others := resumed(facts, trainee.iteration, made_with(fabric.device, fabric.world_size)):
            facts["resumed"] = others
    clock, since = time.perf_counter(), trainee.iteration
    with heeding_ctrl_c(fabric.world_size == 1) as asked_to_stop:
        while trainee.iteration < recipe.iterations:
            trainee.step()
            iteration, last = trainee.iteration, trainee.iteration == recipe.iterations
            if iteration % recipe.evaluate_every == 0 and not last:
                trainee.test()
            if iteration % RECORD_EVERY == 0 or last:
                seconds = time.perf_counter() - clock
                try:
                    report = trainee.report()
                except FloatingPointError as error:
                    kept = f"the last good checkpoint is {state}" if state.exists() else "no checkpoint was written yet"
                    raise InputError(f"{error}; {kept}; lower the learning rate.") from None
                trainee.save(state)
                facts["seconds"] += seconds
                if fabric.is_global_zero:
                    runs.write_facts(folder, facts)
                speed = (iteration - since) * recipe.batch_size / seconds
                if fabric.is_global_zero:
                    progress(Progress(iteration, recipe.iterations, **report, images_per_second=speed))
                clock, since = time.perf_counter(), iteration
            if asked_to_stop():
                trainee.save(state)
                facts["seconds"] += time.perf_counter() - clock
                runs.write_facts(folder, facts)
                raise KeyboardInterrupt

    if fabric.is_global_zero:
        finish(trainee, trainee.examine(), folder, facts)
        state.unlink(missing_ok=True)
    fabric.barrier()
    return trainee.network.eval()


def finish(trainee: Trainee, test: dict[str, float], folder: Path, facts: dict[str, Any]) -> None:
    """The metrics and the weights, with the errors `test` that `examine` found, and at last `run.json` that says so."""
    runs.write_metrics(folder, trainee.rows)
    dataset, recipe, ended = trainee.dataset, trainee.recipe, trainee.warm_up_ended
    passes = recipe.iterations / trainee.epoch_length
    note = f"Trained for {recipe.iterations:,} iterations ({passes:.3g} passes over the data). {recipe.note}"
    if ended is not None:
        note += f" The warm-up ended after {ended} iterations."
    checkpoint = Checkpoint(
        architecture=trainee.network.architecture,
        classes=dataset.classes,
        mean=dataset.mean,
        std=dataset.std,
        resolution=recipe.resolution,
        stored_resolution=dataset.train.side,
        data=dataset.title,
        source=dataset.source,
        recipe=recipe.name,
        note=note,
        run=folder.name,
        seed=trainee.seed,
        commit=facts["commit"],
        test_error_percent=test["error_percent"],
    )
    save(trainee.network, checkpoint, folder / "last.safetensors")
    runs.write_facts(folder, {**facts, "warm_up_ended": ended, "status": "finished"})
