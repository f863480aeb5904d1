"""Is every number of a block's drill-down what `torch.nn.functional` gives, in float64, for all kinds of blocks?"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from resnet_core import InputError
from resnet_core.inspection.operations import BlockOperations, ConvolutionRecord, block_operations
from tests.support.networks import NETWORKS, blocks, fingerprint, picture

CASES = [
    ("resnet34", "conv2_2"), ("resnet34", "conv3_1"), ("plain34", "conv2_1"), ("plain34", "conv4_1"), ("bottleneck", "conv2_1"),
    ("bottleneck", "conv3_1"), ("plain bottleneck", "conv3_2"), ("option A", "conv3_1"), ("option C", "conv2_2"),
    ("cifar", "conv4_1"), ("without batch norm", "conv3_1"), ("torchvision", "conv3_1"),
]  # fmt: skip


def close(ours: np.ndarray, reference: Tensor, terms: Tensor | None = None) -> bool:
    """To 1e-5 of the numbers, or of the largest sum of absolute terms where these cancel."""
    scale = reference.abs() if terms is None else terms
    return bool(((torch.from_numpy(ours).double() - reference).abs() <= 1e-5 * scale.clamp(min=1e-5)).all())


def require_convolution(record: ConvolutionRecord, x: np.ndarray) -> None:
    inputs, weight = torch.from_numpy(x).double()[None], torch.from_numpy(record.weight).double()
    bias = None if record.bias is None else torch.from_numpy(record.bias).double()
    sums = F.conv2d(inputs, weight, bias, record.stride, record.padding)[0]
    terms = F.conv2d(inputs.abs(), weight.abs(), None if bias is None else bias.abs(), record.stride, record.padding)[0]
    assert close(record.sums, sums, terms)
    if record.norm is None:
        assert np.array_equal(record.normalised, record.sums)
        return
    numbers = [
        torch.from_numpy(n).double() for n in (record.norm.mean, record.norm.variance, record.norm.scale, record.norm.shift)
    ]
    own = torch.from_numpy(record.sums).double()[None]
    normalised = F.batch_norm(own, *numbers, eps=record.norm.eps)[0]
    assert close(record.normalised, normalised, normalised.abs() + 1 + own[0].abs())


@pytest.mark.parametrize(("network", "block"), CASES, ids=[f"{name}-{block}" for name, block in CASES])
def test_every_number_of_a_block_is_what_torch_computes_in_float64(network: str, block: str) -> None:
    found = block_operations(NETWORKS[network](), picture(), block, 0)
    x = found.convolutions[0].x
    for record, following in zip(found.convolutions, [*found.convolutions[1:], None], strict=True):
        require_convolution(record, record.x)
        if following is not None:
            assert np.array_equal(following.x, np.maximum(record.normalised, 0))
    assert np.array_equal(found.output, np.maximum(found.sums, 0))
    if found.kind == "identity":
        assert np.array_equal(found.shortcut, x)
    elif found.kind == "projection":
        assert found.projection is not None
        require_convolution(found.projection, x)
        assert np.array_equal(found.shortcut, found.projection.normalised)
    elif found.kind == "padding":
        assert found.shortcut is not None
        assert np.array_equal(found.shortcut[: len(x)], x[:, ::2, ::2])
        assert not found.shortcut[len(x) :].any()
    else:
        assert network.startswith("plain")


def own_output(make: Callable[[], nn.Module], block: str) -> np.ndarray:
    """What the block's module returns, by a hook of this test's own."""
    network, kept = make(), []
    names = {f"conv{int(name[5]) + 1}_{int(name.split('.')[1]) + 1}": module for name, module in blocks(network).items()}
    names[block].register_forward_hook(lambda _module, _inputs, y: kept.append(y.detach().clone()))
    network(picture())
    return kept[0][0].numpy()


@pytest.mark.parametrize(("network", "block"), CASES[:4], ids=[f"{name}-{block}" for name, block in CASES[:4]])
def test_the_output_is_the_networks_own(network: str, block: str) -> None:
    found = block_operations(NETWORKS[network](), picture(), block, 0)
    assert np.allclose(found.output, own_output(NETWORKS[network], block), rtol=1e-5, atol=1e-5)


def test_the_gradients_are_those_of_the_logit() -> None:
    network = NETWORKS["resnet34"]().requires_grad_(False)
    found: BlockOperations = block_operations(network, picture(), "conv3_2", 4)
    block, kept = blocks(network)["layer2.1"], {}

    def keep(name: str) -> Callable[..., None]:
        return lambda _module, inputs: kept.setdefault(name, inputs[0])

    block.conv2.register_forward_pre_hook(keep("middle"))
    blocks(network)["layer2.2"].register_forward_pre_hook(keep("output"))
    logit = network(picture().requires_grad_())[0, 4]
    reference = torch.autograd.grad(logit, [kept["middle"], kept["output"]])
    for own, other in zip(found.gradients, reference, strict=True):
        assert torch.allclose(torch.from_numpy(own), other[0], rtol=1e-3, atol=1e-6)


def test_the_strongest_input_is_the_one_whose_share_is_largest() -> None:
    record = block_operations(NETWORKS["resnet34"](), picture(), "conv2_2", 0).convolutions[1]
    shares = [
        float(
            F.conv2d(*map(torch.from_numpy, (record.x[None, i : i + 1], record.weight[3:4, i : i + 1])), padding=1).square().sum()
        )
        for i in range(len(record.x))
    ]
    assert record.strongest_input(3) == int(np.argmax(shares))


def test_the_network_stays_as_it_was() -> None:
    network = NETWORKS["torchvision"]()
    before = fingerprint(network)
    block_operations(network, picture(), "conv2_1", 0)
    assert fingerprint(network) == before


def test_an_unknown_block_is_refused_in_one_sentence() -> None:
    with pytest.raises(InputError, match="no block 'conv9_1'"):
        block_operations(NETWORKS["resnet34"](), picture(), "conv9_1", 0)
