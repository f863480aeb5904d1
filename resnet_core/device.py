"""Which device, and how many processors, may this process use?"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from resnet_core.errors import InputError

if TYPE_CHECKING:
    import torch


def available_cpus() -> int:
    """Return the number of processors this process may use: its affinity mask on Linux, all of them elsewhere."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def torch_device(name: str | torch.device) -> torch.device:
    """Return the device of that name.

    Args:
        name: torch's ("cpu", "cuda", "cuda:1"), or "auto" for the GPU where there is one.

    Raises:
        InputError: the name is unknown, or this machine has no such device.
    """
    import torch

    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, TypeError, NotImplementedError):
        raise InputError(
            f"There is no device {str(name)[:40]!r} here; choose 'cpu', or 'auto' for the GPU where there is one."
        ) from None
    return device
