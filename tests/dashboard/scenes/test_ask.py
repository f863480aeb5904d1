"""What a person expected against what was recorded: the words, and that the recorded values are the tables' own."""

from pathlib import Path

import numpy as np
import pytest

from dashboard.figures.ask import Levels, Measured
from dashboard.scenes.ask import closeness, in_words, picked, revealed
from dashboard.scenes.questions import degradation_question, gradient_question, lesion_question, race_question, region_question
from resnet_core import runs
from resnet_core.assets import ASSETS
from resnet_core.studies import collection
from resnet_core.studies.collection import load_measured

LINEAR = Levels("Draw it.", ("10", "20"), "iterations", "training error, %", 0, 100)
LOG = Levels("Draw it.", ("a", "b"), "blocks", "gradient norm", 1e-6, 1e6, log=True, unit="")


def study(name):
    return collection.read(Path(ASSETS / "studies" / name), name, 0).studies[0]


def test_a_guess_within_the_spread_is_called_so_and_no_difference_is_made_of_it():
    truth = Measured("plain-56", (50.0, 40.0), (45.0, 35.0), (55.0, 46.0), seeds=10)
    assert in_words(LINEAR, [20, 44], truth) == (
        "You expected 44 % at 20 iterations; measured: 40 % (35 % to 46 % over 10 seeds). You are within the spread."
    )


def test_a_guess_outside_it_is_too_low_or_too_high_by_points_or_by_a_factor():
    one_seed = Measured("plain-56", (50.0, 40.0), (50.0, 40.0), (50.0, 40.0), seeds=1)
    assert in_words(LINEAR, [20, 28], one_seed).endswith("measured: 40 %. Your guess is 12 points too low.")
    steep = Measured("plain-56", (1.0, 7080.0), (1.0, 6000.0), (1.0, 8000.0), seeds=3)
    assert in_words(LOG, [1, 0.00708], steep).endswith("Your guess is 1 × 10⁶ times too low.")
    assert in_words(LOG, [1, 70800], steep).endswith("Your guess is 10 times too high.")


def test_the_mean_distance_is_a_mean_of_points_and_a_geometric_mean_of_factors():
    truth = Measured("plain-56", (50.0, 40.0), (50.0, 40.0), (50.0, 40.0), seeds=1)
    assert closeness(LINEAR, [40, 44], truth) == pytest.approx(7)
    assert closeness(LOG, [500, 4], truth) == pytest.approx(10)


def test_the_figure_draws_the_guess_and_the_measured_values_and_its_table_holds_both():
    truth = Measured("plain-56", (50.0, 40.0), (45.0, 35.0), (55.0, 46.0), seeds=10, residual=False)
    exhibit = revealed(LINEAR, [20, 44], truth, "It teaches.", "race")
    assert [list(trace.y) for trace in exhibit.figure.data[-2:]] == [[50, 40], [20, 44]]
    assert exhibit.message == "On average you were off by 17 points"
    assert exhibit.numbers()["expected"].tolist() == [20, 44]


@pytest.mark.parametrize("name", ["race", "race-long"])
def test_the_truth_of_the_pages_questions_is_what_the_runs_recorded(name):
    table = runs.load(ASSETS / "studies" / name)
    errors = table[(table.metric == "error_percent") & (table.split == "train_batches") & (table.layers == 56)]
    ends = errors[errors.step == errors.step.max()].groupby(["residual"]).value
    asked = degradation_question(study(name))
    assert asked.truth.mean[-1] == pytest.approx(ends.mean()[False])
    assert (asked.truth.low[-1], asked.truth.high[-1]) == (ends.min()[False], ends.max()[False])
    assert race_question(study(name)).truth.mean == pytest.approx(tuple(ends.mean().sort_index()))


def test_a_study_of_one_depth_asks_for_no_degradation():
    assert degradation_question(study("gradients")) is None


def test_the_gradients_question_is_relative_to_the_last_block():
    table = load_measured(ASSETS / "studies" / "depth")
    rows = table[(table.layers == 56) & ~table.residual & table.batch_norm]
    ratios = [run.gradient_norm.iloc[0] / run.gradient_norm.iloc[-1] for _, run in rows.sort_values("place").groupby("run")]
    asked = gradient_question(study("depth"), 56)
    assert asked.truth.mean[0] == pytest.approx(1)
    assert asked.truth.mean[-1] == pytest.approx(np.exp(np.mean(np.log(ratios))))
    assert (asked.truth.low[-1], asked.truth.high[-1]) == pytest.approx((min(ratios), max(ratios)))


@pytest.mark.parametrize("layers", [32, 1202])
def test_gradients_that_were_not_recorded_or_overflowed_are_not_asked_for(layers):
    assert gradient_question(study("depth"), layers) is None


@pytest.mark.parametrize("layers", [20, 56, 110])
def test_the_truth_lies_within_the_scale_that_a_person_draws_on(layers):
    asked = gradient_question(study("depth"), layers)
    assert asked.question.low < min(asked.truth.low)
    assert max(asked.truth.high) < asked.question.high


def test_the_block_that_hurts_most_is_that_of_the_largest_error_with_fair_statistics():
    table = load_measured(ASSETS / "studies" / "lesion-x0.1")
    fair = table[table.reestimated & (table.lesion == "one removed")]
    pick, right, because = lesion_question(study("lesion-x0.1"))
    assert right == (fair.loc[fair.error_percent.idxmax(), "blocks"],)
    assert f"{fair.error_percent.max():.1f} %" in because
    assert len(pick.options) == 27
    assert picked(right[0], right, because).startswith(f"You chose {right[0]}, and that is right.")


def test_the_region_of_most_evidence_is_found_in_maps_of_any_size():
    for size in (4, 7, 14):
        cam = np.zeros((size, size))
        cam[-1, 0] = 2.0
        cam[0, 0] = 1.0
        _, right, because = region_question("coffee", "ResNet-34", "espresso", "", cam)
        assert right == ("row 4, column 1",)
        assert because.startswith("67 % of the evidence")
