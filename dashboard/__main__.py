"""`python -m dashboard`: start the server and open the page in the browser. Bad input: one sentence on stderr, exit code 2."""

from __future__ import annotations

import errno
import ipaddress
import os
import re
import socket
import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from resnet_core.errors import InputError


def serve_command(
    port: Annotated[int, typer.Option(help="where to listen")] = 8501,
    address: Annotated[str, typer.Option(help="of the network to listen on; 0.0.0.0 is every network")] = "127.0.0.1",
    base_path: Annotated[str, typer.Option(help="the path below which the site lies, behind a proxy")] = "",
    runs: Annotated[Path, typer.Option(envvar="RESNET_LENS_RUNS", help="the folder of runs and races")] = Path("runs"),
    uploads: Annotated[bool, typer.Option(help="whether visitors may upload photographs and weights")] = True,
    races: Annotated[int | None, typer.Option(help="races at once; one for two processors if not given", min=0)] = None,
) -> None:
    """Serve the dashboard here and open it in the browser."""
    base_path = base_path.strip("/")
    if not 1 <= port <= 65535:
        raise InputError(f"A port must be 1 to 65535, not {port}; 8501 is the usual one.")
    if base_path and not re.fullmatch(r"[\w.~-]+(/[\w.~-]+)*", base_path, re.ASCII):
        raise InputError(f"A base path must be words such as lens or teaching/lens, not {base_path!r}.")
    if runs.exists() and not runs.is_dir():
        raise InputError(f"{runs} is a file; --runs must be a folder.")
    _check_free(address, port)
    os.environ["RESNET_LENS_RUNS"] = str(runs.absolute())
    if not uploads:
        os.environ["RESNET_LENS_UPLOADS"] = "0"
    if races is not None:
        os.environ["RESNET_LENS_RACES"] = str(races)

    shown = "localhost" if address in ("0.0.0.0", "::") else f"[{address}]" if ":" in address else address
    url = f"http://{shown}:{port}/{base_path}"
    print(f"ResNet Lens: {url}", flush=True)
    if not _is_loopback(address):
        may = " and ".join(("upload files",) * uploads + ("start, pause and stop races",))
        print(
            f"Warning: whoever can reach {address}:{port} may see every page, {may}; there is no password. "
            "docs/serving.md says how to put the server behind nginx.",
            file=sys.stderr,
        )

    from dashboard.server import serve  # streamlit takes half a second

    serve(url, port, address, base_path)


def _check_free(address: str, port: int) -> None:
    """Raise InputError if the server cannot listen there."""
    try:
        with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as listening:
            if os.name != "nt":
                listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind((address, port))
            listening.listen()
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise InputError(f"Port {port} is taken by another program; choose another with --port.") from None
        if error.errno == errno.EACCES:
            raise InputError(f"Port {port} is reserved for the system; choose one above 1023 with --port.") from None
        raise InputError(
            f"This machine has no address {address!r}; --address 127.0.0.1 is for this machine alone, 0.0.0.0 for every network."
        ) from None


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return address == "localhost"


def main() -> None:
    """Run `serve_command` with the words of the command line."""
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(serve_command)
    try:
        sys.exit(app(standalone_mode=False))
    except InputError as error:
        _refuse(str(error))
    except typer.TyperException as error:
        _refuse(f"{error.format_message().rstrip('.')}; `python -m dashboard --help` lists what there is.")


def _refuse(sentence: str) -> NoReturn:
    print(sentence, file=sys.stderr)
    sys.exit(2)


if __name__ == "__main__":
    main()
