from __future__ import annotations

from pathlib import Path

import pytest

from resnet_core.networks import weights
from tests.support.checkpoints import described, trained


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A small checkpoint as `save` writes it."""
    path = tmp_path / "small.safetensors"
    weights.save(trained(), described(), path)
    return path
