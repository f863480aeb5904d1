"""Does the page say from which schedule on depth pays? Judged by tables small enough to reckon by hand."""

from __future__ import annotations

import pandas as pd
import pytest

from dashboard.figures.schedules import by_schedule, does_depth_pay, over_schedules, schedules
from tests.dashboard.test_degradation import study


def at(iterations: int, residual: tuple[float, float]) -> pd.DataFrame:
    """A study's table, as if of so many iterations; plain-56 at 60, plain-20 at 30 %."""
    table = study(residual=residual)
    return table.assign(step=table.step * iterations // 100, iterations=iterations)


def test_ends_are_keptapart_by_their_schedule() -> None:
    ends = by_schedule([at(100, (20.0, 40.0)), at(400, (12.0, 10.0))]).set_index(["network", "split", "iterations"])
    assert len(ends) == 2 * 4 * 2
    row = ends.loc[("resnet56-cifar", "test", 400)]
    assert (row["mean"], row.n) == (12.0, 2)
    assert row.sd == pytest.approx(2**0.5)


def test_every_network_is_a_line_over_its_schedules() -> None:
    figure = over_schedules(by_schedule([at(400, (12.0, 10.0)), at(100, (20.0, 40.0))]), "test")
    lines = {trace.name: trace for trace in figure.data}
    assert set(lines) == {"plain-20, test", "plain-56, test", "ResNet-20, test", "ResNet-56, test"}
    assert (list(lines["ResNet-56, test"].x), list(lines["ResNet-56, test"].y)) == ([100, 400], [42.0, 12.0])
    assert figure.layout.xaxis.ticktext == ("100", "400")


@pytest.mark.parametrize(
    ("residual", "said"),
    [
        ([(20.0, 40.0), (12.0, 8.0)], "The deeper network learns more with 400 iterations, the longest training here."),
        ([(20.0, 40.0), (12.0, 18.0)], "The deeper network learns less at every length."),
        ([(20.0, 40.0), (12.0, 11.0)], "At no length does the deeper network learn more."),  # within the seeds' spread
        ([(20.0, 40.0), (12.0, 12.0)], "equal after 400 iterations. At no length does the deeper network learn more."),
        ([(20.0, 15.0), (12.0, 8.0)], "The deeper network learns more at every length."),
        ([(20.0, 40.0), (12.0, 8.0), (9.0, 5.0)], "From 400 iterations on, the deeper network learns more."),
        ([(20.0, 15.0), (12.0, 18.0), (9.0, 5.0)], "4.0 points ahead after 1,600 iterations."),  # to and fro: no verdict
    ],
)
def test_the_verdict_follows_from_the_training_errors(residual: list[tuple[float, float]], said: str) -> None:
    lengths = (100, 400, 1600)
    tables = [at(iterations, ends) for iterations, ends in zip(lengths, residual, strict=False)]
    plain, found = does_depth_pay(by_schedule(tables)).split("\n\n")
    assert plain.startswith("**plain-56 against plain-20.** Training error: 30.0 points behind after 100, 30.0 points behind")
    assert found.endswith(said)


def test_a_length_at_which_one_of_the_two_is_missing_says_nothing() -> None:
    only = at(400, (12.0, 10.0))
    tables = [at(100, (20.0, 40.0)), only[only.network == "resnet56-cifar"]]
    *_, found = does_depth_pay(by_schedule(tables)).split("\n\n")
    assert "after 400" not in found
    assert found == (
        "**ResNet-56 against ResNet-20.** Training error: 20.0 points behind after 100 iterations; "
        "test error: 20.0 points behind after 100 iterations."
    )


def test_a_verdict_of_one_seed_says_so() -> None:
    long = at(400, (12.0, 8.0))
    assert does_depth_pay(by_schedule([at(100, (20.0, 40.0)), long[long.seed == 0]])).endswith("training here (one seed).")


def test_other_depths_are_left_out() -> None:
    found = schedules([at(100, (20.0, 40.0)), at(400, (12.0, 8.0))], [56], "both")
    assert set(found.ends.layers) == {56}
    assert found.answer == ""
    assert {trace.name.split(",")[0] for trace in found.figure.data} == {"plain-56", "ResNet-56"}
