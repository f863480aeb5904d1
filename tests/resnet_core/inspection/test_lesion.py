"""Is a lesion what it says, and nothing else? Judged by forward passes written out by hand."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from resnet_core.errors import InputError
from resnet_core.inspection.lesion import reestimated, with_blocks_swapped, without_blocks
from resnet_core.networks.anatomy import find_anatomy
from resnet_core.networks.architectures import architecture
from resnet_core.networks.resnet import ResNet, build
from tests.support.side_effects import untouched


def network(kind: str = "resnet", **changes: object) -> ResNet:
    net = build(architecture(f"{kind}20-cifar", **{"depths": (2, 3), "width": 4, **changes}), seed=0)
    with torch.no_grad():
        for _ in range(3):
            net.train()(images(8, seed=5))  # statistics of its own
    return net


def images(n: int = 4, seed: int = 1) -> Tensor:
    return torch.randn(n, 3, 32, 32, generator=torch.Generator().manual_seed(seed))


def by_hand(net: ResNet, order: list[str], x: Tensor, without: tuple[str, ...] = ()) -> Tensor:
    net.eval()
    with torch.no_grad():
        x = net.bn1(net.conv1(x)).relu()
        for name in order:
            block = net.blocks()[name]
            if name not in without:
                x = block(x)
            elif name == "layer2.0":  # option A: every second pixel, the new channels zero
                x = F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, 0, 4)).relu()
        return net.fc(x.mean((2, 3)))


ORDER = ["layer1.0", "layer1.1", "layer2.0", "layer2.1", "layer2.2"]


@pytest.mark.parametrize("kind", ["plain", "resnet"])
def test_nothing_removed_changes_nothing_bit_for_bit(kind: str) -> None:
    net = network(kind)
    with untouched(net):
        view = without_blocks(net, [])
        found = view(images())
    assert torch.equal(found, net.eval()(images()))


@pytest.mark.parametrize("kind", ["plain", "resnet"])
@pytest.mark.parametrize("removed", [("layer1.1",), ("layer2.0",), ("layer1.0", "layer2.0", "layer2.2")])
def test_removed_blocks_are_left_out(kind: str, removed: tuple[str, ...]) -> None:
    net = network(kind)
    labels = {place.name: place.label for place in find_anatomy(net).blocks}
    with untouched(net):
        found = without_blocks(net, [labels[name] for name in removed])(images())
    assert torch.allclose(found, by_hand(net, ORDER, images(), removed), rtol=1e-4, atol=1e-5)


def test_a_projection_stays_where_its_block_is_removed() -> None:
    net = network(shortcut="B")
    x = images()
    with torch.no_grad():
        before = net.eval().get_submodule("layer1")(net.bn1(net.conv1(x)).relu())
        shortcut = net.get_submodule("layer2.0.downsample")(before).relu()
        y = net.get_submodule("layer2.2")(net.get_submodule("layer2.1")(shortcut))
        assert torch.allclose(without_blocks(net, ["conv3_1"])(x), net.fc(y.mean((2, 3))), rtol=1e-4, atol=1e-5)


def test_a_block_that_adds_nothing_is_not_missed() -> None:
    net = network()
    last = net.get_submodule("layer2.1.bn2")
    torch.nn.init.zeros_(last.weight)  # type: ignore[arg-type]
    torch.nn.init.zeros_(last.bias)  # type: ignore[arg-type]
    assert torch.equal(without_blocks(net, ["conv3_2"])(images()), net.eval()(images()))


@pytest.mark.parametrize("kind", ["plain", "resnet"])
def test_exchanged_blocks_run_in_the_new_order(kind: str) -> None:
    net = network(kind)
    with untouched(net):
        found = with_blocks_swapped(net, [("conv3_2", "conv3_3")])(images())
        again = with_blocks_swapped(net, [("conv3_2", "conv3_3"), ("conv3_3", "conv3_2")])(images())
    swapped = ["layer1.0", "layer1.1", "layer2.0", "layer2.2", "layer2.1"]
    assert torch.allclose(found, by_hand(net, swapped, images()), rtol=1e-4, atol=1e-5)
    assert torch.equal(again, net.eval()(images()))


@pytest.mark.parametrize("pair", [("conv3_1", "conv3_2"), ("conv2_2", "conv3_3")])
def test_blocks_that_do_not_fit_are_not_exchanged(pair: tuple[str, str]) -> None:
    with pytest.raises(InputError, match=f"^{pair[0]} and {pair[1]} do not fit"):
        with_blocks_swapped(network(), [pair])


@pytest.mark.parametrize(
    "lesion", [lambda net: without_blocks(net, ["conv5_1"]), lambda net: with_blocks_swapped(net, [("a", "b")])]
)
def test_an_unknown_block_is_named(lesion) -> None:
    with pytest.raises(InputError, match=r"^The network has no block '(conv5_1|a)'; it has conv2_1, [^\n]+\.$"):
        lesion(network())


def test_statistics_anew_are_the_mean_of_the_batches() -> None:
    net = network()
    batches = [images(6, seed) for seed in (1, 2, 3)]
    with untouched(net):
        view = reestimated(net, batches)
        found = view.bn1
    with torch.no_grad():
        stems = [net.conv1(x) for x in batches]
    means, variances = ([f(stem) for stem in stems] for f in (lambda s: s.mean((0, 2, 3)), lambda s: s.var((0, 2, 3))))
    assert torch.allclose(found.running_mean, torch.stack(means).mean(0), atol=1e-6)  # type: ignore[arg-type]
    assert torch.allclose(found.running_var, torch.stack(variances).mean(0), rtol=1e-5)  # type: ignore[arg-type]
    assert not any(module.training for module in view.modules())


def test_with_one_batch_the_network_is_as_in_training() -> None:
    net, x = network(), images(6)
    lesioned = without_blocks(net, ["conv2_2"])
    found = reestimated(lesioned, [x])(x)
    expected = lesioned.train()(x)  # the biased variance there, the unbiased one here: 6 x 32 x 32 values a channel
    assert torch.allclose(found, expected, rtol=1e-2, atol=1e-2)
    assert not torch.allclose(without_blocks(net, ["conv2_2"])(x), expected, rtol=1e-2, atol=1e-2)


def test_without_images_there_are_no_statistics() -> None:
    with pytest.raises(InputError, match="no images"):
        reestimated(network(), [])
