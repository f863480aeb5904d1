"""What is the error of a run at its end, and with which statistics of batch norm? Judged by hand."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from resnet_core.runs import final_errors, mean_final_errors


def rows(run: str, value: float, iterations: int = 2, reached: int = 2, **changes: Any) -> list[dict[str, Any]]:
    """A run that is tested after each iteration; its errors are 99 % before the last one that it reached."""
    fixed = {"run": run, "network": "plain20-cifar", "layers": 20, "residual": False, "batch_norm": True, "seed": 0}
    fixed |= {"iterations": iterations, "metric": "error_percent", "block": None, **changes}
    steps = [{**fixed, "split": split, "step": step + 1} for split in ("train", "test") for step in range(reached)]
    return [{**row, "value": value if row["step"] == reached else 99.0} for row in steps]


def test_the_mean_and_sample_sd_are_over_seeds() -> None:
    table = pd.DataFrame([*rows("a", 1.0), *rows("b", 4.0, seed=1)])
    both = mean_final_errors(table).set_index("split")
    assert both.loc["test", "mean"] == 2.5
    assert both.loc["test", "sd"] == pytest.approx(4.5**0.5)
    assert both.loc["train", "n"] == 2


def test_a_run_that_has_not_reached_its_last_iteration_has_no_final_error() -> None:
    table = pd.DataFrame([*rows("a", 1.0), *rows("half", 4.0, iterations=10)])
    assert set(final_errors(table).run) == {"a"}


def test_the_statistics_of_batch_norm_are_named_and_kept_apart() -> None:
    table = pd.DataFrame([*rows("a", 12.0), *rows("a", 10.0, metric="reestimated_error_percent")])
    found = final_errors(table).set_index(["split", "statistics"]).error_percent
    assert found["test", "running"] == 12.0
    assert found["test", "re-estimated"] == 10.0
    assert mean_final_errors(table)["mean"].tolist() == [12.0, 12.0]
    assert mean_final_errors(table, "re-estimated")["mean"].tolist() == [10.0, 10.0]


def test_errors_of_batches_and_of_blocks_are_no_final_errors() -> None:
    table = pd.DataFrame([*rows("a", 1.0), *rows("a", 7.0, block="conv2_1")])
    table = pd.concat([table, table.assign(split="train_batches")])
    assert final_errors(table).error_percent.tolist() == [1.0, 1.0]
