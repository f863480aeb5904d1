"""Are receptive fields those that gradients show, through shortcuts of all kinds, and those of the formula for chains?"""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from resnet_core import InputError
from resnet_core.inspection.receptive_fields import measured_field, measured_growth, receptive_fields
from resnet_core.networks.architectures import Architecture, architecture
from resnet_core.networks.cost import block_shape
from resnet_core.networks.resnet import ResNet, build
from tests.support.networks import fingerprint

SIDE = 128
SHAPES = {
    "plain": architecture("plain34", width=2, depths=(1, 2, 1)),
    "option A": architecture("resnet34", width=2, depths=(1, 2, 1), shortcut="A"),
    "option B": architecture("resnet34", width=2, depths=(1, 2, 1), shortcut="B"),
    "option C": architecture("resnet34", width=2, depths=(1, 2, 1), shortcut="C"),
    "bottleneck": architecture("resnet50", width=2, depths=(1, 2)),
    "cifar": architecture("resnet20-cifar", width=2, depths=(1, 2, 1)),
}


def without_zeros(shape: Architecture) -> ResNet:
    """Every weight positive and every pixel counted, so that a gradient is zero only where nothing leads."""
    network = build(shape, seed=0).eval()
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            module.weight.data.fill_(1 / module.weight[0].numel())
    if not isinstance(network.maxpool, nn.Identity):
        network.maxpool = nn.AvgPool2d(3, 2, 1)  # the largest of equal pixels hides the others
    return network


def mask(network: ResNet, block: str, row: int, column: int) -> np.ndarray:
    """Which pixels move the cell, by a graph of this test's own."""
    image, kept = torch.ones((1, 3, SIDE, SIDE), requires_grad=True), []
    name = f"layer{int(block[4]) - 1}.{int(block[6:]) - 1}"
    network.get_submodule(name).register_forward_hook(lambda _module, _inputs, y: kept.append(y))
    network(image)
    (gradient,) = torch.autograd.grad(kept[0][0, :, row, column].sum(), image)
    return (gradient[0].abs().sum(0) > 0).numpy()


CELLS = [
    *(("plain", "conv3_2", *cell) for cell in ((0, 0), (5, 7), (15, 15))),
    *(("option A", block, *cell) for block in ("conv3_1", "conv4_1") for cell in ((0, 3), (4, 4))),
    *(("option B", "conv3_1", *cell) for cell in ((0, 0), (8, 3), (15, 1))),
    *(("option C", "conv2_1", *cell) for cell in ((0, 0), (31, 31), (12, 20))),
    *(("bottleneck", "conv3_2", *cell) for cell in ((0, 0), (7, 9), (15, 2))),
    *(("cifar", "conv3_1", *cell) for cell in ((0, 63), (10, 10))),
    *(("cifar", "conv4_1", *cell) for cell in ((16, 3), (31, 31))),
]


@pytest.mark.parametrize(("shape", "block", "row", "column"), CELLS, ids=[f"{s}-{b}-{r}-{c}" for s, b, r, c in CELLS])
def test_the_largest_field_is_what_the_gradient_reaches(shape: str, block: str, row: int, column: int) -> None:
    extents = receptive_fields(SHAPES[shape], SIDE)[block]
    (top, bottom), (left, right) = extents[row], extents[column]
    reached = np.zeros((SIDE, SIDE), bool)
    reached[top : bottom + 1, left : right + 1] = True
    assert np.array_equal(mask(without_zeros(SHAPES[shape]), block, row, column), reached)


def test_there_are_twenty_cells() -> None:
    assert len(CELLS) >= 20


def test_a_plain_networks_field_is_as_large_as_the_formula_for_chains_says() -> None:
    shape, side = architecture("plain18"), 1024
    layers = [(7, 2), (3, 2)]
    for stage in shape.stages:
        for i in range(stage.blocks):
            layers += [(each.kernel, each.stride) for each in block_shape(shape, stage, first=i == 0).main]
            size = 1 + sum((kernel - 1) * int(np.prod([s for _, s in layers[:n]])) for n, (kernel, _) in enumerate(layers))
            extents = receptive_fields(shape, side)[f"{stage.name[:-1]}{i + 1}"]
            first, last = extents[len(extents) // 2]
            assert last - first + 1 == size


def test_the_measured_field_is_the_gradient_of_the_cell_and_lies_in_the_largest() -> None:
    network = build(architecture("resnet34", width=4, depths=(1, 2)), seed=1).eval()
    image = torch.randn((3, 64, 64), generator=torch.Generator().manual_seed(0))
    before = fingerprint(network)
    found = measured_field(network, image, "conv3_2", 3, 2, 5)
    assert fingerprint(network) == before
    (top, bottom), (left, right) = receptive_fields(network.architecture, 64)["conv3_2"][[2, 5]]
    outside = found.copy()
    outside[top : bottom + 1, left : right + 1] = 0
    assert found.max() > 0
    assert not outside.any()
    block, kept = network.get_submodule("layer2.1"), {}
    block.bn2.register_forward_hook(lambda _m, _i, y: kept.__setitem__("branch", y.clone()))
    block.register_forward_pre_hook(lambda _m, inputs: kept.__setitem__("x", inputs[0]))
    x = image[None].clone().requires_grad_()
    network(x)
    (gradient,) = torch.autograd.grad((kept["branch"] + kept["x"])[0, 3, 2, 5], x)
    assert np.allclose(found, gradient[0].norm(dim=0).numpy(), rtol=1e-4, atol=1e-7)


def test_the_growth_is_the_sum_over_channels_of_every_blocks_middle_cell() -> None:
    network = build(architecture("resnet34", width=2, depths=(1, 2)), seed=1).eval()
    image = torch.randn((3, 64, 64), generator=torch.Generator().manual_seed(0))
    found = measured_growth(network, image)
    assert list(found) == ["conv2_1", "conv3_1", "conv3_2"]
    kept: list[torch.Tensor] = []
    block = network.get_submodule("layer2.0")
    block.relu2 = nn.Identity()
    block.register_forward_hook(lambda _m, _i, y: kept.append(y))
    x = image[None].clone().requires_grad_()
    network(x)
    (gradient,) = torch.autograd.grad(kept[0][0, :, 4, 4].sum(), x)
    assert np.allclose(found["conv3_1"], gradient[0].norm(dim=0).numpy(), rtol=1e-4, atol=1e-7)


def test_a_cell_that_does_not_exist_is_refused() -> None:
    network = build(architecture("resnet18", width=2, depths=(1,)), seed=0)
    with pytest.raises(InputError, match="there is no"):
        measured_field(network, torch.zeros((3, 32, 32)), "conv2_1", 2, 0, 0)
