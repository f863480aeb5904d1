"""How is one network trained? Recipe, data and seed in; a run directory out, resumable at any moment."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from types import FrameType
from typing import Any

from lightning_fabric import Fabric

from resnet_core.data.photographs import UnreadablePictureError, shown_name
from resnet_core.data.sources import Dataset
from resnet_core.errors import InputError
from resnet_core.networks.architectures import Architecture
from resnet_core.networks.checkpoint import Checkpoint
from resnet_core.networks.resnet import ResNet, build
from resnet_core.networks.weights import load, save
from resnet_core.runs.provenance import provenance
from resnet_core.runs.run import Run
from resnet_core.training.batch_norm import use_torchs_batch_norm
from resnet_core.training.description import describe, describe_plan
from resnet_core.training.hardware import accelerator, compiles, precision_of
from resnet_core.training.memory import keep_freed_memory
from resnet_core.training.recipe import RECIPE_DEFAULTS, Recipe
from resnet_core.training.trainer import Trainer, fitting_batch

RECORD_EVERY = 50  # iterations over which the training loss and error are averaged; also between checkpoints


@dataclass(frozen=True)
class Progress:
    iteration: int
    iterations: int
    loss: float
    error_percent: float  # of the augmented training batches, since the last report
    images_per_second: float


@contextmanager
def deferring_ctrl_c(alone: bool) -> Iterator[Callable[[], bool]]:
    """Yield a function that says whether Ctrl-C was pressed.

    The first Ctrl-C only sets the flag, so that the step and its checkpoint complete; a second raises KeyboardInterrupt.

    Args:
        alone: whether this is the only process of the training. Several processes would stop at different iterations, so with
            False the flag is never set and Ctrl-C interrupts at once. The same holds outside the main thread, and where SIGINT
            is ignored, as in the background of a script.
    """
    deferred = threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGINT) != signal.SIG_IGN
    if not (alone and deferred):
        yield lambda: False
        return
    came = False

    def note(_number: int, _frame: FrameType | None) -> None:
        nonlocal came
        if came:
            raise KeyboardInterrupt
        came = True

    before = signal.signal(signal.SIGINT, note)
    try:
        yield lambda: came
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def _awaiting_repair(run: Run) -> Iterator[None]:
    """Let the run resume from its last checkpoint once an unreadable picture is replaced."""
    try:
        yield
    except UnreadablePictureError as error:
        run.await_repair(shown_name(str(error.path)))
        raise


def open_run(folder: Path, architecture: Architecture, recipe: Recipe, seed: int, start: Path | None, writes: bool = True) -> Run:
    """Lock the run directory of a training, new or unfinished, before its data are opened. Raises InputError as `Run.open`."""
    return Run.open(folder, describe_plan(architecture, recipe, seed, start), RECIPE_DEFAULTS, writes)


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
    """Train a network into a run directory, or resume the unfinished run of the same recipe that the directory holds.

    Twins with one seed start from equal weights (where their parameters are the same) and see the same batches. The process
    keeps the memory that it frees (`keep_freed_memory`). A Ctrl-C is heard after the iteration, whose checkpoint is written
    before KeyboardInterrupt is raised.

    Args:
        folder: The run directory.
        progress: Called every RECORD_EVERY iterations.
        start: A finished run's directory, whose weights are the first ones (fine-tuning); None: He initialisation.
        fabric: The device, the precision, and the processes that share the work; None: one CPU or GPU, whichever there is, in
            the precision of `precision_of`. Long phases are compiled where `compiles` says so.

    Returns:
        The trained network in evaluation mode.

    Raises:
        InputError: The directory is locked, or holds another or a finished run; the data do not fit the recipe; the loss is no
            longer finite.
    """
    writes = fabric is None or fabric.is_global_zero
    with open_run(folder, architecture, recipe, seed, start, writes) as run:
        return train_in(run, architecture, recipe, dataset, seed, progress, start, fabric)


def train_in(
    run: Run,
    architecture: Architecture,
    recipe: Recipe,
    dataset: Dataset,
    seed: int,
    progress: Callable[[Progress], None],
    start: Path | None = None,
    fabric: Fabric | None = None,
    keep: int = 0,
) -> ResNet:
    """Train as `train` does, in a run directory that `open_run` opened.

    keep: how many times the weights are kept on the way (`kept_at`), as kept/ITERATION.safetensors in the run directory.
    """
    recorded = run.facts
    fabric = fabric or Fabric(accelerator=accelerator(), devices=1, precision=precision_of(recipe, recorded))
    keep_freed_memory()
    made_with = provenance(fabric.device, fabric.world_size)
    # checked before the training rather than after it
    checkpoint = describe_checkpoint(architecture, recipe, dataset, seed, run.folder.absolute().name, made_with["commit"])
    first = load(start / "last.safetensors", "cpu") if start else build(architecture, seed)
    if first.architecture != architecture:
        theirs, ours = asdict(first.architecture), asdict(architecture)
        differences = ", ".join(f"{key} {theirs[key]}, not {ours[key]}" for key in ours if theirs[key] != ours[key])
        raise InputError(f"{start} holds another network than is to be trained ({differences}); choose another run.")
    description = describe(architecture, recipe, dataset, seed, start, fabric)
    compiled = compiles(architecture, recipe, fabric.device, recorded)
    trainer = Trainer(first, recipe, dataset, seed, fabric, compiled)
    _begin_together(run, fabric, description, made_with, compiled)
    if saved := run.restore():
        trainer.restore(saved)
    keeps = kept_at(recipe.iterations, keep) if fabric.is_global_zero else ()
    if 0 in keeps and trainer.iteration == 0:
        keep_weights(run.folder, trainer, checkpoint)
    clock, since = time.perf_counter(), trainer.iteration
    with _awaiting_repair(run), deferring_ctrl_c(fabric.world_size == 1) as asked_to_stop:
        while trainer.iteration < recipe.iterations:
            trainer.step()
            iteration, last = trainer.iteration, trainer.iteration == recipe.iterations
            if iteration in keeps:
                keep_weights(run.folder, trainer, checkpoint)
            if iteration % recipe.evaluate_every == 0 and not last:
                trainer.test()
            if iteration % RECORD_EVERY == 0 or last:
                seconds = time.perf_counter() - clock
                try:
                    report = trainer.report()
                except FloatingPointError as error:
                    saved_at = run.checkpoint_path
                    kept = f"the last good checkpoint is {saved_at}" if saved_at else "no checkpoint was written yet"
                    raise InputError(f"{error}; {kept}; choose a recipe with a lower learning rate.") from None
                run.append(trainer.take_rows())
                run.add_seconds(seconds)
                run.checkpoint(*trainer.state())
                speed = (iteration - since) * trainer.batch_size / seconds
                if fabric.is_global_zero:
                    progress(Progress(iteration, recipe.iterations, **report, images_per_second=speed))
                clock, since = time.perf_counter(), iteration
            if asked_to_stop():
                run.append(trainer.take_rows())
                run.add_seconds(time.perf_counter() - clock)
                run.checkpoint(*trainer.state())
                raise KeyboardInterrupt

    with _awaiting_repair(run):
        if fabric.is_global_zero:
            finish(run, trainer, trainer.examine(), checkpoint)
    fabric.barrier()
    use_torchs_batch_norm(trainer.network)
    return trainer.network.eval()


def kept_at(iterations: int, keep: int) -> tuple[int, ...]:
    """Return the iterations after which weights are kept: `keep` of them, denser at the beginning, where weights change most."""
    if keep < 2:
        return (iterations,) * keep
    return tuple(sorted({round(iterations * (i / (keep - 1)) ** 2) for i in range(keep)}))


def keep_weights(folder: Path, trainer: Trainer, checkpoint: Checkpoint) -> None:
    """Write the weights of this iteration beside those of others."""
    (folder / "kept").mkdir(exist_ok=True)
    iteration, iterations = trainer.iteration, trainer.recipe.iterations
    note = f"On the way: after {iteration:,} of {iterations:,} iterations. {trainer.recipe.note}"
    save(trainer.network, replace(checkpoint, note=note), folder / "kept" / f"{iteration:06d}.safetensors")


def _begin_together(run: Run, fabric: Fabric, description: dict[str, Any], made_with: dict[str, Any], compiled: bool) -> None:
    """Let the first process begin the run, then the others, so that all raise the same InputError."""
    refusal = ""
    if fabric.is_global_zero:
        try:
            run.begin(description, made_with, RECIPE_DEFAULTS, compiled)
        except InputError as error:
            refusal = str(error)
    refusal = fabric.broadcast(refusal)
    if refusal:
        raise InputError(refusal)
    if not fabric.is_global_zero:
        run.begin(description, made_with, RECIPE_DEFAULTS, compiled)


def describe_checkpoint(
    architecture: Architecture, recipe: Recipe, dataset: Dataset, seed: int, run: str, commit: str | None
) -> Checkpoint:
    """Return what the weights file at the end says, but for the test error. Raises InputError where it could not say so."""
    images, batch = len(dataset.train), fitting_batch(recipe, len(dataset.train))
    passes = recipe.iterations / (images // batch)
    note = f"Trained for {recipe.iterations:,} iterations ({passes:.3g} passes over the data). {recipe.note}"
    if batch < recipe.batch_size:
        note += f" Each batch had all {images} training images, as they are fewer than the recipe's {recipe.batch_size}."
    return Checkpoint(
        architecture=architecture,
        classes=dataset.classes,
        mean=dataset.mean,
        std=dataset.std,
        resolution=recipe.resolution,
        stored_resolution=dataset.train.side,
        data=dataset.title,
        source=dataset.source,
        recipe=recipe.name,
        note=note,
        run=run,
        seed=seed,
        commit=commit,
        test_error_percent=None,
    )


def finish(run: Run, trainer: Trainer, test: dict[str, float], checkpoint: Checkpoint) -> None:
    """Write the weights, the metrics, and at last `run.json`, which says "finished". test: the errors from `examine`."""
    run.append(trainer.take_rows())
    ended = trainer.warm_up_ended
    if ended is not None:
        checkpoint = replace(checkpoint, note=f"{checkpoint.note} The warm-up ended after {ended} iterations.")
    # a resumed run has the commit of its beginning
    commit = run.facts.commit if run.facts else None
    checkpoint = replace(checkpoint, commit=commit, test_error_percent=test["error_percent"])
    save(trainer.network, checkpoint, run.folder / "last.safetensors")
    run.finish(warm_up_ended=ended)
