"""Is what is said of attributions true? Judged by scipy, by closed forms of a linear model, and by RISE's own formulas."""

from __future__ import annotations

import copy
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr
from torch import Tensor, nn
from torchvision import models

from resnet_core.errors import InputError
from resnet_core.inspection.attribution.methods import Attribution, StoppedError, attribute
from resnet_core.inspection.attribution.sanity_checks import (
    DeletionInsertion,
    deletion_insertion,
    random_baseline,
    randomisation_test,
    randomised,
    rank_correlation,
)
from resnet_core.networks.architectures import architecture
from resnet_core.networks.resnet import build
from resnet_core.networks.weights import load
from resnet_core.pictures.network_input import prepare
from resnet_core.pictures.samples import sample
from tests.support.side_effects import untouched


def ours() -> nn.Module:
    return build(architecture("resnet18", width=4, num_classes=7), seed=0).eval()


def theirs() -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return models.resnet18(weights=None, num_classes=7).eval()


def image(side: int = 48) -> Tensor:
    return torch.randn(1, 3, side, side, generator=torch.Generator().manual_seed(2))


def test_rank_correlation_is_scipys_also_with_equal_values() -> None:
    generator = np.random.default_rng(0)
    one, other = generator.normal(size=(2, 20, 30)).astype(np.float32)
    for a, b in ((one, other), (one, one + other), (np.maximum(one, 0), np.maximum(one + other, 0)), (one, -(one**3))):
        assert rank_correlation(a, b) == pytest.approx(spearmanr(a.ravel(), b.ravel()).statistic, abs=1e-12)
    assert np.isnan(rank_correlation(one, np.zeros_like(one)))


# randomisation


@pytest.mark.parametrize("make", [ours, theirs])
def test_a_network_is_random_from_the_top_only(make) -> None:
    network = make()
    network.bn1.running_mean.fill_(0.5)
    before = copy.deepcopy(network.state_dict())
    blocks = [f"layer{stage}.{block}" for stage in (4, 3, 2, 1) for block in (1, 0)]
    prefixes = [("fc.",), *((f"{block}.",) for block in blocks), ("conv1.", "bn1.")]
    names = ["fc", *(f"conv{int(block[5]) + 1}_{int(block[7]) + 1}" for block in blocks), "conv1"]
    kernels = {name for name, tensor in before.items() if tensor.ndim > 1}
    with untouched(network):
        told = []
        for step, (layer, copied) in enumerate(randomised(network, seed=3), start=1):
            told.append(layer)
            gone = tuple(prefix for each in prefixes[:step] for prefix in each)
            state = copied.state_dict()
            assert {name for name in kernels if not torch.equal(state[name], before[name])} == {
                name for name in kernels if name.startswith(gone)
            }
            assert all(torch.equal(state[name], before[name]) for name in before if not name.startswith(gone))
        assert told == names
    assert state["bn1.running_mean"].eq(0).all()
    weight = state["layer4.1.conv2.weight"]
    assert float(weight.std()) == pytest.approx((2 / (weight.shape[0] * 9)) ** 0.5, rel=0.1)  # He, fan-out


def test_the_seed_alone_says_which_random_weights() -> None:
    def last(seed: int) -> Tensor:
        *_, (_, copied) = randomised(ours(), seed)
        return copied.state_dict()["layer2.0.conv1.weight"]

    first = last(1)
    torch.manual_seed(9)
    assert torch.equal(first, last(1))
    assert not torch.equal(first, last(2))


def test_a_cascade_is_its_own_steps_done_by_hand(tmp_path: Path) -> None:
    network, x = ours(), image()
    with untouched(network):
        found = randomisation_test(network, x, "gradient-x-input", target=None, seed=5)
    original = attribute(network, x, "gradient-x-input")
    assert found.target == original.target
    assert np.array_equal(found.maps[0], original.values)
    for i, (layer, copied) in enumerate(randomised(network, 5)):
        again = attribute(copied, x, "gradient-x-input", original.target).values
        assert found.layers[i] == layer
        assert np.array_equal(found.maps[i + 1], again)
        assert found.absolute[i] == pytest.approx(spearmanr(abs(original.values).ravel(), abs(again).ravel()).statistic)
        assert found.signed[i] == pytest.approx(spearmanr(original.values.ravel(), again.ravel()).statistic)
    found.save(tmp_path / "cascade.npz")
    with np.load(tmp_path / "cascade.npz") as saved:
        assert list(saved["layers"]) == list(found.layers)
        assert np.array_equal(saved["maps"], found.maps)


def test_threads_share_the_network() -> None:
    network, x = ours(), image()
    with untouched(network), ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: randomisation_test(network, x, "gradient-x-input", 1), range(4)))
    assert all(np.array_equal(each.maps, found[0].maps) for each in found)


