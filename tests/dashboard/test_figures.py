from __future__ import annotations

import base64
import io
import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from dashboard.figures.classes import top_classes
from dashboard.figures.detail import block_maps, block_table, map_table
from dashboard.figures.flow import gradient_flow, responses
from dashboard.figures.overlay import cam_maxima, grey_photograph, heat_uri, photograph_uri, sheet, strength
from dashboard.figures.strip import block_strip, difference_strip, difference_table
from resnet_core import Inspection, architecture, build, inspect

GREY = np.full((64, 64, 3), 120, dtype=np.uint8)


@pytest.fixture(scope="module")
def pair() -> list[Inspection]:
    """plain-20 and ResNet-20, narrow and untrained, on one image of noise."""
    residual = architecture("resnet20-cifar", width=4)
    image = torch.randn(3, 32, 32, generator=torch.Generator().manual_seed(0))
    return [inspect(build(each, seed=0), image, target=3) for each in (residual.twin(), residual)]


def with_cams(inspection: Inspection, *maxima: float) -> Inspection:
    blocks = [
        replace(block, cam=np.array([[0, m]], dtype=np.float32)) for block, m in zip(inspection.blocks, maxima, strict=False)
    ]
    return replace(inspection, blocks=tuple(blocks))


def test_scales_by_hand(pair):
    two = [with_cams(pair[0], 1, 8), with_cams(pair[1], 2, 4)]
    assert cam_maxima(two, "own") == [[1, 8], [2, 4]]
    assert cam_maxima(two, "block") == [[2, 8], [2, 8]]
    assert cam_maxima(two, "all") == [[8, 8], [8, 8]]


def pixels_of(uri: str) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(uri.split(",")[1]))).convert("RGBA")).astype(int)


def test_no_evidence_is_transparent_and_most_evidence_the_brightest_colour():
    cam = np.array([[0, 1]], dtype=np.float32)
    assert not strength(np.zeros((1, 2), np.float32), 0, 8).any()
    strengths = strength(cam, 1, 8)
    assert strengths.shape == (8, 8)
    assert strengths[0, 0] == 0
    assert strengths[0, -1] == 255
    assert strength(cam / 2, 1, 8).max() < 128 < strengths.max()  # on a shared scale the weaker network stays darker
    drawn = pixels_of(heat_uri(strengths))
    assert (drawn[..., 3][strengths == 0] == 0).all()
    assert (np.diff(drawn[0, :, 3]) >= 0).all()  # more evidence covers more of the photograph
    assert drawn[0, -1, :3].sum() > 1.5 * drawn[0, 0, :3].sum()


def test_a_photograph_travels_as_a_webp_of_the_same_pixels():
    uri = photograph_uri(grey_photograph(GREY, 32))
    assert uri.startswith("data:image/webp;base64,")
    assert np.abs(pixels_of(uri)[..., 0] - 0.75 * 120).max() <= 3
    assert (pixels_of(uri)[..., 3] == 255).all()


def test_a_sheet_puts_every_cell_in_its_place():
    cells = {(0, 0): np.full((9, 9), 1, np.uint8), (1, 2): np.full((9, 9), 2, np.uint8)}
    pixels = sheet(cells, above=0.2, gap=0.1)
    assert pixels.shape == (2 * (10 + 2), 3 * 10)
    rows, columns = np.nonzero(pixels == 2)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (14, 22, 20, 28)
    assert (pixels == 1).sum() == (pixels == 2).sum() == 81


def test_the_difference_has_the_colour_of_the_network_that_finds_more(pair):
    nothing, something = np.zeros((2, 2), np.float32), np.array([[0, 0], [0, 4]], np.float32)
    maps = {"conv2_1": (nothing, something), "conv2_2": (something, nothing), "conv2_3": (something, something)}
    networks = [
        replace(each, blocks=tuple(replace(b, cam=maps.get(b.label, (nothing, nothing))[i]) for b in each.blocks))
        for i, each in enumerate(pair)
    ]
    maxima = [[4.0] * 9, [4.0] * 9]
    figure = difference_strip(networks, GREY, maxima, "conv2_2")
    heat = figure.layout.images[-1]
    pixels = pixels_of(heat.source)
    points = figure.data[0]
    height, width = pixels.shape[:2]
    found = []
    for x, y in list(zip(points.x, points.y, strict=True))[:4]:
        column, row = (x + 0.4 - heat.x) / heat.sizex * width, (heat.y - y + 0.4) / heat.sizey * height  # the lower right corner
        found.append(pixels[int(row), int(column)])
    blue, orange, *blank = found
    assert blue[2] > blue[0]
    assert orange[0] > orange[2]
    assert blue[3] > 200
    assert orange[3] > 200
    assert all(pixel[3] == 0 for pixel in blank)
    assert difference_table(networks, maxima).iloc[0].tolist() == ["conv2_1", 0.0, 4.0, 4.0, 4.0]


