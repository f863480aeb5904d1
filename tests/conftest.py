"""What holds for every test and for every process that a test starts? One thread for torch, and no compiling.

In small networks a second thread only waits, on a busy machine very long; compiling takes a minute. The environment says both,
before anything imports torch, so that child processes inherit it.
"""

from __future__ import annotations

import os
import tempfile

os.environ["OMP_NUM_THREADS"] = "1"
os.environ["RESNET_LENS_COMPILE"] = "0"
# torch keeps compiled kernels by their source alone: those for one set of instructions crash under another
os.environ["TORCHINDUCTOR_CACHE_DIR"] = (
    f"{tempfile.gettempdir()}/resnet-lens-inductor-{os.environ.get('ATEN_CPU_CAPABILITY', 'default')}"
)

import pytest
import torch
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling


def pytest_configure() -> None:
    torch.set_num_threads(1)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what drives a Chromium."""
    for item in items:
        if "browser" in getattr(item, "fixturenames", ()):
            item.add_marker("browser")


class ByFile(LoadScopeScheduling):
    """Every file goes to one worker as a whole, and so do all files of tests/browser, which share a server of the dashboard."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return "browser" if file.startswith("tests/browser/") else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> ByFile:
    return ByFile(config, log)
