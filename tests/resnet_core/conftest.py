from __future__ import annotations

from pathlib import Path

import pytest

from resnet_core.networks import weights
from tests.support.checkpoints import described, trained
from tests.support.toy_training import run


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A small checkpoint as `save` writes it."""
    path = tmp_path / "small.safetensors"
    weights.save(trained(), described(), path)
    return path


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of a small finished run."""
    folder = tmp_path_factory.mktemp("finished") / "run"
    run(folder)
    return folder
