"""How is one network trained? Recipe, data and seed in; a run directory out, resumable at any moment."""

from __future__ import annotations

import json
import platform
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from types import FrameType
from typing import Any, Literal

import torch
from lightning_fabric import Fabric

from resnet_core import runs
from resnet_core.architectures import Architecture
from resnet_core.checkpoint import Checkpoint
from resnet_core.data.datasets import Dataset
from resnet_core.errors import InputError
from resnet_core.network import ResNet, build
from resnet_core.training.memory import keep_freed_memory
from resnet_core.training.recipe import OF_OLD_RECIPES, Recipe
from resnet_core.training.trainee import Trainee
from resnet_core.weights import load, save

Precision = Literal["32-true", "bf16-mixed"]
RECORD_EVERY = 50  # iterations over which the training loss and error are averaged; also between checkpoints

INSTRUCTIONS = ("avx2", "avx512_f", "avx512_bf16", "amx_bf16")  # with which a CPU's kernels differ, and so the last digits


@dataclass(frozen=True)
class Progress:
    iteration: int
    iterations: int
    loss: float
    error_percent: float  # of the augmented training batches, since the last report
    images_per_second: float


def commit() -> str | None:
    """The commit of the code, with "+" where it was changed since; None outside a repository."""
    try:
        here = Path(__file__).parent
        head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=here, capture_output=True, text=True, check=True)
        changed = subprocess.run(
            ["git", "status", "--porcelain", "--", "."], cwd=here, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return head.stdout.strip() + ("+" if changed.stdout else "")


def accelerator() -> str:
    """Where trainings run, as `weights.load` chooses too: not on Apple's GPUs, which lack float64 and on which nobody tests."""
    return "cuda" if torch.cuda.is_available() else "cpu"


def precision_of(folder: Path, recipe: Recipe) -> Precision:
    """The precision a run is trained in, in Fabric's terms: what `folder` records of an unfinished one, so that it goes on as it
    began, or else what the recipe wants and the hardware has."""
    if (folder / "run.json").exists():
        return "bf16-mixed" if runs.read_facts(folder).get("precision") == "bf16-mixed" else "32-true"
    if torch.cuda.is_available():
        supported = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        supported = not {"avx512_bf16", "amx_bf16"}.isdisjoint(_instructions())
    return "bf16-mixed" if recipe.bfloat16 and supported else "32-true"


def compiles(folder: Path, architecture: Architecture, recipe: Recipe, device: torch.device) -> bool:
    """Whether a run's long phases are trained compiled: what `folder` records of an unfinished one, or else where the recipe has
    such phases; never where nothing can be compiled, for want of a compiler."""
    if (folder / "run.json").exists():
        wanted = bool(runs.read_facts(folder).get("compiled"))
    else:
        wanted = any(phase.worth_compiling(architecture.layers) for phase in recipe.phases)
    return wanted and can_compile(device)


@cache
def can_compile(device: torch.device) -> bool:
    """By trying: it takes a compiler. What was compiled once comes out of a cache and needs none: so each time something else."""
    addend = time.time_ns() % 2**20
    try:
        torch.compile(lambda x: x + addend, dynamic=False)(torch.zeros(1, device=device))
    except Exception:  # of many kinds, and not one of them is the caller's concern
        return False
    return True


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


def _instructions() -> list[str]:
    if not hasattr(torch.cpu, "get_capabilities"):  # an older torch does not say
        return []
    has = torch.cpu.get_capabilities()
    return [name for name in INSTRUCTIONS if has.get(name)]


def _device_name(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type


def made_with(device: torch.device, processes: int = 1) -> dict[str, Any]:
    """commit, versions and hardware, as run.json keeps them."""
    return {
        "commit": commit(),
        "versions": {"python": platform.python_version(), "torch": torch.__version__},
        "hardware": {
            "machine": platform.machine(),
            "instructions": " ".join(_instructions()),
            "threads": torch.get_num_threads(),
            "device": _device_name(device),
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
        earlier["recipe"] = OF_OLD_RECIPES | earlier["recipe"]
        earlier["recipe"]["note"] = facts["recipe"]["note"]  # words, which change nothing that is computed
        earlier["data"] = {"digest": facts["data"]["digest"]} | earlier["data"]  # which earlier versions did not write
        other = next((key for key in facts if earlier.get(key) != facts[key]), None)
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


def _begun(folder: Path, facts: dict[str, Any], fabric: Fabric, compiled: bool) -> dict[str, Any]:
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


def _resumed(facts: dict[str, Any], iteration: int, how: dict[str, Any]) -> list[dict[str, Any]]:
    """From which iterations on a run went on with another commit, other versions or other hardware than before."""
    earlier: list[dict[str, Any]] = facts.get("resumed", [])
    last = earlier[-1] if earlier else facts
    same = all(last.get(key) == value for key, value in how.items())
    return earlier if same else [*earlier, {"iteration": iteration, **how}]


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
    facts = _begun(folder, describe(architecture, recipe, dataset, seed, start, fabric), fabric, compiled)
    state = folder / "state.safetensors"
    if state.exists():
        trainee.restore(state)
        if resumed := _resumed(facts, trainee.iteration, made_with(fabric.device, fabric.world_size)):
            facts["resumed"] = resumed
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
