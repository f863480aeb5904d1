from __future__ import annotations

import numpy as np
import pytest

from dashboard.figures.colours import OF_METHOD, PLAIN, RESIDUAL
from dashboard.figures.trust import (
    curve_numbers,
    deletion_insertion,
    similarity,
    similarity_numbers,
    verdicts,
    what_stays,
    what_the_pixels_do,
)
from resnet_core.inspection.attribution.catalogue import METHODS
from resnet_core.inspection.attribution.sanity_checks import DeletionInsertion, RandomisationTest

LAYERS = ("fc", "conv3_2", "conv3_1", "conv2_1", "conv1")
SHARE = np.linspace(0, 1, 5)


def cascade(method: str, *absolute: float) -> RandomisationTest:
    values = np.array(absolute)
    return RandomisationTest(method, 3, None, LAYERS, values, -values, np.zeros((1, 2, 2), np.float32), 1.0)


def curves(method: str, deletion: np.ndarray, insertion: np.ndarray) -> DeletionInsertion:
    return DeletionInsertion(method, 3, SHARE, deletion, insertion, 1.0)


CASCADES = [cascade("grad-cam", 0.5, 0.4, -0.25, float("nan"), 0.1), cascade("guided-backprop", 0.9, 0.9, 0.8, 0.7, 0.3)]
GOOD = curves("grad-cam", (1 - SHARE) ** 4, SHARE**0.5)
BAD = curves("guided-backprop", 1 - SHARE**2, SHARE**3)
RANDOM = [curves(f"random order {i}", 1 - SHARE**power, SHARE**power) for i, power in enumerate((1.0, 1.2, 0.9))]
AREAS = [[np.trapezoid(getattr(each, name), SHARE) for each in RANDOM] for name in ("deletion", "insertion")]


def test_every_method_has_a_colour_of_its_own() -> None:
    assert set(OF_METHOD) == set(METHODS)
    assert len({*OF_METHOD.values(), PLAIN, RESIDUAL}) == len(METHODS) + 2


@pytest.mark.parametrize("ranked", ["absolute", "signed"])
def test_a_line_a_method_begins_at_one_and_goes_down_the_layers(ranked) -> None:
    figure = similarity(similarity_numbers(CASCADES), ranked)
    assert [line.name for line in figure.data] == ["Grad-CAM", "Guided backprop"]
    for line, each in zip(figure.data, CASCADES, strict=True):
        assert list(line.x) == ["nothing", *LAYERS]
        assert line.y[0] == 1
        np.testing.assert_array_equal(line.y[1:], getattr(each, ranked))
    low, high = figure.layout.yaxis.range
    drawn = np.concatenate([line.y for line in figure.data])
    assert low < np.nanmin(drawn)
    assert high > 1
    assert list(figure.layout.xaxis.tickvals) == ["fc", "conv3_1", "conv2_1", "conv1"]


def test_a_map_that_is_always_constant_leaves_the_axis_as_it_is() -> None:
    assert similarity(similarity_numbers([cascade("grad-cam", *[float("nan")] * 5)]), "absolute").layout.yaxis.range[0] == -0.05


def test_both_curves_of_a_method_have_one_entry_with_both_areas() -> None:
    figure = deletion_insertion([GOOD, BAD], RANDOM)
    assert [line.name for line in figure.data if line.showlegend] == [
        f"{name} {np.trapezoid(each.deletion, SHARE):.3f}, {np.trapezoid(each.insertion, SHARE):.3f}"
        for name, each in (("Grad-CAM", GOOD), ("Guided backprop", BAD))
    ] + ["3 random orders " + ", ".join(f"{min(areas):.3f} to {max(areas):.3f}" for areas in AREAS)]
    for i, each in enumerate((GOOD, BAD, *RANDOM)):
        left, right = figure.data[2 * i : 2 * i + 2]
        assert (left.xaxis, right.xaxis) == ("x", "x2")
        np.testing.assert_array_equal(left.y, each.deletion)
        np.testing.assert_array_equal(right.y, each.insertion)
        np.testing.assert_allclose(left.x, 100 * SHARE)


def test_the_words_are_the_numbers() -> None:
    assert what_stays(CASCADES).endswith("down to conv3_x, maps still correlate with the original: "
                                         "Grad-CAM −0.25, Guided backprop 0.80.")  # fmt: skip
    assert what_the_pixels_do([GOOD, BAD], RANDOM) == (
        "Clearly better than 3 random orders: by deletion Grad-CAM; by insertion Grad-CAM."
    )
    assert verdicts(CASCADES, [GOOD, BAD], RANDOM).values.tolist() == [
        ["Grad-CAM", "✓", "✓", "✓"],
        ["Guided backprop", "✗", "✗", "✗"],
    ]
    near = curves("grad-cam", 0.99 * RANDOM[2].deletion, RANDOM[2].insertion ** 0.99)  # a little better than the best of them
    assert what_the_pixels_do([near], RANDOM).endswith("by deletion none; by insertion none.")
    assert what_the_pixels_do([BAD], RANDOM).endswith("by deletion none; by insertion none.")


def test_the_numbers_behind_have_a_row_a_point() -> None:
    table = similarity_numbers(CASCADES)
    assert len(table) == 2 * len(LAYERS)
    assert table[table.method == "guided-backprop"].absolute.tolist() == [0.9, 0.9, 0.8, 0.7, 0.3]
    assert len(curve_numbers([GOOD, BAD, *RANDOM])) == 5 * len(SHARE)
