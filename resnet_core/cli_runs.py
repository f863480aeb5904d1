"""The commands that read what a training left, and repeat it: `runs`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import pandas as pd
import typer

from resnet_core import runs
from resnet_core.cli_training import Start, bar, follow
from resnet_core.errors import InputError

RunFolder = Annotated[Path, typer.Argument(help="a run directory")]

runs_app = typer.Typer(no_args_is_help=False, help="What trainings left: list, show, compare, export.")


@runs_app.callback(invoke_without_command=True)
def list_runs(
    context: typer.Context, folder: Annotated[Path, typer.Option("--in", help="the folder of runs")] = Path("runs")
) -> None:
    """Every run in or below a folder: what it trained, and how it ended."""
    if context.invoked_subcommand:
        return
    found = sorted(path.parent for path in folder.rglob("run.json"))
    if not found:
        raise InputError(f"There is no run in {folder}; `python -m resnet_core train` makes one.")
    rows = []
    for each in found:
        facts = runs.read_facts(each)
        scale = facts["recipe"].get("scale", 1)
        rows.append(
            {
                "run": each,
                "network": facts["architecture"]["name"],
                "data": facts["data"]["title"],
                "recipe": facts["recipe"]["name"] + ("" if scale == 1 else f" x{scale:g}"),
                "seed": facts["seed"],
                "status": facts["status"],
                "test error %": f"{_last(runs.read_metrics(each), 'test'):.2f}" if facts["status"] == "finished" else "",
            }
        )
    print(pd.DataFrame(rows).to_string(index=False))


def _last(metrics: pd.DataFrame, split: str) -> float:
    errors = metrics[(metrics.metric == "error_percent") & (metrics.split == split) & metrics.block.isna()]
    return float(errors.sort_values("step").value.iloc[-1])


@runs_app.command("show")
def show_run(run: RunFolder) -> None:
    """One run: its facts, and its errors over the iterations."""
    facts, metrics = runs.read_facts(run), runs.read_metrics(run)
    for key in ("architecture", "recipe", "data", "seed", "commit", "hardware", "versions", "seconds", "status"):
        print(f"{key}: {facts.get(key)}")
    _print_curves({run.name: metrics})


@runs_app.command("compare")
def compare_runs(first: RunFolder, second: RunFolder) -> None:
    """Two runs side by side: their errors over the iterations."""
    _print_curves({f"{i}: {run.name}": runs.read_metrics(run) for i, run in enumerate((first, second), 1)})


def _print_curves(tables: dict[str, pd.DataFrame]) -> None:
    columns = {}
    for name, metrics in tables.items():
        errors = metrics[(metrics.metric == "error_percent") & metrics.block.isna()]
        for split, part in errors.groupby("split"):
            columns[f"{name}, {split} error %"] = part.set_index("step").value
    table = pd.DataFrame(columns).sort_index()
    print(table.iloc[:: max(1, len(table) // 30)].to_string(float_format="{:.2f}".format, na_rep=""))


@runs_app.command("repeat")
def repeat_run(
    run: RunFolder,
    data: Annotated[str | None, typer.Option(help="where its name does not lead to its data: folder:PATH")] = None,
    start: Start = None,
    out: Annotated[Path, typer.Option(help="the folder of repeated runs")] = Path("runs/repeated"),
) -> None:
    """Train a finished run again from its run.json, with as many threads, and say whether every number is the same."""
    import torch

    from resnet_core.data.datasets import open_dataset
    from resnet_core.training.repeat import read, repeat

    facts, folder = read(run), out / run.resolve().parent.name / run.resolve().name
    torch.set_num_threads(facts["hardware"]["threads"])
    dataset = open_dataset(data or facts["data"]["name"])
    with bar() as shown:
        show = follow(shown, folder.name, facts["recipe"]["iterations"], facts.get("compiled", False))
        difference = repeat(run, folder, dataset, show, start)
    print(folder)
    if difference is None:
        print(f"The same: all {len(runs.read_metrics(run))} numbers, bit for bit.")
        return
    print(f"Not the same {difference}.")
    now = runs.read_facts(folder)
    for key in ("versions", "hardware", "commit"):
        if facts[key] != now[key]:
            print(f"The {key} differ: recorded {facts[key]}, repeated {now[key]}.")
    raise typer.Exit(1)


@runs_app.command("export")
def export_run(run: RunFolder, csv: Annotated[bool, typer.Option("--csv", help="as comma-separated values")] = True) -> None:
    """A run's metrics, tidy, on the standard output."""
    runs.read_metrics(run).to_csv(sys.stdout, index=False)
