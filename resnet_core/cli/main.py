"""The command line: `python -m resnet_core …`. Bad input: one sentence on stderr, exit code 2."""

from __future__ import annotations

import os
import re
import sys
from typing import Annotated, NoReturn

import typer
from rich.table import Table

from resnet_core.cli import inspection, runs, training
from resnet_core.cli.shared import print_table, replace_unencodable
from resnet_core.errors import InputError
from resnet_core.networks.architectures import REGISTRY, architecture
from resnet_core.networks.cost import complexity, stage_table

DEBUG = "RESNET_LENS_DEBUG"  # environment variable; with it, an unforeseen error is shown with its traceback
NO_MEMORY = re.compile(  # how torch, NumPy, CUDA, Linux and Windows say it
    r"alloc|\boom\b|map segment|paging file|(out of|not enough|insufficient|exhausted|exceeded)[a-z ]* (memory|resources)"
    r"|memory[a-z ]* (exhausted|exceeded|full|limit)"
)
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
    for name, network in REGISTRY.items():
        layers = complexity(network)
        parameters, multiply_adds = sum(x.parameters for x in layers), sum(x.multiply_adds for x in layers)
        table.add_row(
            name, f"{network.layers}", network.shortcut or "none", f"{parameters:,}", f"{multiply_adds / 1e9:.2f} billion"
        )
    print_table(table)
    for name in bundled():
        checkpoint = read_checkpoint(name)
        error = f"{checkpoint.test_error_percent:.2f} %"
        print(f"{name}: trained on {checkpoint.data}, test error {error} ({checkpoint.recipe} recipe)")


@app.command()
def summary(name: Annotated[str, typer.Argument(help="a network of the registry")]) -> None:
    """One network, stage by stage, as Table 1 of the paper lists it."""
    table = Table("stage", "output", "blocks", "parameters", "multiply-adds", box=None)
    rows = stage_table(architecture(name))
    for row in rows:
        table.add_row(row.stage, row.output, row.blocks, f"{row.parameters:,}", f"{row.multiply_adds / 1e6:,.1f} million")
    parameters, multiply_adds = sum(row.parameters for row in rows), sum(row.multiply_adds for row in rows)
    table.add_row("in all", "", "", f"{parameters:,}", f"{multiply_adds / 1e6:,.1f} million")
    print_table(table)


def main() -> None:
    replace_unencodable()
    try:
        code = app(standalone_mode=False)
    except InputError as error:
        _refuse(str(error))
    except typer.TyperException as error:
        said = error.format_message().rstrip(".")
        end = "" if said.endswith("?") else "; `python -m resnet_core --help` lists what there is."
        _refuse(said + end if said else "")
    except Exception as error:
        if os.environ.get(DEBUG):
            raise
        _refuse(_sentence(error))
    if code == STOPPED:
        print("Stopped; a training goes on with the same command.", file=sys.stderr)
    sys.exit(code)


def _sentence(error: Exception) -> str:
    """Return what to say of an error that nobody foresaw."""
    lines = str(error).strip().splitlines()
    if any("Traceback (most recent call last)" in line for line in lines):  # a worker process's, with the error in its last line
        lines = lines[-1:]
    text = " ".join(" ".join(lines).split())[:300].rstrip(".")
    reason = f"{type(error).__name__}: {text}" if text else type(error).__name__
    low = text.lower()
    if "shared memory" in low or "/dev/shm" in low or "shm" in low.split():
        return f"The system's shared memory cannot be used ({reason}); make /dev/shm writable and large enough."
    if isinstance(error, MemoryError) or NO_MEMORY.search(low):
        return f"There is not enough memory ({reason}); choose a smaller network or fewer images at once."
    if "start new thread" in low or isinstance(error, BlockingIOError):
        return f"The system starts no more threads or processes ({reason}); end some, or raise the limit (ulimit -u)."
    if isinstance(error, OSError):
        place = f"{os.fsencode(error.filename).decode(errors='replace')}: " if isinstance(error.filename, str | bytes) else ""
        return (
            f"The system refused something ({place[:300]}{error.strerror or reason}); correct that, and give the command again."
        )
    return f"Something went wrong that nobody foresaw ({reason}); {DEBUG}=1 shows where, for a report of the fault."


def _refuse(sentence: str) -> NoReturn:
    if sentence and os.environ.get("RANK", "0") == "0":  # of several processes that torchrun started, one speaks
        print(sentence, file=sys.stderr)
    sys.exit(2)
