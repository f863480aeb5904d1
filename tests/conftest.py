"""What holds for every test? One thread for torch: in small networks a second one only waits, on a busy machine very long."""

from __future__ import annotations

import torch


def pytest_configure() -> None:
    torch.set_num_threads(1)
