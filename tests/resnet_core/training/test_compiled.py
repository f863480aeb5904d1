"""Does a compiled training do what it does as it is written, and go on as exactly?"""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
import torch
from lightning_fabric import Fabric
from torch._dynamo.utils import counters

from resnet_core import runs
from resnet_core.networks.architectures import Architecture
from resnet_core.networks.resnet import build
from resnet_core.training import hardware, recipe
from resnet_core.training.hardware import Precision, compiles
from resnet_core.training.loop import train
from resnet_core.training.recipe import WORTH_COMPILING, Phase
from resnet_core.training.trainer import Trainer
from tests.support.toy_training import DATA, RECIPE, TINY, StoppedError, contents, run, silent, stop_at

LONG = replace(RECIPE, phases=(Phase(-(-WORTH_COMPILING // TINY.layers), 8), Phase(30, 12)), blocks_every=500)
CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def compiling(monkeypatch: pytest.MonkeyPatch) -> None:
    """For other tests the environment switches it off."""
    monkeypatch.delenv("RESNET_LENS_COMPILE")


@pytest.fixture
def compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where there is one, without the seconds that trying it takes."""
    monkeypatch.setattr(hardware, "can_compile", lambda device: True)


def trainer(compiled: bool, row: Architecture = TINY, precision: Precision = "32-true") -> Trainer:
    return Trainer(build(row, 0), LONG, DATA, 0, Fabric(accelerator="cpu", devices=1, precision=precision), compiled)


def graphs() -> int:
    """How many were compiled in this process."""
    return counters["stats"]["unique_graphs"]


@pytest.mark.slow
@pytest.mark.parametrize(("precision", "tolerance"), [("32-true", 1e-5), ("bf16-mixed", 0.02)])
def test_its_steps_are_those_of_the_network_as_it_is_written(precision: Precision, tolerance: float) -> None:
    written = trainer(False, precision=precision)
    compiled, before = trainer(True, precision=precision), graphs()
    for _ in range(2):  # the first is recorded, which none that is compiled can be
        compiled.step()
        written.step()
    assert graphs() > before
    assert compiled.report() == pytest.approx(written.report(), rel=tolerance)
    for (name, ours), theirs in zip(compiled.network.state_dict().items(), written.network.state_dict().values(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=10 * tolerance, atol=tolerance / 10, msg=name)
    assert [row["metric"] for row in compiled.take_rows()] == [row["metric"] for row in written.take_rows()]


def test_a_short_phase_is_not_compiled() -> None:
    compiled, before = trainer(True), graphs()
    compiled.iteration = LONG.phases[0].iterations
    compiled.step()
    assert graphs() == before


@pytest.mark.slow
def test_torch_does_not_give_up_after_many_networks() -> None:
    """By itself it would, after eight of one class, and go on as they are written; here, after one."""
    with torch._dynamo.config.patch(recompile_limit=1):
        for width in (3, 5):
            each, before = trainer(True, replace(TINY, width=width)), graphs()
            each.iteration = 1  # after the recorded one
            each.step()
            assert graphs() > before


@pytest.mark.slow
def test_a_stopped_one_goes_on_to_the_same_weights_and_metrics(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recipe, "WORTH_COMPILING", 0)
    monkeypatch.setattr(recipe, "AT_LEAST", 400)
    how = replace(LONG, phases=(Phase(400, 8), Phase(30, 12)), blocks_every=100)
    train(TINY, how, DATA, 0, tmp_path / "whole", silent)
    with pytest.raises(StoppedError):
        train(TINY, how, DATA, 0, tmp_path / "run", stop_at(250))
    train(TINY, how, DATA, 0, tmp_path / "run", silent)
    whole, resumed = contents(tmp_path / "whole"), contents(tmp_path / "run")
    assert whole[2]["compiled"]
    assert resumed[0] == whole[0]
    pd.testing.assert_frame_equal(resumed[1], whole[1], check_exact=True)


def test_a_short_run_is_not_compiled_and_says_so(finished: Path) -> None:
    assert runs.read_facts(finished)["compiled"] is False


@pytest.mark.usefixtures("compiler")
def test_a_run_goes_on_as_it_began(tmp_path: Path) -> None:
    """One of an earlier version, say, whose run.json does not know the word."""
    with pytest.raises(StoppedError):
        run(tmp_path, progress=stop_at(50))
    facts = runs.read_facts(tmp_path)
    assert not compiles(TINY, LONG, CPU, runs.read_run(tmp_path))
    runs.write_facts(tmp_path, facts | {"compiled": True})
    assert compiles(TINY, RECIPE, CPU, runs.read_run(tmp_path))
    del facts["compiled"]
    runs.write_facts(tmp_path, facts)
    assert not compiles(TINY, LONG, CPU, runs.read_run(tmp_path))


@pytest.mark.usefixtures("compiler")
def test_a_switch_turns_it_off_for_new_runs_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RESNET_LENS_COMPILE", "0")
    assert not compiles(TINY, LONG, CPU)
    with pytest.raises(StoppedError):
        run(tmp_path, progress=stop_at(50))
    runs.write_facts(tmp_path, runs.read_facts(tmp_path) | {"compiled": True})
    assert compiles(TINY, LONG, CPU, runs.read_run(tmp_path))
    monkeypatch.setenv("RESNET_LENS_COMPILE", "1")
    assert compiles(TINY, LONG, CPU)


@pytest.mark.slow
def test_without_a_compiler_it_trains_as_it_is_written() -> None:
    """Also where an earlier compilation lies in torch's cache: another process, as nothing is left of this one's answer."""
    assert compiles(TINY, LONG, CPU)
    ask = f"from {__name__} import CPU, LONG, TINY, compiles; print(compiles(TINY, LONG, CPU))"
    without = os.environ | {"CXX": "/nowhere/g++"}
    said = subprocess.run([sys.executable, "-c", ask], env=without, capture_output=True, text=True, timeout=300)
    assert said.stdout.strip() == "False"
