"""Does the page Operations say what the block computed, and does the server keep what browsers fetch within its bound?"""

from __future__ import annotations

import gzip
import re

import numpy as np
import pytest

from dashboard import serving
from dashboard.scenes import operations as scenes
from dashboard.scenes import operations_looks as looks
from dashboard.serving import blocks
from dashboard.serving.blocks import BlockStore, packed, packed_channel, packed_maps
from resnet_core import architecture, build
from resnet_core.inspection.operations import block_operations
from resnet_core.inspection.scaling import Fade
from tests.support.networks import NETWORKS, lived_in, picture
from tests.support.scenes import lanes_of_operations


def test_the_sentence_has_the_numbers_of_the_cell() -> None:
    residual, plain = lanes_of_operations()
    branch = residual.found.convolutions[-1].normalised[2, 3, 4]
    said = scenes.what_makes_the_pixel(residual)
    assert f"{abs(branch):.3f}" in said
    assert f"{abs(residual.found.shortcut[2, 3, 4]):.3f}" in said
    assert "has no shortcut" in scenes.what_makes_the_pixel(plain)


def test_the_steps_of_the_table_lead_from_one_to_the_next() -> None:
    residual, plain = lanes_of_operations()
    table = scenes.steps_table([residual, plain]).set_index("step")[residual.title]
    assert table["F(x) + shortcut"] == pytest.approx(table["conv2, after batch norm"] + table["shortcut"], rel=1e-6)
    assert table["output, after ReLU"] == max(0, table["F(x) + shortcut"])
    record = residual.found.convolutions[0]
    assert table["conv1, sum over all input channels"] == pytest.approx(float(record.sums[residual.traced[0], 3, 4]))


@pytest.mark.parametrize("name", ["resnet34", "bottleneck", "without batch norm"])
def test_a_channel_is_traced_back_through_every_convolution(name: str) -> None:
    found = block_operations(NETWORKS[name](), picture(), "conv3_1", 0)
    traced = scenes.traced_channels(found, 1, None)
    assert len(traced) == len(found.convolutions)
    assert traced[-1] == 1
    assert scenes.traced_channels(found, 1, 0)[-2] == 0
    assert scenes.traced_channels(found, 1, 10_000) == traced


def test_the_first_cell_is_one_that_passes() -> None:
    found = block_operations(NETWORKS["resnet34"](), picture(64, 64), "conv2_2", 0)
    channel = scenes.strongest(found)
    row, column = scenes.strongest_cell(found, channel)
    assert found.output[channel, row, column] > 0


def test_the_shares_of_relu_are_those_of_zeros() -> None:
    residual, plain = lanes_of_operations()
    shares = looks.relu_extra(residual)["shares"]
    assert shares[-1]["forward"] == pytest.approx(float((residual.found.output == 0).mean()))
    assert shares[0]["forward"] == pytest.approx(float((residual.found.convolutions[1].x == 0).mean()))
    gradient, silent = residual.found.gradients[-1], residual.found.output == 0
    assert shares[-1]["backward"] == pytest.approx(float(np.abs(gradient[silent]).sum() / np.abs(gradient).sum()), rel=1e-5)
    assert len(looks.relu_extra(plain)["shares"]) == 2


def test_a_fade_names_the_first_classes_of_all_factors() -> None:
    residual, _ = lanes_of_operations()
    probabilities = np.float32([[0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.3, 0.3, 0.4]])
    fade = Fade((0.0, 1.0, 2.0), probabilities, np.ones((3, 2, 2), np.float32), np.ones((3, 3), np.float32))
    extra = looks.fade_extra(residual, fade, None, ("one", "two", "three"), 1)
    assert extra["fades"]["residual"]["classes"] == ["one", "two", "three"]
    assert extra["fades"]["residual"]["probabilities"][0] == pytest.approx([0.7, 0.1, 0.3])
    said = looks.fade_answer([residual], [fade], [("one", "two", "three")], everywhere=False)
    assert re.search(r"two \(80.%\), and without F\(x\) in conv3_2 one \(70.%\)", said)


def test_half_of_a_field_is_counted_from_the_strongest_pixel_on() -> None:
    field = np.zeros((8, 8), np.float32)
    field[2, 3], field[2, 4], field[5, 5] = 3, 2, 1
    assert looks.half_of(field) == 1
    field[2, 3] = 2
    assert looks.half_of(field) == 2


def test_packed_blocks_are_made_once_and_the_longest_unused_go_first() -> None:
    store, made = BlockStore(most_bytes=700), []

    def make(number: int) -> bytes:
        made.append(number)
        return packed({}, {"x": np.random.default_rng(number).normal(size=64).astype(np.float32)})

    digests = [store.keep(number, lambda number=number: make(number)) for number in (0, 1, 0, 1, 2)]
    assert made == [0, 1, 2]
    assert store.get(digests[0]) is None
    assert gzip.decompress(store.get(digests[-1]) or b"") == make(2)
    assert store.keep(0, lambda: make(0)) == digests[0]


def test_every_block_of_the_bundled_pair_packs_into_300_kilobytes() -> None:
    photograph = serving.sample_photograph("coffee")
    for name in ("plain34-tiny", "resnet34-tiny"):
        for block in ("conv2_1", "conv3_1", "conv5_1"):  # of each size the one with the most
            found = blocks.operations(name, photograph, block, 0)
            digests = (
                packed_maps((name, block), found),
                packed_channel((name, block), found, scenes.traced_channels(found, 0, None)),
            )
            assert sum(len(blocks.block_store().get(digest) or b"") for digest in digests) <= 300_000


def test_the_fields_of_a_network_are_those_of_its_resolution() -> None:
    cells = blocks.extents("resnet34-tiny", "conv2_2")
    assert len(cells) == 32
    assert cells[0][0] == 0
    assert cells[-1][1] == 127


def test_a_networks_own_value_is_in_every_lane_without_batch_norm_too() -> None:
    network = lived_in(build(architecture("resnet18", width=4, depths=(1, 1), batch_norm=False), seed=0))
    found = block_operations(network, picture(64, 64), "conv2_1", 0)
    lane = scenes.Lane("one", True, found, scenes.traced_channels(found, 0, None), 2, 2, ("conv2_1", "conv3_1"))
    assert "after batch norm" not in " ".join(scenes.steps_table([lane])["step"])
