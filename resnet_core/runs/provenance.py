"""What made a run? The commit, the versions and the hardware, as run.json keeps them."""

from __future__ import annotations

import platform
import subprocess
from pathlib import Path
from typing import Any

import torch

INSTRUCTIONS = ("avx2", "avx512_f", "avx512_bf16", "amx_bf16")  # with which a CPU's kernels differ, and so the last digits
_PACKAGE = Path(__file__).parents[1]


def commit() -> str | None:
    """Return the commit of the code, with "+" where it was changed since; None outside a repository."""
    try:
        # an installed package may lie inside the repository of another project, whose commit says nothing of it
        subprocess.run(["git", "ls-files", "--error-unmatch", "__init__.py"], cwd=_PACKAGE, capture_output=True, check=True)
        head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=_PACKAGE, capture_output=True, text=True, check=True)
        changed = subprocess.run(
            ["git", "status", "--porcelain", "--", "."], cwd=_PACKAGE, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return head.stdout.strip() + ("+" if changed.stdout else "")


def instructions() -> list[str]:
    """Return those of INSTRUCTIONS that this CPU has."""
    if not hasattr(torch.cpu, "get_capabilities"):  # an older torch does not say
        return []
    has = torch.cpu.get_capabilities()
    return [name for name in INSTRUCTIONS if has.get(name)]


def device_name(device: torch.device) -> str:
    """Return "cpu", or the GPU's product name."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type


def provenance(device: torch.device, processes: int = 1) -> dict[str, Any]:
    """Return commit, versions and hardware of a computation that begins here and now."""
    return {
        "commit": commit(),
        "versions": {"python": platform.python_version(), "torch": torch.__version__},
        "hardware": {
            "machine": platform.machine(),
            "instructions": " ".join(instructions()),
            "threads": torch.get_num_threads(),
            "device": device_name(device),
            "processes": processes,
        },
    }
