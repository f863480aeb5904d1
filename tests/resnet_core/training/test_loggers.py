"""Does a logger hear what the run directory keeps, and is a missing package said in a sentence? Judged by Fabric's CSV logger."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from lightning_fabric import Fabric
from lightning_fabric.loggers import CSVLogger

from resnet_core import runs
from resnet_core.errors import InputError
from resnet_core.training.loggers import listening
from resnet_core.training.loop import train
from tests.support.toy_training import DATA, RECIPE, TINY, silent


def test_a_logger_hears_every_number_of_the_run_directory(tmp_path: Path) -> None:
    logger = CSVLogger(tmp_path, "csv", version="")
    how = replace(RECIPE, blocks_every=40)
    fabric = Fabric(accelerator="cpu", devices=1, loggers=logger)
    train(TINY, how, DATA, 0, tmp_path / "run", silent, fabric=fabric)
    logger.finalize("success")
    heard = pd.read_csv(tmp_path / "csv" / "metrics.csv").melt("step").dropna()
    kept = runs.read_metrics(tmp_path / "run")
    names = [f"{row.split}/{row.metric}" + (f"/{row.block}" if isinstance(row.block, str) else "") for row in kept.itertuples()]
    expected = pd.DataFrame({"step": kept.step, "variable": names, "value": kept.value})
    order = ["step", "variable"]
    pd.testing.assert_frame_equal(
        heard.sort_values(order).reset_index(drop=True), expected.sort_values(order).reset_index(drop=True), check_dtype=False
    )


def test_tensorboard_writes_into_the_run_directory(tmp_path: Path) -> None:
    with listening("tensorboard", tmp_path / "run") as loggers:
        loggers[0].log_metrics({"test/loss": 1.5}, step=3)
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    (event,) = EventAccumulator(str(tmp_path / "run")).Reload().Scalars("test/loss")
    assert (event.step, event.value) == (3, 1.5)


@pytest.mark.parametrize("kind", ["wandb", "mlflow"])
def test_a_missing_package_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    monkeypatch.setitem(sys.modules, "lightning.pytorch.loggers", None)  # as where it is not installed
    with (
        pytest.raises(InputError, match=rf"^{kind} is not installed; `pip install lightning {kind}`, or leave out --logger\.$"),
        listening(kind, tmp_path / "run"),
    ):
        pass
    assert not list(tmp_path.iterdir())


def test_nobody_listens_by_default(tmp_path: Path) -> None:
    with listening(None, tmp_path / "run") as loggers:
        assert loggers == []
