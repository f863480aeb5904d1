"""The commands that read what a training left, and repeat it: `runs`."""

from __future__ import annotations

import math
import os
import sys
from pathlib import Path
from typing import Annotated, Any

import pandas as pd
import typer

from resnet_core import runs
from resnet_core.cli.training import Start, bar, follow
from resnet_core.errors import InputError

RunFolder = Annotated[Path, typer.Argument(help="a run directory")]

LISTED = ["run", "network", "data", "recipe", "seed", "status", "test error %"]
ROWS = 30  # of a curve that is printed

runs_app = typer.Typer(no_args_is_help=False, help="What trainings left: list, show, compare, export, repeat.")


@runs_app.callback(invoke_without_command=True)
def list_runs(
    context: typer.Context, folder: Annotated[Path, typer.Option("--in", help="the folder of runs")] = Path("runs")
) -> None:
    """Every run in or below a folder: what it trained, and how it ended."""
    if context.invoked_subcommand:
        return
    found = runs.find(folder)
    if not found:
        raise InputError(f"There is no run in {folder}; `python -m resnet_core train` makes one.")
    rows = []
    for each in found:
        try:
            rows.append(_line(each))
        except InputError as error:
            rows.append({"run": os.fsencode(each).decode(errors="replace"), "status": "broken"})
            print(error, file=sys.stderr)
    print(pd.DataFrame(rows, columns=LISTED).to_string(index=False, na_rep=""))


def _line(run: Path) -> dict[str, Any]:
    facts = runs.read_run(run)
    recipe = facts.recipe + ("" if facts.scale == 1 else f" x{facts.scale:g}")
    table = runs.results(facts) if facts.status == "finished" and facts.measurement is None else None
    error = "" if table is None else _test_error(table)
    said = [run, facts.architecture, facts.data, recipe, str(facts.seed), facts.status, error]
    return dict(zip(LISTED, said, strict=True))


def _test_error(table: pd.DataFrame) -> str:
    """The final test error in percent, with the running statistics of batch norm; empty where it was never tested."""
    errors = runs.final_errors(table)
    errors = errors[(errors.split == "test") & (errors.statistics == "running")].error_percent
    return "" if errors.empty else f"{errors.iloc[-1]:.2f}"


@runs_app.command("show")
def show_run(run: RunFolder) -> None:
    """One run: its facts, and its errors over the iterations."""
    facts, metrics = runs.read_facts(run), runs.read_metrics(run)
    more = ("precision", "compiled", "commit", "hardware", "versions", "resumed", "seconds", "status")
    for key in ("architecture", "recipe", "data", "seed", *more):
        print(f"{key}: {facts.get(key)}")
    _print_curves({"": metrics})


@runs_app.command("compare")
def compare_runs(first: RunFolder, second: RunFolder) -> None:
    """Two runs side by side: their errors over the iterations."""
    tables = {f"{i} ": runs.read_metrics(run) for i, run in enumerate((first, second), 1)}
    for number, run in zip(tables, (first, second), strict=True):
        print(f"{number} {run}")
    _print_curves(tables)


def _print_curves(tables: dict[str, pd.DataFrame]) -> None:
    """Errors over the iterations; the keys go before the columns' names."""
    columns = {}
    for name, metrics in tables.items():
        errors = metrics[(metrics.metric == "error_percent") & metrics.block.isna()]
        for split, part in errors.groupby("split"):
            columns[f"{name}{split} error %"] = part.set_index("step").value
    table = pd.DataFrame(columns).sort_index()
    tested = table.filter(like="test error").notna().any(axis=1)
    shown = pd.concat([_thinned(table[tested]), _thinned(table[~tested])]).sort_index()
    print(shown.to_string(float_format="{:.2f}".format, na_rep=""))


def _thinned(table: pd.DataFrame) -> pd.DataFrame:
    """At most ROWS, evenly, the last among them."""
    return table.iloc[:: -max(1, math.ceil(len(table) / ROWS))]


@runs_app.command("repeat")
def repeat_run(
    run: RunFolder,
    data: Annotated[
        str | None, typer.Option(help="where its name does not lead to its data: folder:PATH or imagenet:PATH")
    ] = None,
    start: Start = None,
    out: Annotated[Path, typer.Option(help="the folder of repeated runs")] = Path("repeated"),
) -> None:
    """Train a finished run again from its run.json, with as many threads, and say whether every number is the same."""
    import torch

    from resnet_core.data.sources import DATASETS, open_dataset
    from resnet_core.studies.repeat import read, repeat

    recorded, folder = read(run), out / run.resolve().parent.name / run.resolve().name
    if data is None and recorded.data["name"] not in DATASETS:
        kind = "imagenet" if recorded.recipe.sides else "folder"
        raise InputError(f"{run} was trained on {recorded.data['title']}; say where that is with --data {kind}:PATH.")
    torch.set_num_threads(recorded.threads)
    dataset = open_dataset(data or recorded.data["name"])
    with bar() as shown:
        show = follow(shown, folder.name, recorded.recipe.iterations, recorded.compiled)
        difference = repeat(recorded, folder, dataset, show, start)
    print(folder)
    if difference is None:
        print(f"The same: all {len(runs.read_metrics(run))} numbers, bit for bit.")
        return
    print(f"Not the same: {difference}.")
    before, now = runs.read_run(run), runs.read_run(folder)
    for old, new in ((before.versions, now.versions), (before.hardware, now.hardware)):
        for key in old.keys() & new.keys():
            if old[key] != new[key]:
                print(f"{key}: {old[key]} when it was recorded, and now {new[key]}")
    if before.commit != now.commit:
        print(f"commit: {before.commit} when it was recorded, and now {now.commit}")
    raise typer.Exit(1)


@runs_app.command("export")
def export_run(run: RunFolder, csv: Annotated[bool, typer.Option("--csv", help="as comma-separated values")] = True) -> None:
    """A run's metrics, tidy, on the standard output."""
    runs.read_metrics(run).to_csv(sys.stdout, index=False)
