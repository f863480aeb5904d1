"""The command line: `python -m resnet_core …`. Bad input: one sentence on stderr, exit code 2."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from resnet_core.architectures import architecture
from resnet_core.errors import InputError

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)


@app.callback()
def lens() -> None:
    """ResNet Lens: what residual and plain networks do, block by block."""


@app.command()
def train(
    name: Annotated[str, typer.Argument(help="a network of the registry")],
    recipe_name: Annotated[str, typer.Option("--recipe")] = "short",
    data: Annotated[str, typer.Option(help="a dataset's name")] = "tiny-imagenet",
    width: Annotated[int | None, typer.Option(help="channels of the first stage")] = None,
    shortcut: Annotated[str | None, typer.Option(help="A, B or C, for residual networks")] = None,
    seed: int = 0,
    out: Annotated[Path, typer.Option(help="the folder of runs")] = Path("runs"),
    threads: Annotated[int | None, typer.Option(help="CPU threads")] = None,
) -> None:
    """Train one network; the same command again goes on where it was stopped."""
    import torch

    from resnet_core.data.datasets import open_dataset
    from resnet_core.training import engine, recipe

    if threads:
        torch.set_num_threads(threads)
    changes = {field: value for field, value in (("width", width), ("shortcut", shortcut)) if value is not None}
    chosen, base = recipe.recipe(recipe_name), architecture(name, **changes)  # checked before the data are decoded
    dataset = open_dataset(data)
    network = replace(base, num_classes=len(dataset.classes))
    folder = out / f"{name}-{data}-{recipe_name}-seed{seed}"
    columns = [TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn()]
    with Progress(*columns, transient=not sys.stdout.isatty()) as bar:
        task = bar.add_task(name, total=chosen.iterations)

        def show(now: engine.Progress) -> None:
            text = f"{name} {now.iteration}/{now.iterations} error {now.error_percent:.1f} % {now.images_per_second:.0f} images/s"
            bar.update(task, completed=now.iteration, description=text)
            if not sys.stdout.isatty():
                print(text, flush=True)

        engine.train(network, chosen, dataset, seed, folder, show)
    print(folder)


def main() -> None:
    try:
        app(standalone_mode=False)
    except InputError as error:
        print(error, file=sys.stderr)
        sys.exit(2)
