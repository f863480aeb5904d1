"""The command `resnet-lens`: the core's commands, and those of the dashboard, which the core must not know."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dashboard.__main__ import serve_command
from resnet_core.atomic import replacing
from resnet_core.cli import main as core
from resnet_core.errors import InputError


def handout_command(
    what: Annotated[str, typer.Argument(help="a tour such as why-residual, a YAML file, or a page such as compare?sample=cat")],
    out: Annotated[Path, typer.Option(help="the HTML file to write")] = Path("handout.html"),
) -> None:
    """Write a tour or a page as one HTML file that opens with a double click, without a network."""
    if not out.absolute().parent.is_dir():
        raise InputError(f"There is no folder {out.absolute().parent}; choose another file with --out.")
    from dashboard.lecture.hand_out import hand_out  # it loads figures and tables, which takes two seconds

    page = hand_out(what)
    with replacing(out) as part:
        part.write_text(page, encoding="utf-8")
    print(f"{out}: {len(page.encode()) / 1e6:.1f} MB")


core.app.command("dashboard")(serve_command)
core.app.command("handout")(handout_command)
main = core.main

if __name__ == "__main__":
    main()
