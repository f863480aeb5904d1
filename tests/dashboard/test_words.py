"""How are sentences printed?"""

import pandas as pd
import pytest

from dashboard.figures.race import rate_changes
from dashboard.figures.schedules import gaps
from dashboard.words import typeset

HELD = "\N{NO-BREAK SPACE}"


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("50 ± 24 % lost", f"50{HELD}±{HELD}24{HELD}% lost"),
        ("a kernel of 3 × 3", f"a kernel of 3{HELD}×{HELD}3"),
        ("by -0.01, not plain-56 or conv3_1-2", "by −0.01, not plain-56 or conv3_1-2"),
        ("plain-56 is worse. plain networks are.", "Plain-56 is worse. Plain networks are."),
        ("The explained plain-20: plain-56", "The explained plain-20: plain-56"),
    ],
)
def test_a_sentence_is_printed_with_held_units_true_minus_signs_and_a_capital(text: str, printed: str) -> None:
    assert typeset(text) == printed


def test_the_deepest_is_compared_with_the_shallowest_at_each_length() -> None:
    rows = [
        (False, 20, 100, 30.0, 3), (False, 56, 100, 70.0, 3), (False, 20, 400, 15.0, 1), (False, 56, 400, 49.0, 1),
        (True, 20, 100, 26.0, 3), (True, 56, 100, 41.0, 3), (True, 20, 400, 13.0, 1), (True, 56, 400, 11.5, 1),
    ]  # fmt: skip
    ends = pd.DataFrame(rows, columns=["residual", "layers", "iterations", "mean", "n"]).assign(split="train", sd=1.0)
    plain, residual = gaps(ends)
    assert (plain.deep, plain.shallow, residual.deep) == ("plain-56", "plain-20", "ResNet-56")
    assert plain.lags.lag.to_dict() == {100: 40.0, 400: 34.0}
    assert residual.lags.lag.to_dict() == {100: 15.0, 400: -1.5}
    assert residual.lags.seeds.to_dict() == {100: 3, 400: 1}
    assert gaps(ends[ends.iterations == 100]) == []


def test_a_change_of_the_learning_rate_is_known_from_what_was_recorded() -> None:
    table = pd.DataFrame({"metric": "learning_rate", "step": [5, 10, 15, 20], "value": [0.05, 0.05, 0.01, 0.01]})
    assert rate_changes({"plain": table, "residual": table.iloc[:3]}) == [(10, 0.01)]
    assert rate_changes({"plain": table.iloc[:2]}) == []
