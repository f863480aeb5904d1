"""What a small run.json says."""

from __future__ import annotations

from typing import Any

FACTS: dict[str, Any] = {
    "architecture": {"name": "plain20-cifar", "shortcut": None, "batch_norm": True},
    "layers": 20,
    "data": {"name": "toy", "title": "Toy data"},
    "recipe": {"name": "short", "iterations": 100},
    "seed": 3,
    "seconds": 12.5,
    "status": "finished",
}
