"""What several files of tests of training look at: one finished run."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.toy_training import run


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("finished") / "run"
    run(folder)
    return folder
