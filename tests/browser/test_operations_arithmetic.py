"""Does the browser compute what torch computes? The functions behind the page Operations, on random numbers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from playwright.sync_api import Browser, Page
from torch.nn import functional as F

from dashboard.serving.blocks import packed

PARTS = Path(__file__).parents[2] / "dashboard/parts"
GENERATOR = np.random.default_rng(0)


@pytest.fixture(scope="module")
def functions(browser: Browser) -> Iterator[Page]:
    """An empty page with the functions of the browser's arithmetic."""
    page = browser.new_page()
    page.add_script_tag(content=(PARTS / "operations_arithmetic.js").read_text())
    page.add_script_tag(content=(PARTS / "operations_norm.js").read_text())
    yield page
    page.close()


def as_map(values: np.ndarray) -> dict[str, Any]:
    return {"height": values.shape[0], "width": values.shape[1], "values": values.ravel().tolist()}


@pytest.mark.parametrize("side", [1, 3, 7])
@pytest.mark.parametrize(("stride", "padding", "dilation"), [(1, 0, 1), (1, 1, 1), (2, 1, 1), (3, 2, 2), (2, 0, 3), (1, 4, 2)])
def test_a_map_is_convolved_as_by_torch(functions: Page, side: int, stride: int, padding: int, dilation: int) -> None:
    values, kernel = GENERATOR.normal(size=(20, 23)), GENERATOR.normal(size=(side, side))
    options = {"stride": stride, "padding": padding, "dilation": dilation}
    found = functions.evaluate(
        """([map, kernel, options]) => {
          const { height, width, values } = convolved(map, kernel, options)
          return [height, width, [...values]]
        }""",
        [as_map(values), kernel.ravel().tolist(), options],
    )
    reference = F.conv2d(torch.from_numpy(values)[None, None], torch.from_numpy(kernel)[None, None], **options)[0, 0].numpy()
    assert tuple(found[:2]) == reference.shape
    assert np.allclose(np.array(found[2]).reshape(reference.shape), reference, rtol=1e-9, atol=1e-12)


def test_the_shares_of_all_channels_add_up_to_torchs_sum_at_every_position(functions: Page) -> None:
    x, weight = GENERATOR.normal(size=(5, 6, 7)).astype(np.float32), GENERATOR.normal(size=(5, 3, 3)).astype(np.float32)
    convolution = {
        "input": {"shape": x.shape, "values": x.ravel().tolist()},
        "weight": {"shape": weight.shape, "values": weight.ravel().tolist()},
        "stride": 2,
        "padding": 1,
        "bias": 0.25,
    }
    inputs, weights = (torch.from_numpy(values).double()[None] for values in (x, weight))
    reference = F.conv2d(inputs, weights, torch.tensor([0.25]).double(), 2, 1)
    for row, column in np.ndindex(*reference.shape[2:]):
        found = functions.evaluate(
            "([convolution, ...cell]) => { const { total, sizes } = sharesAt(convolution, ...cell); return [total, sizes] }",
            [convolution, row, column],
        )
        assert found[0] == pytest.approx(float(reference[0, 0, row, column]), rel=1e-9)
        assert found[1] >= abs(found[0])


@pytest.mark.parametrize("training", [False, True], ids=["stored", "batch"])
def test_the_four_steps_are_torchs_batch_norm_in_both_modes(functions: Page, training: bool) -> None:
    batch = torch.from_numpy(GENERATOR.normal(1, 2, size=(3, 1, 4, 5)))
    mean, variance, scale, shift = (torch.tensor([number], dtype=torch.float64) for number in (0.3, 1.7, -0.6, 0.2))
    reference = F.batch_norm(batch, mean.clone(), variance.clone(), scale, shift, training, eps=1e-5)
    numbers = {"mean": 0.3, "variance": 1.7, "scale": -0.6, "shift": 0.2, "eps": 1e-5}
    found = functions.evaluate(
        """([values, numbers, training]) => {
          if (training) [numbers.mean, numbers.variance] = moments(values)
          return values.map((value) => normSteps(numbers, value)[3])
        }""",
        [batch.flatten().tolist(), numbers, training],
    )
    assert np.allclose(found, reference.flatten().numpy(), rtol=1e-9)


def test_what_is_stored_after_some_batches_is_torchs(functions: Page) -> None:
    batch = torch.from_numpy(GENERATOR.normal(1, 2, size=(3, 1, 4, 5)))
    mean, variance = torch.tensor([0.3]).double(), torch.tensor([1.7]).double()
    for _ in range(7):
        F.batch_norm(batch, mean, variance, training=True, momentum=0.1)
    own = [float(batch.mean()), float(batch.var())]
    found = functions.evaluate("([own]) => [storedAfter(7, 0.3, own[0]), storedAfter(7, 1.7, own[1])]", [own])
    assert found == pytest.approx([float(mean), float(variance)], rel=1e-6)


def test_packed_arrays_arrive_bit_for_bit(functions: Page) -> None:
    arrays = {"a": GENERATOR.normal(size=(2, 3)).astype(np.float32), "b": np.float32([np.pi])}
    data = packed({"kind": "identity", "nothing": None}, arrays)
    found = functions.evaluate(
        """(bytes) => {
          const found = unpacked(new Uint8Array(bytes).buffer)
          return [found.kind, found.nothing, found.a.shape, [...found.a.values], [...found.b.values]]
        }""",
        list(data),
    )
    assert found[:3] == ["identity", None, [2, 3]]
    assert np.array_equal(np.float32(found[3]), arrays["a"].ravel())
    assert np.array_equal(np.float32(found[4]), arrays["b"])


@pytest.mark.parametrize(("computed", "right"), [(0.8731, True), (0.8731 + 4e-6, True), (0.8741, False), (-0.8731, False)])
def test_a_number_agrees_to_a_hundred_thousandth(functions: Page, computed: float, right: bool) -> None:
    assert functions.evaluate("(computed) => agrees(0.8731, computed, 0.5)", computed) is right