def test_the_strip_has_a_point_for_every_block_a_row_a_stage_and_its_pictures_below(pair):
    figure = block_strip(pair[1], GREY, [1.0] * 9, "block", "conv3_2", residual=True)
    points = next(trace for trace in figure.data if trace.customdata is not None)
    assert list(points.customdata) == [f"conv{stage}_{block}" for stage in (2, 3, 4) for block in (1, 2, 3)]
    assert len(set(points.x)) == len(set(points.y)) == 3
    centre = (points.x[4], points.y[4])
    frame = figure.layout.shapes[0]
    assert ((frame.x0 + frame.x1) / 2, (frame.y0 + frame.y1) / 2) == pytest.approx(centre)
    photographs = figure.layout.images[1]  # the first is the key
    height, width = pixels_of(photographs.source).shape[:2]
    for x, y in zip(points.x, points.y, strict=True):  # the photograph is where the point is
        column, row = (x - photographs.x) / photographs.sizex * width, (photographs.y - y) / photographs.sizey * height
        assert pixels_of(photographs.source)[int(row), int(column), 0] == pytest.approx(0.75 * 120, abs=3)


def test_flow_draws_the_recorded_numbers_and_leaves_a_gap_for_zero(pair):
    dead = replace(pair[0], blocks=(replace(pair[0].blocks[0], gradient_norm=0.0), *pair[0].blocks[1:]))
    figure = gradient_flow({"plain": dead, "residual": pair[1]}, "conv2_1")
    assert figure.data[0].y[0] is None
    assert list(figure.data[1].y) == [block.gradient_norm for block in pair[1].blocks]
    assert figure.layout.yaxis.type == "log"
    assert list(responses({"plain": pair[0]}, "conv2_1").data[0].y) == [block.response_std for block in pair[0].blocks]


def test_plain_is_orange_and_dotted_and_residual_blue_and_solid(pair):
    plain, residual = gradient_flow(dict(zip("pr", pair, strict=True)), "conv2_1").data
    assert plain.line.dash != residual.line.dash
    assert plain.line.color != residual.line.color
    assert top_classes(pair[0], "abcdefghij", residual=False).data[0].marker.color == plain.line.color


def test_the_five_most_probable_classes_come_in_order_and_the_target_is_bold(pair):
    chosen = replace(pair[1], target=int(pair[1].probabilities.argmax()))
    bars = top_classes(chosen, "abcdefghij", residual=True).data[0]
    assert bars.y[0] == f"<b>{'abcdefghij'[chosen.target]}</b>"
    assert list(bars.x) == sorted(bars.x, reverse=True)
    assert len(bars.x) == 5
    assert bars.x[0] == pytest.approx(100 * chosen.probabilities.max())


def test_a_plain_block_has_a_dash_where_only_a_residual_one_has_a_number(pair):
    table = block_table({"plain": pair[0].blocks[4], "residual": pair[1].blocks[4]})
    assert table.loc["‖F(x)‖ / ‖x‖", "plain"] == "–"
    block = pair[1].blocks[4]
    assert float(table.loc["‖F(x)‖ / ‖x‖", "residual"]) == pytest.approx(block.residual_norm / block.input_norm, rel=1e-3)


def test_a_blocks_maps_show_and_export_the_recorded_values(pair):
    block = pair[1].blocks[4]
    figure = block_maps(block, GREY, 1.0, 2.0)
    assert np.array_equal(figure.data[1].z, block.activation)
    numbers = map_table(block)
    assert numbers.grad_cam.to_numpy().reshape(block.cam.shape) == pytest.approx(block.cam)
    assert numbers.loc[17, ["row", "column"]].tolist() == [1, 1]  # 16 columns in conv3_x


def test_every_figure_survives_json(pair):
    for figure in (
        block_strip(pair[0], GREY, [0.0] * 9, "all", "conv4_3", residual=False),
        gradient_flow(dict(zip("pr", pair, strict=True)), "conv4_3"),
        block_maps(pair[0].blocks[0], GREY, 0.0, 0.0),
    ):
        assert json.loads(figure.to_json())["data"]


def test_networks_of_different_depth_share_scales_axis_and_cells():
    """ResNet-8 beside ResNet-110, whose stages of 18 blocks go on below: equal block names, equal scale."""
    few, many = (replace(architecture("resnet20-cifar", width=4), depths=(n, n, n)) for n in (1, 18))
    image = torch.randn(3, 32, 32, generator=torch.Generator().manual_seed(0))
    both = [inspect(build(each, seed=0), image, target=3) for each in (few, many)]
    short, long = cam_maxima(both, "block")
    for label, limit in zip(few.block_labels, short, strict=True):
        assert limit == long[many.block_labels.index(label)]
        assert limit == max(block.cam.max() for each in both for block in each.blocks if block.label == label)
    figure = block_strip(both[1], GREY, long, "block", "conv3_18", residual=True)
    points = figure.data[0]
    assert list(points.customdata) == list(many.block_labels)
    assert len(set(zip(points.x, points.y, strict=True))) == 54
    assert len(set(points.y)) == 6
    assert points.x[0] == points.x[9] == block_strip(both[0], GREY, short, "block", "conv2_1", residual=True).data[0].x[0]

    lines = gradient_flow(dict(zip(("few", "many"), both, strict=True)), "conv3_2")
    order = list(lines.layout.xaxis.categoryarray)
    assert order == list(many.block_labels)
    assert lines.layout.shapes[0].x0 == order.index("conv3_2")
    assert len({(line.line.color, line.line.dash) for line in lines.data}) == 2  # both are residual, and told apart
