"""What holds for every test and for every process that a test starts? One thread for torch, and no compiling.

In small networks a second thread only waits, on a busy machine very long; compiling takes a minute. The environment says both,
before anything imports torch, so that child processes inherit it.
"""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = "1"
os.environ["RESNET_LENS_COMPILE"] = "0"

import torch


def pytest_configure() -> None:
    torch.set_num_threads(1)
