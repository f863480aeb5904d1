"""Is CKA right? Judged by the definition of HSIC, written out, and by what it must not depend on."""

from __future__ import annotations

import warnings
from itertools import permutations

import numpy as np
import pytest
import torch
from torch import Tensor

from resnet_core.errors import InputError
from resnet_core.inspection.isolation import forward_hooks
from resnet_core.inspection.similarity import block_similarity
from resnet_core.networks.anatomy import find_anatomy
from resnet_core.networks.architectures import architecture
from resnet_core.networks.resnet import ResNet, build
from tests.support.side_effects import untouched


def network(kind: str, blocks: int = 1, seed: int = 0) -> ResNet:
    return build(architecture(f"{kind}20-cifar", depths=(blocks,) * 3, width=4), seed).eval()


def images(n: int, seed: int = 0) -> Tensor:
    return torch.randn(n, 3, 32, 32, generator=torch.Generator().manual_seed(seed))


def features(net: ResNet, x: Tensor) -> list[np.ndarray]:
    heard: list[np.ndarray] = []
    with (
        torch.no_grad(),
        forward_hooks({p.block: lambda _x, y: heard.append(y.flatten(1).double().numpy()) for p in find_anatomy(net).blocks}),
    ):
        net(x)
    return heard


def hsic(x: np.ndarray, y: np.ndarray) -> float:
    """The U-statistic itself: the mean over all ordered quadruples of different samples (Song et al. 2012, Eq. 4)."""
    k, m = x @ x.T, y @ y.T
    terms = [k[i, j] * (m[i, j] + m[q, r] - 2 * m[i, q]) for i, j, q, r in permutations(range(len(x)), 4)]
    return float(np.mean(terms))


@pytest.mark.parametrize("n", [4, 6])
def test_cka_is_hsic_written_out(n: int) -> None:
    first, second, x = network("resnet"), network("plain", blocks=2), images(n)
    with untouched(first), untouched(second):
        found = block_similarity(first, second, [x])
    assert found.shape == (3, 6)
    assert list(found.index) == ["conv2_1", "conv3_1", "conv4_1"]
    assert list(found.columns) == ["conv2_1", "conv2_2", "conv3_1", "conv3_2", "conv4_1", "conv4_2"]
    a, b = features(first, x), features(second, x)
    for i in range(3):
        for j in range(6):
            expected = hsic(a[i], b[j]) / np.sqrt(hsic(a[i], a[i]) * hsic(b[j], b[j]))
            assert found.iloc[i, j] == pytest.approx(expected, rel=1e-4, abs=1e-6)


def test_batches_are_summed_before_they_are_divided() -> None:
    first, second, parts = network("resnet"), network("plain"), [images(5, 1), 3 * images(7, 2)]  # contrast: unequal weights
    found = block_similarity(first, second, parts)
    a, b = ([features(net, x)[2] for x in parts] for net in (first, second))
    cross, mine, yours = (np.array(list(map(hsic, *pair))) for pair in ((a, b), (a, a), (b, b)))
    expected = cross.sum() / np.sqrt(mine.sum() * yours.sum())
    assert found.iloc[2, 2] == pytest.approx(expected, rel=1e-4)
    assert abs(np.mean(cross / np.sqrt(mine * yours)) - expected) > 0.01  # the mean of CKAs is something else here


def test_a_network_in_training_is_seen_with_its_stored_statistics_and_stays_in_training() -> None:
    first, second, x = network("resnet"), network("plain"), images(8)
    with torch.no_grad():
        for net in (first, second):
            net.train()(images(16, 9))  # statistics of its own
    with untouched(first), untouched(second):
        found = block_similarity(first, second, [x])
    assert found.equals(block_similarity(first.eval(), second.eval(), [x]))


def test_one_network_is_asked_once() -> None:
    net, asked = network("resnet"), 0

    def count(_module: torch.nn.Module, _inputs: object) -> None:
        nonlocal asked
        asked += 1

    net.register_forward_pre_hook(count)
    block_similarity(net, net, [images(4, i) for i in range(3)])
    assert asked == 3


def test_a_network_is_like_itself() -> None:
    found = block_similarity(network("resnet", 2), network("resnet", 2), [images(16)])
    assert np.allclose(np.diag(found), 1, atol=1e-6)
    assert np.allclose(found, found.T, atol=1e-6)
    same = network("resnet", 2)
    assert np.array_equal(block_similarity(same, same, [images(16)]), found)


def test_the_order_of_channels_and_their_common_scale_do_not_matter() -> None:
    plain, other = network("plain"), network("plain")
    order = torch.tensor([2, 0, 3, 1])
    norm = other.blocks()["layer1.0"].bn2
    with torch.no_grad():  # the first block's outputs permuted and tripled; what follows is another network then
        norm.weight.mul_(3)
        other.blocks()["layer1.0"].conv2.weight.copy_(plain.blocks()["layer1.0"].conv2.weight[order])
    found = block_similarity(plain, other, [images(12)])
    assert found.iloc[0, 0] == pytest.approx(1, abs=1e-6)
    assert found.iloc[1, 1] < 0.999


def test_unrelated_networks_are_unlike_however_few_the_images() -> None:
    """Where there are more features than images, CKA with the biased HSIC is close to 1 for anything."""

    class Noise(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.part = torch.nn.Identity()  # a block has parts

        def forward(self, x: Tensor) -> Tensor:
            return torch.randn(len(x), 4096)

    def noisy() -> ResNet:
        net = network("resnet")
        for name in ("layer1", "layer2", "layer3"):
            net.get_submodule(name)[0] = Noise()  # type: ignore[index, operator]
        net.avgpool = torch.nn.Identity()  # type: ignore[assignment]
        net.fc = torch.nn.Identity()  # type: ignore[assignment]
        return net

    torch.manual_seed(0)
    found = block_similarity(noisy(), noisy(), [images(8, i) for i in range(30)])
    assert np.abs(found.to_numpy()).max() < 0.1
    a, b = np.random.default_rng(0).normal(size=(2, 8, 4096))
    centred = [x @ x.T for x in (a - a.mean(0), b - b.mean(0))]
    biased = np.sum(centred[0] * centred[1]) / np.linalg.norm(centred[0]) / np.linalg.norm(centred[1])
    assert biased > 0.9


@pytest.mark.parametrize("n", [5, 7, 33])  # not powers of 2: their means are rounded
def test_a_constant_block_is_like_nothing_and_no_warning_comes(n: int) -> None:
    net = network("plain", 2)
    norm = net.blocks()["layer2.1"].bn2
    with torch.no_grad():
        norm.weight.zero_()
        norm.bias.fill_(0.37)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = block_similarity(net, net, [images(n)])
    assert found.loc["conv3_2"].isna().all()
    assert found["conv3_2"].isna().all()
    assert np.isfinite(found.iloc[:3, :3]).all(axis=None)


def test_too_few_images_are_named() -> None:
    net = network("resnet")
    with pytest.raises(InputError, match=r"^A batch has 3 images; CKA without bias needs at least 4\.$"):
        block_similarity(net, net, [images(3)])
    with pytest.raises(InputError, match="no images"):
        block_similarity(net, net, [])
