"""A logarithmic axis says what it shows, whatever it shows."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as some

from dashboard.figures.style import log_axis

SPANS = some.tuples(some.floats(-45, 45), some.floats(0, 60))


def value_of(words: str) -> float:
    """What a tick's text says, read as a person would."""
    found = re.fullmatch(r"(?:(\d)·)?10<sup>(−?\d+)</sup>", words)
    if not found:
        return float(words)
    return float(f"{found[1] or 1}e{found[2].replace('−', '-')}")


@given(SPANS, some.sampled_from([5, 7]))
def test_few_numbers_inside_the_axis_that_say_their_place(span: tuple[float, float], most: int) -> None:
    values = [10 ** span[0], 10 ** (span[0] + span[1])]
    axis = log_axis(values, most)
    low, high = (10**edge for edge in axis["range"])
    assert low < min(values)
    assert max(values) < high
    assert high / low > 3.999
    assert 2 <= len(axis["tickvals"]) <= most
    assert all(low <= tick <= high for tick in axis["tickvals"])
    assert [value_of(words) for words in axis["ticktext"]] == pytest.approx(axis["tickvals"])


@pytest.mark.parametrize("values", [[], [0.0], [float("nan"), -1.0], [0.0, float("inf")]])
def test_nothing_to_show_is_an_axis_around_one(values: list[float]) -> None:
    low, high = log_axis(values)["range"]
    assert low == -high < 0


def test_zeros_do_not_count() -> None:
    assert log_axis([0.0, 3.0, 5.0]) == log_axis([3.0, 5.0])