@pytest.mark.slow
def test_on_the_bundled_network_guided_backprop_stays_and_the_gradient_and_grad_cam_change() -> None:
    """Adebayo et al. 2018, Figures 2 to 4, on the photograph of the cat, with all of conv5_x and conv4_x random."""
    network = load("resnet34-tiny")
    x = prepare(sample("cat"), network.checkpoint)
    guided, gradient, cam = (
        randomisation_test(network, x, method) for method in ("guided-backprop", "gradient-x-input", "grad-cam")
    )
    assert guided.layers[:10] == ("fc", "conv5_3", "conv5_2", "conv5_1", *(f"conv4_{i}" for i in (6, 5, 4, 3, 2, 1)))
    upper = slice(0, 10)
    assert guided.absolute[upper].min() > 0.8
    assert np.abs(gradient.signed[upper]).max() < 0.4
    assert gradient.absolute[upper].max() < 0.6  # not nothing: the sizes of the image itself are a factor of it
    assert (cam.absolute[upper] < guided.absolute[upper]).all()
    assert cam.absolute[4:10].max() < 0.6  # once the last stage is random
    assert guided.absolute[-1] < 0.6  # at the bottom, it changes too


# deletion and insertion


class Linear(nn.Module):
    """Logits w·x and 0."""

    def __init__(self, weights: Tensor) -> None:
        super().__init__()
        self.weights = nn.Parameter(weights)

    def forward(self, x: Tensor) -> Tensor:
        logit = (x * self.weights).sum((1, 2, 3))
        return torch.stack([logit, torch.zeros_like(logit)], 1)


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def test_deletion_of_a_linear_model_is_a_sum_of_what_is_left() -> None:
    generator = torch.Generator().manual_seed(0)
    network = Linear(0.05 * torch.randn(1, 3, 32, 32, generator=generator))
    x = torch.randn(1, 3, 32, 32, generator=generator)
    each = (network.weights * x).detach().sum((0, 1)).numpy().astype(float)
    found = deletion_insertion(network, x, Attribution("exact", 0, each.astype(np.float32), 0.0, None), steps=64)
    descending = np.sort(each.ravel())[::-1]
    left = each.sum() - np.concatenate([[0], np.cumsum(descending)])[:: 1024 // 64]
    np.testing.assert_allclose(found.deletion, sigmoid(left), atol=1e-5)
    np.testing.assert_allclose(found.share, np.arange(65) / 64)
    area = (sigmoid(left).sum() - (sigmoid(left)[0] + sigmoid(left)[-1]) / 2) / 64  # as RISE's program has it
    assert found.deletion_auc == pytest.approx(area, abs=1e-5)
    assert found.insertion[-1] == pytest.approx(found.deletion[0], abs=1e-6)
    worst = deletion_insertion(network, x, Attribution("worst", 0, -each.astype(np.float32), 0.0, None), steps=64)
    told: list[float] = []
    middle = random_baseline(network, x, 0, 3, lambda share: not told.append(share))
    assert len({each.deletion_auc for each in middle}) == 3
    assert told == sorted(told)
    assert 0 <= told[0] < told[-1] <= 1
    for each in middle:
        assert found.deletion_auc < each.deletion_auc < worst.deletion_auc
        assert found.insertion_auc > each.insertion_auc > worst.insertion_auc


def test_insertion_begins_with_a_blurred_image() -> None:
    dot = torch.zeros(1, 3, 48, 48)
    dot[..., 24, 24] = 1.0
    weights = torch.zeros(1, 3, 48, 48)
    weights[:, 0, 24, 26] = 100.0
    values = torch.rand(48, 48, generator=torch.Generator().manual_seed(0)).numpy()
    found = deletion_insertion(Linear(weights), dot, Attribution("any", 0, values, 0.0, None), steps=4)
    kernel = np.exp(-(np.arange(-5, 6) ** 2) / (2 * 5.0**2))
    kernel /= kernel.sum()
    assert found.insertion[0] == pytest.approx(sigmoid(100 * kernel[5] * kernel[7]), abs=1e-6)
    assert found.insertion[-1] == found.deletion[0] == 0.5


def test_areas_under_known_curves() -> None:
    share = np.linspace(0, 1, 11)
    found = DeletionInsertion("known", 0, share, 1 - share, share**2, 0.0)
    assert found.deletion_auc == pytest.approx(0.5)
    assert found.insertion_auc == pytest.approx(1 / 3, abs=0.01)


def test_pixels_that_are_equal_go_in_an_order_without_a_place() -> None:
    weights = torch.zeros(1, 3, 32, 32)
    weights[:, :, :16] = 1.0
    x = torch.ones(1, 3, 32, 32)
    found = deletion_insertion(
        Linear(0.01 * weights), x, Attribution("constant", 0, np.zeros((32, 32), np.float32), 0.0, None), steps=4
    )
    logits = np.log(found.deletion / (1 - found.deletion))
    np.testing.assert_allclose(logits / logits[0], [1, 0.75, 0.5, 0.25, 0], atol=0.06)  # the upper half goes as the lower


def test_progress_is_told_a_stop_is_heard_and_bad_input_named() -> None:
    network, x = ours(), image()
    given = attribute(network, x, "grad-cam", 1)
    jobs = (
        lambda tell: randomisation_test(network, x, "gradient-x-input", 1, on_progress=tell),
        lambda tell: deletion_insertion(network, x, given, on_progress=tell),
    )
    for job in jobs:
        told: list[float] = []
        job(lambda share, told=told: not told.append(share))
        assert told[0] == 0
        assert told == sorted(told)
        assert 0.7 < told[-1] < 1
        with untouched(network), pytest.raises(StoppedError):
            job(lambda share: share < 0.5)
    with pytest.raises(InputError, match="no attribution method"):
        randomisation_test(network, x, "magic")
    with pytest.raises(InputError, match="no class 7"):
        randomisation_test(network, x, "grad-cam", 7)
