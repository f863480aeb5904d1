"""What do all commands share? How they print tables and lines, on any terminal, and how they end."""

from __future__ import annotations

import sys

from rich.console import Console
from rich.measure import Measurement
from rich.table import Table


def print_table(table: Table) -> None:
    """Print a table whole: on a narrow terminal its lines are broken by the terminal, no number is cut off."""
    console = Console()
    needed = Measurement.get(console, console.options.update(width=10_000), table).maximum
    Console(width=max(console.width, needed), soft_wrap=False).print(table)


def replace_unencodable() -> None:
    """Let stdout and stderr print a question mark for a character that the terminal's encoding lacks, instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")


def printable(text: object) -> str:
    """Return a stranger's text on one line, without the control characters that a terminal would obey."""
    return "".join(letter if letter.isprintable() else " " for letter in str(text))
