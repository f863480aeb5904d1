"""Is the surface the loss at the moved weights? Judged by networks moved by hand, and by a closed form."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from resnet_core.architectures import architecture
from resnet_core.inspection.landscape import loss_surface, random_direction
from resnet_core.network import ResNet, build
from tests.resnet_core.inspection.untouched import untouched

STEPS = np.array([-0.5, 0.0, 0.7])


def network() -> ResNet:
    net = build(architecture("resnet20-cifar", depths=(1, 1), width=4), seed=0)
    with torch.no_grad():
        net.train()(batches()[0][0])
    return net


def batches() -> list[tuple[Tensor, Tensor]]:
    generator = torch.Generator().manual_seed(3)
    images, labels = torch.randn(10, 3, 16, 16, generator=generator), torch.randint(0, 10, (10,), generator=generator)
    return [(images[:6], labels[:6]), (images[6:], labels[6:])]


def directions(net: nn.Module) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    return random_direction(net, 0), random_direction(net, 1)


def test_every_filter_of_a_direction_is_as_long_as_the_networks() -> None:
    net = network()
    direction = random_direction(net, 0)
    assert set(direction) == {name for name, weight in net.named_parameters() if weight.ndim > 1}
    assert not {name for name in direction if "bn" in name or "bias" in name}
    for name, values in direction.items():
        assert torch.allclose(values.flatten(1).norm(dim=1), net.get_parameter(name).flatten(1).norm(dim=1), rtol=1e-5)
    assert all(torch.equal(values, random_direction(net, 0)[name]) for name, values in direction.items())
    assert not any(torch.equal(values, random_direction(net, 1)[name]) for name, values in direction.items())


def test_a_filter_that_is_zero_does_not_move() -> None:
    net = network()
    with torch.no_grad():
        net.conv1.weight[2] = 0
    assert random_direction(net, 0)["conv1.weight"][2].abs().max() == 0


def test_the_centre_is_the_loss_of_the_network() -> None:
    net = network()
    with untouched(net):
        surface = loss_surface(net, *directions(net), STEPS, STEPS, batches(), batch_statistics=False)
    images, labels = (torch.cat(parts) for parts in zip(*batches(), strict=True))
    with torch.no_grad():
        logits = net.eval()(images)
    assert surface.loss[1, 1] == pytest.approx(float(F.cross_entropy(logits, labels)), rel=1e-6)
    assert surface.error_percent[1, 1] == pytest.approx(100 * float((logits.argmax(1) != labels).float().mean()))


@pytest.mark.parametrize("batch_statistics", [True, False])
def test_a_point_is_the_loss_of_the_network_moved_by_hand(batch_statistics: bool) -> None:
    net = network()
    first, second = directions(net)
    surface = loss_surface(net, first, second, STEPS, STEPS, batches(), batch_statistics)
    moved = copy.deepcopy(net)
    with torch.no_grad():
        for name in first:
            moved.get_parameter(name).add_(-0.5 * first[name] + 0.7 * second[name])
        moved.train(batch_statistics)
        losses = [F.cross_entropy(moved(x), y, reduction="sum") for x, y in batches()]
    assert surface.loss[0, 2] == pytest.approx(float(sum(losses)) / 10, rel=1e-5)


def test_the_scale_of_weights_before_batch_norm_does_not_matter() -> None:
    """What filters are normalised for: the same function with weights ten times as large has the same surface."""
    net = network()
    large = copy.deepcopy(net)
    with torch.no_grad():
        large.get_parameter("layer1.0.conv1.weight").mul_(10)
    found = [loss_surface(each, *directions(each), STEPS, STEPS, batches(), True).loss for each in (net, large)]
    assert np.allclose(*found, rtol=1e-3)
    raw = {name: torch.ones_like(values) / 10 for name, values in random_direction(net, 0).items()}
    found = [loss_surface(each, raw, random_direction(net, 1), STEPS, STEPS, batches(), True).loss for each in (net, large)]
    assert not np.allclose(*found, rtol=1e-2)


def test_a_linear_classifier_has_the_surface_of_the_closed_form() -> None:
    linear = nn.Sequential(nn.Flatten(), nn.Linear(12, 3)).double()
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(5, 12)), np.array([0, 1, 2, 1, 0])
    first, second = ({"1.weight": torch.from_numpy(rng.normal(size=(3, 12)))} for _ in range(2))
    data = [(torch.from_numpy(x.reshape(5, 3, 2, 2)), torch.from_numpy(y))]
    surface = loss_surface(linear, first, second, [0.3], [-1.2], data, batch_statistics=False)
    weight = linear[1].weight.detach().numpy() + 0.3 * first["1.weight"].numpy() - 1.2 * second["1.weight"].numpy()
    logits = x @ weight.T + linear[1].bias.detach().numpy()
    expected = np.mean(np.log(np.exp(logits).sum(1)) - logits[np.arange(5), y])
    assert surface.loss[0, 0] == pytest.approx(expected, rel=1e-12)
