"""A server of the dashboard and a Chromium, one of each for all tests of this folder."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from playwright.sync_api import Browser, Page, expect, sync_playwright
from torchvision import models

from tests.browser.install import chromium
from tests.support.browser import FLAGS

ROOT = Path(__file__).parents[2]
expect.set_options(timeout=60_000)


def _torch_home(folder: Path) -> Path:
    """torch's folder of downloads with torchvision's resnet18, whose weights nobody trained."""
    downloads = folder / "hub" / "checkpoints"
    downloads.mkdir(parents=True)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = models.resnet18(weights=None)
    torch.save(network.state_dict(), downloads / Path(models.ResNet18_Weights.DEFAULT.url).name)
    return folder


def _wait_until_up(address: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 120
    while True:
        try:
            urllib.request.urlopen(f"{address}/_stcore/health", timeout=1).close()
            return
        except OSError:
            assert process.poll() is None, "The dashboard ended before it answered."
            assert time.monotonic() < deadline, "The dashboard does not answer."
            time.sleep(0.25)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a running dashboard, started as `make run` starts it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {key: value for key, value in os.environ.items() if key not in ("DISPLAY", "WAYLAND_DISPLAY")}
    environment["RESNET_LENS_RUNS"] = str(tmp_path_factory.mktemp("runs"))
    environment["TORCH_HOME"] = str(_torch_home(tmp_path_factory.mktemp("torch")))
    environment |= dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), "http://127.0.0.1:1")  # no way out
    address = f"http://127.0.0.1:{port}"
    process = subprocess.Popen([sys.executable, "-m", "dashboard", "--port", str(port)], cwd=ROOT, env=environment)
    try:
        _wait_until_up(address, process)
        yield address
        process.terminate()
        process.wait(timeout=20)
    finally:
        process.kill()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    path = chromium()
    assert path, "no Chromium; `python -m tests.browser.install chromium` installs one"
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield started
        started.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A fresh visitor on a laptop; the test fails where the page logs an error or shows a traceback."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    opened = context.new_page()
    opened.set_default_timeout(60_000)
    errors: list[str] = []
    probe = "/_stcore/"  # on a deep link the client looks for its server below the page's path: a 404 that means nothing
    opened.on("console", lambda m: errors.append(m.text) if m.type == "error" and probe not in m.location["url"] else None)
    opened.on("pageerror", lambda error: errors.append(str(error)))
    yield opened
    exceptions = opened.locator('[data-testid="stException"]').count()
    context.close()
    assert not errors
    assert not exceptions
