"""Is the surface the loss at the moved weights? Judged by networks moved by hand, and by a closed form."""

from __future__ import annotations

import copy
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.nn import functional as F

from resnet_core.data.in_memory import ImagesInMemory
from resnet_core.data.sources import Dataset
from resnet_core.errors import InputError
from resnet_core.inspection.landscape import loss_surface, random_direction
from resnet_core.networks.architectures import architecture
from resnet_core.networks.resnet import ResNet, build
from resnet_core.pictures.network_input import network_input
from resnet_core.training.trainer import evaluate
from tests.support.side_effects import untouched

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


def test_a_direction_depends_on_the_weights_through_their_lengths_only() -> None:
    net = network()
    other = build(net.architecture, seed=9)
    drawn, again = random_direction(net, 0), random_direction(other, 0)
    for name in drawn:
        assert torch.allclose(*(F.normalize(each[name].flatten(1)) for each in (drawn, again)), atol=1e-6)


def test_a_filter_that_is_zero_does_not_move() -> None:
    net = network()
    with torch.no_grad():
        net.conv1.weight[2] = 0
    assert random_direction(net, 0)["conv1.weight"][2].abs().max() == 0


@pytest.mark.parametrize("batch_statistics", [True, False])
def test_the_network_is_left_as_it_was(batch_statistics: bool) -> None:
    net = network()
    net.conv1.requires_grad_(False)
    with untouched(net):
        loss_surface(net, *directions(net), STEPS, STEPS, batches(), batch_statistics)


def test_the_network_is_left_as_it_was_after_an_exception() -> None:
    net = network()

    def stop(_points: int) -> None:
        raise KeyboardInterrupt

    with untouched(net), pytest.raises(KeyboardInterrupt):
        loss_surface(net, *directions(net), STEPS, STEPS, batches(), False, stop)


def test_threads_that_share_a_network_find_what_each_finds_alone() -> None:
    net = network()

    def line(seed: int) -> list[float]:
        return loss_surface(
            net, random_direction(net, seed), random_direction(net, 9), STEPS, [0.1], batches(), False
        ).loss.tolist()

    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(line, range(4)))
    assert np.allclose(together, [line(seed) for seed in range(4)], rtol=1e-6)


def test_the_centre_is_the_loss_of_the_network() -> None:
    net = network()
    surface = loss_surface(net, *directions(net), STEPS, STEPS, batches(), batch_statistics=False)
    images, labels = (torch.cat(parts) for parts in zip(*batches(), strict=True))
    with torch.no_grad():
        logits = net.eval()(images)
    assert surface.loss[1, 1] == pytest.approx(float(F.cross_entropy(logits, labels)), rel=1e-6)
    assert surface.error_percent[1, 1] == pytest.approx(100 * float((logits.argmax(1) != labels).float().mean()))


def test_the_centre_is_what_training_measures() -> None:
    generator = torch.Generator().manual_seed(4)
    pixels = torch.randint(0, 256, (12, 16, 16, 3), generator=generator).to(torch.uint8)
    data = ImagesInMemory(pixels, torch.randint(0, 10, (12,), generator=generator))
    mean, std = (0.4, 0.5, 0.6), (0.2, 0.3, 0.4)
    dataset = Dataset("noise", "Noise", "Drawn.", tuple("0123456789"), mean, std, data, data)
    net = network()
    shown = [(network_input(data.images.permute(0, 3, 1, 2), 16, mean, std), data.labels)]
    surface = loss_surface(net, *directions(net), [0.0], [0.0], shown, batch_statistics=False)
    found = evaluate(net, data, 16, dataset, Fabric(accelerator="cpu", devices=1))
    assert {"loss": surface.loss.item(), "error_percent": surface.error_percent.item()} == pytest.approx(found, rel=1e-6)


def test_progress_counts_the_points_of_a_surface_that_says_where_they_are() -> None:
    net, done = network(), []
    surface = loss_surface(net, *directions(net), STEPS, [0.25, 2], batches(), False, done.append)
    assert done == [1, 2, 3, 4, 5, 6]
    assert surface.alphas.tolist() == STEPS.tolist()
    assert surface.betas.tolist() == [0.25, 2]
    assert surface.loss.shape == surface.error_percent.shape == (3, 2)


@pytest.mark.parametrize("batch_statistics", [True, False])
def test_a_point_is_the_loss_of_the_network_moved_by_hand(batch_statistics: bool) -> None:
    net = network().double()
    first, second = directions(net)
    surface = loss_surface(net, first, second, STEPS, STEPS, batches(), batch_statistics)
    moved = copy.deepcopy(net)
    with torch.no_grad():
        for name in first:
            moved.get_parameter(name).add_(-0.5 * first[name] + 0.7 * second[name])
        moved.train(batch_statistics)
        logits = [(moved(x.double()), y) for x, y in batches()]
    assert surface.loss[0, 2] == pytest.approx(
        float(sum(F.cross_entropy(z, y, reduction="sum") for z, y in logits)) / 10, rel=1e-9
    )
    assert surface.error_percent[0, 2] == pytest.approx(10 * sum(int((z.argmax(1) != y).sum()) for z, y in logits))


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


def test_a_loss_that_overflows_is_not_finite_and_the_others_are() -> None:
    net = network()
    surface = loss_surface(net, *directions(net), [0, 1e30], [0, 1e30], batches(), batch_statistics=False)
    assert np.isfinite(surface.loss).tolist() == [[True, False], [False, False]]


def test_what_has_no_surface_is_refused_in_one_sentence() -> None:
    net = network()
    first, second = directions(net)
    with pytest.raises(InputError, match=r"^There are no images [^\n]*\.$"):
        loss_surface(net, first, second, STEPS, STEPS, [], batch_statistics=False)
    del second["fc.weight"]
    with pytest.raises(InputError, match=r"^The two directions move different parameters[^\n]*\.$"):
        loss_surface(net, first, second, STEPS, STEPS, batches(), batch_statistics=False)
