"""Do the measures of Lesion, Landscape, Likeness and Myths say what they should of tables small enough to reckon by hand?"""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from dashboard.figures import landscape, lesion, likeness, myths
from dashboard.scenes.myths_of_signals import path_interval


def lesions() -> pd.DataFrame:
    """A network that errs on 50 % whole and 40 % of whose errors can be lost, with stored and with re-estimated statistics."""
    fixed = {"network": "resnet20", "layers": 20, "residual": True}
    rows = [("none", "", 0, False, 50.0), ("none", "", 0, True, 60.0), ("one removed", "a", 1, False, 70.0)]
    rows += [("one removed", "a", 1, True, 75.0), ("one removed", "b", 1, True, 54.0), ("several removed", "a b", 2, True, 90.0)]
    names = ("lesion", "blocks", "count", "reestimated", "error_percent")
    return pd.DataFrame([fixed | dict(zip(names, row, strict=True)) for row in rows])


def test_damage_is_the_share_of_what_can_be_lost_with_the_same_statistics() -> None:
    found = lesion.damage(lesions(), chance_percent=90)
    assert found.damage.tolist() == pytest.approx([50, 50, -20, 100])
    means = lesion.over_draws(found, ("one removed", "several removed"))
    assert means[means.reestimated]["mean"].tolist() == pytest.approx([15, 100])


def test_the_number_of_test_images_is_read_off_the_finest_step() -> None:
    assert lesion.test_images(pd.DataFrame({"error_percent": [10.0, 10.5, 12.0, 12.5, 40.0]})) == 200


def test_a_click_on_either_bar_names_the_block_and_the_chosen_one_is_marked() -> None:
    figure = lesion.one_block(lesion.damage(lesions(), 90), reestimated=True, block="b")
    assert [list(trace.customdata) for trace in figure.data] == [["a", "b"]]
    [frame] = [shape for shape in figure.layout.shapes if shape.type == "rect"]
    assert (frame.x0, frame.x1) == (0.5, 1.5)


def grid(loss: np.ndarray) -> landscape.Grid:
    return landscape.Grid("plain-8", 8, False, np.linspace(-1, 1, loss.shape[1]), np.linspace(-1, 1, loss.shape[0]), loss)


def test_a_bowl_has_one_minimum_and_bends_alike_everywhere() -> None:
    x, y = np.meshgrid(np.arange(-3, 4), np.arange(-3, 4))
    bowl = grid(3.0 + x**2 + 2 * y**2)
    assert np.argwhere(bowl.minima).tolist() == [[3, 3]]
    assert np.unique(bowl.laplacian) == pytest.approx([2 + 4])  # second differences of x² and 2 y²
    assert bowl.centre == 3
    assert landscape.roughness([bowl]).iloc[0][["minima", "bend"]].tolist() == [1, 6]


def test_a_slope_has_no_minimum_and_no_bend_and_edges_do_not_count() -> None:
    x, y = np.meshgrid(np.arange(5.0), np.arange(4.0))
    assert not grid(x + 3 * y).minima.any()
    assert np.abs(grid(x + 3 * y).laplacian).max() == 0
    assert not grid(x**2 + y**2).minima.any()  # its lowest point is a corner


def test_minima_agree_with_a_walk_over_all_points() -> None:
    loss = np.random.default_rng(0).normal(size=(9, 11))
    walked = [
        [i, j] for i in range(1, 8) for j in range(1, 10) if loss[i, j] == loss[i - 1 : i + 2, j - 1 : j + 2].min()
    ]  # fmt: skip
    assert np.argwhere(grid(loss).minima).tolist() == walked


def test_a_surface_is_on_the_scale_it_is_given_and_turned_as_asked() -> None:
    figure = landscape.surface(grid(np.ones((3, 3))), 0.5, 4.0, turn=90)
    assert (figure.data[0].cmin, figure.data[0].cmax, tuple(figure.layout.scene.zaxis.range)) == (0.5, 4.0, (0.5, 4.0))
    eye = figure.layout.scene.camera.eye
    assert (eye.x, eye.y) == pytest.approx((0, landscape.DISTANCE))


def square(values: list[list[float]]) -> pd.DataFrame:
    names = ["a", "b", "c", "d"][: len(values)]
    return pd.DataFrame(values, index=names, columns=names)


def test_the_largest_square_needs_every_pair_in_it() -> None:
    alike = square([[1, 0.95, 0.1, 0], [0.95, 1, 0.95, 0.95], [0.1, 0.95, 1, 0.95], [0, 0.95, 0.95, 1]])
    assert likeness.largest_square(alike, 0.9) == ("b", "d", 3)
    assert likeness.largest_square(alike, 0.99) == ("a", "a", 1)


def test_a_heat_map_is_in_forward_order_and_a_click_names_its_row() -> None:
    names = ["conv2_9", "conv2_10", "conv3_1"]
    rows = [
        {"layers": 20, "residual": True, "other": other, "block": a, "other_block": b, "cka": i + j / 10}
        for other in ("itself", "another seed", "plain20-cifar")
        for i, a in enumerate(names)
        for j, b in enumerate(names)
    ]
    for other in likeness.OTHERS:
        found = likeness.squares(pd.DataFrame(rows), 20, other)[True]
        assert [list(found.index), list(found.columns)] == [names, names]
    figure = likeness.heat_map(found, "", "conv2_10")
    assert np.array(figure.data[0].customdata)[1].tolist() == ["conv2_10"] * 3
    assert (figure.layout.shapes[0].y0, figure.layout.shapes[0].y1) == (0.5, 1.5)
    assert likeness.equal_blocks(pd.DataFrame(rows))["mean"].tolist() == pytest.approx([1.1] * 3)


def test_paths_of_equal_gradients_are_as_long_as_all_paths() -> None:
    equal = pd.DataFrame({"length": [0, 1, 1, 2, 2, 3], "gradient_norm": 2.0})
    assert path_interval(equal) == pytest.approx((1, 1, 1))
    short = equal.assign(gradient_norm=[1.0, 1, 1, 0, 0, 0])  # 1 path of length 0 and 3 of length 1, of 1.5 on average
    assert path_interval(short) == pytest.approx((0.5, 0.5, 0.5))


def test_every_seed_is_a_dot_and_the_line_is_their_mean() -> None:
    shown = [myths.Column("plain", False, (1.0, 3.0)), myths.Column("residual", True, (4.0,))]
    dots, line, *_ = myths.columns(shown, "error").data
    assert (list(dots.y), list(line.y)) == ([1, 3], [2, 2])
    logarithmic = myths.columns([myths.Column("plain", False, (1.0, 100.0))], "ratio", log=True)
    assert list(logarithmic.data[1].y) == pytest.approx([10, 10])


def test_empty_axes_hold_no_number() -> None:
    drawn = json.loads(myths.empty("error").to_json())
    assert drawn["data"] == []
    assert not any(axis.get("showticklabels", True) for name, axis in drawn["layout"].items() if "axis" in name)
