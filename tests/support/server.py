"""Servers for tests, each a process of its own that ends with its block."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]
SECONDS = 90  # until a server that does not answer counts as broken
_SMALL = """
import json, sys
from pathlib import Path
from dashboard import server
from dashboard.serving import limits
port, base_path, script, bounds = sys.argv[1:]
for name, value in json.loads(bounds).items():
    assert hasattr(limits, name)
    setattr(limits, name, value)
server.SCRIPT, server._greet = Path(script), lambda url: None
server.serve("", int(port), "127.0.0.1", base_path)
"""


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    """Return once the URL answers. Raises AssertionError where the process ends, or takes too long."""
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        assert process.poll() is None, f"the server ended with exit code {process.returncode}"
        try:
            direct.open(url, timeout=5).close()
            return
        except OSError:
            time.sleep(0.05)
    raise AssertionError(f"no answer from {url} within {SECONDS} seconds")


@contextmanager
def running(command: Sequence[str], health: str, environment: Mapping[str, str] = {}) -> Iterator[subprocess.Popen[bytes]]:
    """A process that serves `health`, from a folder that is not the project's."""
    found = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    process = subprocess.Popen(command, cwd=ROOT.parent, env={**os.environ, "PYTHONPATH": found, **environment})
    try:
        wait_for(health, process)
        yield process
    finally:
        process.terminate()
        try:
            process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise


@contextmanager
def small_site(base_path: str = "", bounds: Mapping[str, float] = {}, environment: Mapping[str, str] = {}) -> Iterator[str]:
    """The address of `support/site.py`, served as the dashboard is, with `bounds` in place of the usual limits."""
    port = free_port()
    address = f"http://127.0.0.1:{port}" + (f"/{base_path}" if base_path else "")
    script = Path(__file__).with_name("site.py")
    command = [sys.executable, "-c", _SMALL, str(port), base_path, str(script), json.dumps(dict(bounds))]
    with running(command, f"{address}/_stcore/health", environment):
        yield address
