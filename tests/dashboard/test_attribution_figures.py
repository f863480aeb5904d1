from __future__ import annotations

import numpy as np

from dashboard.figures.attribution import attribution_map, attribution_numbers, limit_of, signed_heat
from dashboard.figures.colours import AGAINST, FOR


def test_the_sign_is_the_colour_and_the_size_covers() -> None:
    values = np.array([[1.0, -1.0], [0.0, 0.25]], dtype=np.float32)
    heat = signed_heat(values, 1.0, side=2)
    colours = ["#{:02X}{:02X}{:02X}".format(*pixel[:3]) for pixel in (heat[0, 0], heat[0, 1])]
    assert colours == [FOR, AGAINST]
    assert heat[0, 0, 3] == heat[0, 1, 3] == 235
    assert heat[1, 0, 3] == 0
    assert heat[1, 1, 3] == 117  # a quarter as strong covers half
    assert not signed_heat(np.zeros((2, 2), np.float32), 0.0, side=2)[..., 3].any()


def test_a_few_outliers_leave_the_others_visible() -> None:
    values = np.ones((100, 100), np.float32)
    values[0, 0] = 1000
    assert limit_of(values) == 1


def test_the_numbers_are_the_values() -> None:
    values = np.random.default_rng(0).normal(size=(8, 8)).astype(np.float32) * 1e-4
    found = attribution_numbers(values).to_numpy()
    assert np.abs(found - values).max() <= 1e-3 * np.abs(values).max()
    assert (attribution_numbers(np.zeros((2, 2), np.float32)) == 0).all(axis=None)
    figure = attribution_map(values, np.full((64, 64, 3), 100, np.uint8), limit_of(values))
    assert len(figure.layout.images) == 2
