"""Does the agreement of gradients follow its definition? Judged by a network with one layer, whose gradient fits on paper."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from resnet_core.errors import InputError
from resnet_core.inspection.agreement import gradient_agreement, precision_agreement
from resnet_core.networks.architectures import architecture
from resnet_core.networks.resnet import build

TWO_CLASSES = torch.tensor([0])


def one_layer() -> nn.Sequential:
    """Logits W x of one image's three values, with W = 0: the softmax is uniform, so dL/dW = (p - onehot) xᵀ."""
    network = nn.Sequential(nn.Flatten(), nn.Linear(3, 2, bias=False))
    nn.init.zeros_(network[1].weight)
    return network


def image(*values: float) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float32).view(1, 3, 1, 1)


@pytest.mark.parametrize(
    ("other", "cosine"), [((2.0, 0, 0), 1.0), ((0, 1.0, 0), 0.0), ((-1.0, 0, 0), -1.0), ((1.0, 1.0, 0), 0.5**0.5)]
)
def test_the_cosine_of_a_linear_network_is_that_of_its_inputs(other: tuple[float, float, float], cosine: float) -> None:
    whole, layer = gradient_agreement(one_layer(), [(image(1, 0, 0), TWO_CLASSES), (image(*other), TWO_CLASSES)])
    assert (whole.layer, layer.layer) == ("all", "1")
    assert layer.cosine == pytest.approx(cosine, abs=1e-6)
    assert whole.cosine == pytest.approx(cosine, abs=1e-6)


def test_the_norms_are_those_of_the_formula() -> None:
    network = one_layer()
    with torch.no_grad():
        network[1].weight[0, 2] = 4.0  # does not move the logits of the images below
    _, layer = gradient_agreement(network, [(image(3, 0, 0), TWO_CLASSES)] * 2)
    assert layer.gradient_norm == pytest.approx(3 * 0.5**0.5)  # ‖p - onehot‖ ‖x‖ = √½ · 3
    assert layer.relative_gradient == pytest.approx(3 * 0.5**0.5 / 4)


def test_equal_minibatches_agree_and_nothing_on_the_network_changes() -> None:
    network = build(architecture("resnet20-cifar", width=4), 0).eval()
    before = copy.deepcopy(network.state_dict())
    batch = (torch.randn(4, 3, 32, 32, generator=torch.Generator().manual_seed(0)), torch.arange(4))
    layers = gradient_agreement(network, [batch, batch])
    assert [layer.cosine for layer in layers] == pytest.approx([1.0] * len(layers), abs=1e-9)
    assert not network.training
    assert all(parameter.grad is None for parameter in network.parameters())
    assert all(torch.equal(before[name], tensor) for name, tensor in network.state_dict().items())


def test_one_minibatch_agrees_with_nothing() -> None:
    with pytest.raises(InputError, match="give at least two"):
        gradient_agreement(one_layer(), [(image(1, 0, 0), TWO_CLASSES)])


def test_bfloat16_is_exact_where_every_number_is_a_power_of_two() -> None:
    _, layer = precision_agreement(one_layer(), image(1, 2, 0.5), TWO_CLASSES)
    assert layer.cosine == pytest.approx(1.0, abs=1e-9)


def test_bfloat16_agrees_less_in_a_deep_plain_network_than_in_its_twin() -> None:
    """As the trained networks' precision was judged to matter: measured, not assumed."""
    batch = (torch.randn(16, 3, 16, 16, generator=torch.Generator().manual_seed(0)), torch.arange(16) % 10)
    plain, residual = (
        precision_agreement(build(architecture(f"{kind}56-cifar", width=4), 0), *batch)[0].cosine for kind in ("plain", "resnet")
    )
    assert plain < residual
