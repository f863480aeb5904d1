"""Do grids of channels show the numbers? Their pictures are decoded and compared with the maps."""

from __future__ import annotations

import base64
import io
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from plotly.colors import sample_colorscale, unlabel_rgb

from dashboard.figures.feature_maps import (
    GAP,
    PIXELS,
    channel_grid,
    channel_over,
    channel_table,
    equation,
    equation_limit,
    limit_of,
    order_of,
    values_table,
)
from resnet_core.inspection.records import FeatureMaps


def maps(channels: int, side: int, place: str = "output", signed: bool = False) -> FeatureMaps:
    values = np.random.default_rng(0).normal(size=(channels, side, side)).astype(np.float32)
    values = values if signed else np.maximum(values, 0)
    return FeatureMaps("conv2_1", 0, {place: values}, {place: values.mean((1, 2))})


def picture_of(figure: object) -> NDArray[np.uint8]:
    source = figure.layout.images[0].source  # type: ignore[attr-defined]
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(source.split(",")[1]))).convert("RGBA"))


def colour(scale: str, share: float) -> NDArray[np.float64]:
    return np.array(unlabel_rgb(sample_colorscale(scale, [share])[0]))


@pytest.mark.parametrize(("place", "scale"), [("output", "Viridis"), ("sum", "Balance")])
def test_every_value_has_its_colour_in_its_place(place: str, scale: str) -> None:
    found = maps(37, 28, place, signed=place == "sum")
    order = np.arange(37)[::-1]
    figure = channel_grid(found, place, order, 2.0, 5)
    picture = picture_of(figure)
    columns = int(figure.layout.xaxis.range[1])
    assert picture.shape[:2] == (-int(figure.layout.yaxis.range[0]) * (28 + GAP), columns * (28 + GAP))
    for position, channel in enumerate(order):
        top, left = (28 + GAP) * (position // columns), (28 + GAP) * (position % columns)
        for row, column in ((0, 0), (13, 20), (27, 27)):
            value = float(np.clip(found.maps[place][channel, row, column] / 2, -1, 1))
            wanted = colour(scale, (value + 1) / 2 if place == "sum" else value)
            np.testing.assert_allclose(picture[top + row, left + column, :3], wanted, atol=4)
        assert picture[top + 28, left, 3] == 0  # the gap lets the page through
    outer, frame = figure.layout.shapes  # white and black: one of them stands out on every map
    assert (outer.line.color, frame.line.color) == ("white", "black")
    position = int(np.flatnonzero(order == 5)[0])
    assert (frame.x0, frame.y0) == (position % columns, -(position // columns))
    assert figure.data[0].customdata[position // columns][position % columns] == "5"


def test_small_maps_are_enlarged_with_square_values() -> None:
    found = maps(8, 4)
    picture = picture_of(channel_grid(found, "output", np.arange(8), None, 0))
    cell = picture.shape[0] - GAP
    assert cell >= 24
    assert cell % 4 == 0
    square = picture[: cell // 4, : cell // 4].reshape(-1, 4)
    assert (square == square[0]).all()


def test_large_grids_are_shrunk_and_a_click_still_says_the_channel() -> None:
    found = maps(64, 112)
    figure = channel_grid(found, "output", np.arange(64), None, 63)
    picture = picture_of(figure)
    assert picture.shape[0] * picture.shape[1] < 1.3 * PIXELS
    assert {text for row in figure.data[0].customdata for text in row} == {str(i) for i in range(64)}
    assert len(channel_grid(found, "output", np.arange(64), None, 99).layout.shapes) == 0


def test_a_message_with_512_channels_of_28_x_28_stays_below_half_a_megabyte() -> None:
    found = maps(512, 28)
    order = order_of(found, "output", "energy", 0)
    size = len(channel_grid(found, "output", order, limit_of([found], "output"), 0).to_json())
    assert size + len(channel_table(found, "output", order, 0).to_csv(index=False)) < 500_000


def test_channels_are_sorted_by_what_is_asked() -> None:
    found = maps(20, 6, signed=True)
    values = found.maps["output"]
    assert order_of(found, "output", "index", 3).tolist() == list(range(20))
    assert order_of(found, "output", "energy", 3)[0] == (values**2).mean((1, 2)).argmax()
    assert order_of(found, "output", "similarity", 3)[0] == 3
    table = channel_table(found, "output", order_of(found, "output", "mean", 3), 3)
    assert table["mean"].is_monotonic_decreasing
    assert table["channel"].iloc[0] == values.mean((1, 2)).argmax()


def block(residual: bool, identity: bool = True) -> FeatureMaps:
    rng = np.random.default_rng(1)
    x, branch = rng.normal(size=(2, 4, 6, 6)).astype(np.float32)
    found = {"x": x if identity else x[:2], "F(x)": branch}
    if residual:
        found |= {"shortcut": x, "sum": branch + x}
    found["output"] = np.maximum(found.get("sum", branch), 0)
    return FeatureMaps("conv3_2", 0, found, {place: values.mean((1, 2)) for place, values in found.items()})


@pytest.mark.parametrize(
    ("residual", "identity", "names", "signs"),
    [
        (True, True, ["F(x)", "x", "F(x) + x", "after ReLU"], {"+", "=", "→"}),
        (True, False, ["F(x)", "shortcut(x)", "sum", "after ReLU"], {"+", "=", "→"}),
        (False, True, ["F(x)", "after ReLU"], {"→", "no shortcut"}),
    ],
)
def test_the_equation_as_pictures(residual: bool, identity: bool, names: list[str], signs: set[str]) -> None:
    found = block(residual, identity)
    figure = equation(found, 2, equation_limit([found], 2))
    assert {note.text for note in figure.layout.annotations} == set(names) | signs
    shown = [trace.z for trace in figure.data]
    assert len(shown) == len(names)
    if residual:
        np.testing.assert_allclose(shown[0] + shown[1], shown[2], rtol=1e-6)
    np.testing.assert_array_equal(shown[-1], np.maximum(shown[-2], 0))
    assert figure.layout.coloraxis.cmax == -figure.layout.coloraxis.cmin == max(np.abs(values).max() for values in shown)
    larger = replace(found, maps={place: -3 * maps for place, maps in found.maps.items()})
    assert equation_limit([found, larger], 2) == pytest.approx(3 * equation_limit([found], 2))


def test_the_largest_values_are_marked_where_they_are() -> None:
    found = block(residual=True)
    values = found.maps["sum"][1]
    figure = channel_over(found, "sum", 1, np.zeros((32, 32, 3), np.uint8), 1.0)
    tops = figure.data[0]
    rows, columns = (1 - np.array(tops.y)) * 6 - 0.5, np.array(tops.x) * 6 - 0.5
    assert [values[round(row), round(column)] for row, column in zip(rows, columns, strict=True)] == sorted(values.ravel())[
        :-4:-1
    ]
    assert sum(figure.data[1].y) == 36


def test_marks_of_neighbouring_places_do_not_cover_each_other() -> None:
    """On a hill, the largest values lie side by side; of a single value it is marked, and nothing that is not above zero."""
    down, across = np.indices((16, 16))
    hill = np.exp(-((down - 4) ** 2 + (across - 9) ** 2) / 20).astype(np.float32)
    single = np.where(hill == 1, hill, np.float32(-0.5))
    for values, marks in ((hill, 3), (np.zeros_like(hill), 0), (-hill, 0), (single, 1), (np.ones((1, 1), np.float32), 1)):
        maps = {"F(x)": values[None], "output": values[None]}
        found = FeatureMaps("conv3_2", 0, maps, {place: each.mean((1, 2)) for place, each in maps.items()})
        tops = channel_over(found, "output", 0, np.zeros((32, 32, 3), np.uint8), 1.0).data[0]
        places = np.column_stack([tops.x, tops.y])
        assert list(tops.text) == ["1", "2", "3"][:marks]
        if not marks:
            continue
        assert list(tops.customdata) == sorted(tops.customdata, reverse=True)
        apart = np.abs(places[:, None] - places).max(2)[np.triu_indices(marks, 1)]
        assert (apart >= 1 / 6).all()
        assert tops.customdata[0] == values.max()


def test_the_numbers_of_a_channel_are_all_there() -> None:
    table = values_table(block(residual=True, identity=False), 3)
    assert list(table.columns) == ["row", "column", "F(x)", "shortcut", "F(x) + shortcut", "after ReLU"]  # x has two channels
    np.testing.assert_allclose(table["F(x)"] + table["shortcut"], table["F(x) + shortcut"], rtol=1e-6)
