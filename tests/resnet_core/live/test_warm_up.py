"""Does a warm-up end when the error says so, once, and the same after a stop? Judged by the recorded errors and rates."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from resnet_core import runs
from resnet_core.networks import weights
from resnet_core.training.recipe import Phase, Recipe
from tests.support.toy_training import RECIPE, StoppedError, contents, run, stop_at

# of three classes, a guess is wrong 67 times in 100
HOW = replace(RECIPE, phases=(Phase(350, 8),), drops=(250,), warm_up=250, warm_up_rate=0.005, warm_up_until=20)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole") / "run"
    run(folder, how=HOW)
    return folder


def recorded(folder: Path) -> pd.DataFrame:
    """A row a report: the error of the batches before it, and the rate of the last of them."""
    table = runs.read_metrics(folder)
    return table[table.split == "train_batches"].pivot(index="step", columns="metric", values="value")


def test_the_rate_rises_after_the_first_report_with_an_error_below(whole: Path) -> None:
    table = recorded(whole)
    ended = int(table.index[table.error_percent < 20][0])
    assert 50 < ended < 250  # it waited, and not to the end
    expected = [0.005 if step <= ended else 0.05 if step <= 250 else 0.005 for step in table.index]
    assert table.learning_rate.tolist() == pytest.approx(expected)
    assert runs.read_facts(whole)["warm_up_ended"] == ended
    note = weights.read_checkpoint(whole / "last.safetensors").note
    assert note.endswith(f" A toy. The warm-up ended after {ended} iterations.")


def test_a_run_stopped_before_or_after_the_end_of_the_warm_up_goes_on_bit_by_bit(tmp_path: Path, whole: Path) -> None:
    ended = runs.read_facts(whole)["warm_up_ended"]
    for iteration in (ended - 50, ended, ended + 50):
        with pytest.raises(StoppedError):
            run(tmp_path / "run", how=HOW, progress=stop_at(iteration))
    run(tmp_path / "run", how=HOW)
    expected, found = contents(whole), contents(tmp_path / "run")
    assert found[0] == expected[0]
    pd.testing.assert_frame_equal(found[1], expected[1], check_exact=True)
    assert found[2] == expected[2]


def test_an_error_that_stays_above_leaves_it_to_the_iterations(tmp_path: Path) -> None:
    how = replace(HOW, phases=(Phase(150, 8),), warm_up=100, warm_up_until=0)
    run(tmp_path / "run", how=how)
    assert recorded(tmp_path / "run").learning_rate.tolist() == pytest.approx([0.005, 0.005, 0.05])
    assert runs.read_facts(tmp_path / "run")["warm_up_ended"] is None
    assert weights.read_checkpoint(tmp_path / "run" / "last.safetensors").note.endswith(" A toy.")


def test_a_cosine_falls_from_where_the_warm_up_ended() -> None:
    how: Recipe = replace(HOW, drops=None)
    assert how.learning_rate_at(99, 100) == 0.005
    assert how.learning_rate_at(100, 100) == 0.05
    assert how.learning_rate_at(225, 100) == pytest.approx(0.05 * math.cos(math.pi / 4) ** 2)
