"""The command line: `python -m resnet_core …`. Bad input: one sentence on stderr, exit code 2."""

from __future__ import annotations

import os
import sys
from typing import Annotated, NoReturn

import typer
from rich.console import Console
from rich.table import Table

from resnet_core.cli import inspection, runs, training
from resnet_core.errors import InputError
from resnet_core.networks.architectures import REGISTRY, architecture
from resnet_core.networks.cost import complexity, stage_table

STOPPED = 130  # what a command that a Ctrl-C ended gives

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
app.command("inspect")(inspection.inspect_image)
app.command("attribute")(inspection.attribute_image)
app.command("trust")(inspection.trust_of_attribution)
app.command("feature-maps")(inspection.feature_maps_of_image)
app.command("gradient-flow")(inspection.gradient_flow_of_batch)
app.command()(training.train)
app.command()(training.study)
app.command()(training.race)
app.add_typer(runs.runs_app, name="runs")


@app.callback()
def lens() -> None:
    """ResNet Lens: what residual and plain networks do, block by block."""


@app.command("list")
def list_networks() -> None:
    """The networks by name: layers, parameters, multiply-adds; and the trained ones that come with the project."""
    from resnet_core.networks.weights import bundled, read_checkpoint

    table = Table("network", "layers", "shortcut", "parameters", "multiply-adds", box=None)
    for name, row in REGISTRY.items():
        layers = complexity(row)
        parameters, multiply_adds = sum(x.parameters for x in layers), sum(x.multiply_adds for x in layers)
        table.add_row(name, f"{row.layers}", row.shortcut or "none", f"{parameters:,}", f"{multiply_adds / 1e9:.2f} billion")
    Console().print(table)
    for name in bundled():
        known = read_checkpoint(name)
        print(f"{name}: trained on {known.data}, test error {known.test_error_percent:.2f} % ({known.recipe} recipe)")


@app.command()
def summary(name: Annotated[str, typer.Argument(help="a network of the registry")]) -> None:
    """One network, stage by stage, as Table 1 of the paper lists it."""
    table = Table("stage", "output", "blocks", "parameters", "multiply-adds", box=None)
    rows = stage_table(architecture(name))
    for row in rows:
        table.add_row(row.stage, row.output, row.blocks, f"{row.parameters:,}", f"{row.multiply_adds / 1e6:,.1f} million")
    parameters, multiply_adds = sum(row.parameters for row in rows), sum(row.multiply_adds for row in rows)
    table.add_row("in all", "", "", f"{parameters:,}", f"{multiply_adds / 1e6:,.1f} million")
    Console().print(table)


def main() -> None:
    try:
        code = app(standalone_mode=False)
    except InputError as error:
        _refuse(str(error))
    except typer.TyperException as error:
        said = error.format_message().rstrip(".")
        end = "" if said.endswith("?") else "; `python -m resnet_core --help` lists what there is."
        _refuse(said + end if said else "")
    except (MemoryError, RuntimeError) as error:
        if "memory" not in str(error):
            raise
        _refuse(f"There is not enough memory ({str(error).splitlines()[0]}); choose a smaller network or fewer images at once.")
    if code == STOPPED:
        print("Stopped; a training goes on with the same command.", file=sys.stderr)
    sys.exit(code)


def _refuse(sentence: str) -> NoReturn:
    if sentence and os.environ.get("RANK", "0") == "0":  # of several processes that torchrun started, one speaks
        print(sentence, file=sys.stderr)
    sys.exit(2)
