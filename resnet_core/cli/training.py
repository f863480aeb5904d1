"""The commands that train: `train`, `study`, `race`."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import pandas as pd
import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from resnet_core import runs
from resnet_core.cli.shared import print_table
from resnet_core.device import available_cpus
from resnet_core.errors import InputError
from resnet_core.networks.architectures import architecture

if TYPE_CHECKING:
    from lightning_fabric import Fabric
    from lightning_fabric.loggers.logger import Logger

    from resnet_core.live.race_reader import Race
    from resnet_core.training import loop
    from resnet_core.training.hardware import Precision

Data = Annotated[str | None, typer.Option(help="digits, synthetic, cifar10, cifar100, tiny-imagenet, folder:PATH, imagenet:PATH")]
Scale = Annotated[float, typer.Option(help="multiplies every iteration number of the recipe")]
Out = Annotated[Path, typer.Option(help="the folder of runs")]
Threads = Annotated[int | None, typer.Option(min=1, help="CPU threads a network")]
Seed = Annotated[int, typer.Option(min=0, max=2**32 - 1)]
Start = Annotated[Path | None, typer.Option(help="a finished run's folder, to go on from its weights")]


def bar() -> Progress:
    """On the standard error: what a command gives is alone on the standard output."""
    columns = [TextColumn("{task.description}", markup=False), BarColumn(), TimeRemainingColumn()]
    return Progress(*columns, console=Console(stderr=True), disable=not sys.stderr.isatty())


def follow(shown: Progress, name: str, iterations: int, compiled: bool) -> Callable[[loop.Progress], None]:
    """Return a progress callback for a training: it moves the bar, or prints lines where stderr is no terminal."""
    task = shown.add_task(f"{name}, compiled first: a minute or two" if compiled else name, total=iterations)

    def show(now: loop.Progress) -> None:
        text = f"{name} {now.iteration}/{now.iterations} error {now.error_percent:.1f} % {now.images_per_second:.0f} images/s"
        shown.update(task, completed=now.iteration, description=text)
        if not sys.stderr.isatty():
            print(text, file=sys.stderr, flush=True)

    return show


def _fabric(precision: Precision, loggers: list[Logger]) -> Fabric:
    """One device here; under `torchrun`, the processes that it started."""
    from lightning_fabric import Fabric

    from resnet_core.training.hardware import accelerator

    processes, here = (int(os.environ.get(name, 1)) for name in ("WORLD_SIZE", "LOCAL_WORLD_SIZE"))
    if processes == 1:
        return Fabric(accelerator=accelerator(), devices=1, precision=precision, loggers=loggers)
    nodes = processes // here
    fabric = Fabric(
        accelerator=accelerator(), devices=here, num_nodes=nodes, strategy="ddp", precision=precision, loggers=loggers
    )
    fabric.launch()
    return fabric


def train(
    name: Annotated[str, typer.Argument(help="a network of the registry")],
    recipe_name: Annotated[str, typer.Option("--recipe")] = "short",
    data: Data = "tiny-imagenet",
    width: Annotated[int | None, typer.Option(help="channels of the first stage")] = None,
    shortcut: Annotated[str | None, typer.Option(help="A, B or C, for residual networks")] = None,
    batch_norm: Annotated[bool, typer.Option(help="with batch normalisation")] = True,
    seed: Seed = 0,
    scale: Scale = 1,
    out: Out = Path("runs"),
    threads: Threads = None,
    start: Start = None,
    resume: Annotated[bool, typer.Option("--resume", help="only go on with a run, never begin one")] = False,
    logger: Annotated[str | None, typer.Option(help="tensorboard, wandb or mlflow, to see what is recorded there too")] = None,
) -> None:
    """Train one network; the same command again goes on where it was stopped."""
    import torch

    from resnet_core.data.sources import dataset_name, open_dataset
    from resnet_core.training import hardware, loggers, loop, recipe

    if threads:
        torch.set_num_threads(threads)
    changes = {field: value for field, value in (("width", width), ("shortcut", shortcut)) if value is not None}
    chosen, base = recipe.recipe(recipe_name).scaled(scale), architecture(name, batch_norm=batch_norm, **changes)
    data = data or "tiny-imagenet"
    scaled = "" if scale == 1 else f"-x{scale:g}"
    folder = out / f"{name}-{dataset_name(data)}-{recipe_name}{scaled}-seed{seed}"
    if resume and not os.path.exists(folder / "run.json"):
        raise InputError(f"{folder} holds no run to go on with; without --resume the same command begins one.")
    first = os.environ.get("RANK", "0") == "0"  # of the processes that torchrun started
    with (
        loop.open_run(folder, base, chosen, seed, start, writes=first) as run,
        loggers.listening(logger, folder) as listeners,
        bar() as shown,
    ):
        recorded, dataset = run.facts, open_dataset(data)
        network = replace(base, num_classes=len(dataset.classes))
        fabric = _fabric(hardware.precision_of(chosen, recorded), listeners)
        show = follow(shown, name, chosen.iterations, hardware.compiles(network, chosen, fabric.device, recorded))
        loop.train_in(run, network, chosen, dataset, seed, show, start, fabric)
    if fabric.is_global_zero:
        print(folder)


def race(
    folder: Annotated[Path | None, typer.Argument(help="a race to go on with; a new one if not given")] = None,
    depth: int = 56,
    seed: Seed = 0,
    out: Annotated[Path, typer.Option(help="the folder of races")] = Path("runs/races"),
) -> None:
    """Train a plain network and its residual twin side by side on handwritten digits: what the page "Train live" does."""
    from resnet_core.live import race_folder, race_launcher, race_reader

    if folder is None:
        folder = race_launcher.start(race_folder.Settings(depth=depth, seed=seed), out)
    elif race_reader.read(folder).over:
        race_launcher.resume(folder)
    try:
        now = _watched(folder)
    except KeyboardInterrupt:  # the workers hear no Ctrl-C, so that a server's would not end them
        race_folder.steer(folder, race_folder.Control("stop"))
        print(f"Stopped; `python -m resnet_core race {folder}` goes on with it.", file=sys.stderr)
        sys.exit(130)
    ends = {name: lane.status for name, lane in now.lanes.items()}
    finished = [folder / name for name, status in ends.items() if status == "finished"]
    print(folder)
    if finished:
        _print_errors(runs.load(*finished), "Errors at the end")
    for name, status in ends.items():
        if status != "finished":
            end = {"dead": "died", "stopped": "was stopped"}.get(status, status)
            raise InputError(f"The {name} network {end} before the end; {folder / name / 'worker.log'} says more.")


def _watched(folder: Path) -> Race:
    """The race when it is over; until then it is shown."""
    from resnet_core.live import race_folder, race_reader

    with bar() as shown:
        reader = race_reader.Reader(folder)
        total = reader.read().settings.iterations
        tasks = {name: shown.add_task(name, total=total) for name in race_folder.NETWORKS}
        while True:
            now = reader.read()
            for name, lane in now.lanes.items():
                errors = lane.table[lane.table.metric == "error_percent"].value
                text = f"{name} {lane.iteration}/{total}" + (f" error {errors.iloc[-1]:.1f} %" if len(errors) else "")
                shown.update(tasks[name], completed=lane.iteration, description=text)
            if now.over:
                return now
            time.sleep(0.3)


def study(
    name: Annotated[str, typer.Argument(help="its name; an unknown one lists them")],
    seeds: Annotated[int, typer.Option(min=1, help="how many, from 0")] = 1,
    only: Annotated[list[str] | None, typer.Option(help="a network of the study; may be given several times")] = None,
    scale: Scale = 1,
    data: Data = None,
    out: Out = Path("runs"),
    jobs: Annotated[int | None, typer.Option(min=1, help="networks at once; as many as processors if not given")] = None,
    on: Annotated[str, typer.Option(help="here, or ray")] = "here",
    keep: Annotated[int, typer.Option(min=0, help="times that the weights are kept on the way")] = 0,
) -> None:
    """Train or measure a study's networks; finished ones are skipped, so the same command goes on with it."""
    from resnet_core.studies import plan as studies
    from resnet_core.studies.catalogue import StudyPlan, study

    if on not in ("here", "ray"):
        raise InputError(f"A study runs here or on ray, not on {on!r}.")
    chosen = study(name)
    planned = studies.plan(chosen, out, range(seeds), only or (), scale, data, keep)
    jobs = min(jobs or available_cpus(), len(planned))
    threads = max(1, available_cpus() // jobs)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # as Ctrl-C does, it ends the workers too
    with bar() as shown:
        task = shown.add_task(chosen.name, total=len(planned))

        finished = []

        def show(done: studies.Job, what: str) -> None:
            if what != "elsewhere":
                finished.append(done.folder)
            shown.update(task, advance=1, description=done.folder.name)
            print(f"{done.folder}: {what}", flush=True)

        if on == "ray":
            studies.run_on_ray(planned, threads, show)
        else:
            studies.run_here(planned, jobs, threads, show)
    if finished and isinstance(chosen, StudyPlan):
        _print_errors(runs.load(*finished), chosen.question)


def _print_errors(table: pd.DataFrame, question: str) -> None:
    errors = runs.mean_final_errors(table).set_index(["layers", "residual", "network", "split"])
    shown = Table("network", "training error %", "test error %", "seeds", title=Text(question), box=None)

    def spread(row: pd.Series) -> str:
        return f"{row['mean']:.2f}" + ("" if pd.isna(row.sd) else f" ± {row.sd:.2f}")

    for (*_, network), both in errors.groupby(["layers", "residual", "network"]):
        train, test = (both.xs(split, level="split").iloc[0] for split in ("train", "test"))
        shown.add_row(Text(network), spread(train), spread(test), f"{test.n:.0f}")
    print_table(shown)
