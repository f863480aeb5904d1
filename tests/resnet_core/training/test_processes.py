"""Do two processes train what one does? A real torchrun with gloo against one process, on a network without batch norm."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from resnet_core import runs
from resnet_core.data.sources import open_dataset
from resnet_core.networks.architectures import architecture
from resnet_core.training import loop
from resnet_core.training.loop import Progress
from resnet_core.training.recipe import recipe
from tests.support.processes import Start, started

__all__ = ["started"]
pytestmark = pytest.mark.slow


def train(started: Start, out: Path, processes: int, iterations: int, *more: str) -> Path:
    words = ["train", "plain20-cifar", "--width", "4", "--recipe", "quick", "--data", "digits", "--threads", "1"]
    words += ["--scale", f"{iterations / 350}", "--out", str(out), *more]
    launch = (
        [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", str(processes)] if processes > 1 else [sys.executable]
    )
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    process = started(*launch, "-m", "resnet_core", *words, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    _, said = process.communicate(timeout=300)
    assert process.returncode == 0, said
    return next(out.iterdir())


def furthest(first: Path, second: Path) -> float:
    """The largest difference of two runs' weights, in parts of the largest weight of its tensor."""
    one, other = (load_file(folder / "last.safetensors") for folder in (first, second))
    differences = [(one[name].float() - other[name].float()).abs().max() / one[name].float().abs().max() for name in one]
    return float(torch.stack([d for d in differences if torch.isfinite(d)]).max())


def test_two_processes_train_the_weights_of_one(tmp_path: Path, started: Start) -> None:
    """Eight steps long: a sum in another order differs in its last digit, and training multiplies that tenfold in a few."""
    one, two = (train(started, tmp_path / str(n), n, 8, "--no-batch-norm") for n in (1, 2))
    assert furthest(one, two) <= 1e-4
    losses = [runs.read_metrics(folder).query("metric == 'loss'").value.to_numpy() for folder in (one, two)]
    assert losses[1] == pytest.approx(losses[0], rel=1e-4)
    assert runs.read_facts(two)["hardware"]["processes"] == 2


def test_a_run_of_one_process_goes_on_with_two(tmp_path: Path, started: Start) -> None:
    row = architecture("plain20-cifar", width=4, batch_norm=False)
    how = recipe("quick").scaled(54 / 350)
    name = "plain20-cifar-digits-quick-x0.154286-seed0"

    class StoppedError(Exception):
        pass

    def stop(now: Progress) -> None:
        raise StoppedError

    with pytest.raises(StoppedError):
        loop.train(row, how, open_dataset("digits"), 0, tmp_path / "one" / name, stop)
    shutil.copytree(tmp_path / "one", tmp_path / "two")
    assert (tmp_path / "two" / name / "state.safetensors").exists()
    one, two = (train(started, tmp_path / out, n, 54, "--no-batch-norm") for out, n in (("one", 1), ("two", 2)))
    assert (one.name, two.name) == (name, name)
    assert furthest(one, two) <= 1e-3
    assert runs.read_metrics(two).query("metric == 'loss'").step.tolist() == [50, 54, 54, 54]
