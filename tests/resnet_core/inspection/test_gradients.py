"""Are the gradients right, and do they shatter as published? Judged by finite differences, autograd, and Balduzzi et al. 2017."""

from __future__ import annotations

import copy
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F
from torchvision import models

from resnet_core.errors import InputError
from resnet_core.inspection.gradients import gradient_correlation, gradient_flow, layer_responses, nearby_inputs
from resnet_core.networks.anatomy import find_anatomy
from resnet_core.networks.architectures import architecture
from resnet_core.networks.resnet import ResNet, build
from tests.support.side_effects import untouched


def small(kind: str = "resnet", blocks: int = 2, seed: int = 0, **changes: object) -> ResNet:
    return build(architecture(f"{kind}20-cifar", depths=(blocks,) * 3, width=4, **changes), seed)


def batch(n: int = 6, seed: int = 1) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(n, 3, 32, 32, generator=generator), torch.randint(0, 10, (n,), generator=generator)


@pytest.mark.parametrize("kind", ["plain", "resnet"])
@pytest.mark.parametrize("norm", [True, False])
def test_norms_are_autograds_of_a_training_step(kind: str, norm: bool) -> None:
    network = small(kind, batch_norm=norm)
    step = copy.deepcopy(network).train()
    kept: dict[str, Tensor] = {}
    responses: dict[str, float] = {}
    for place in find_anatomy(step).blocks:
        place.block.register_forward_hook(lambda _m, _x, y, name=place.label: kept.__setitem__(name, y))
        place.branch.register_forward_hook(
            lambda _m, _x, y, name=place.label: responses.__setitem__(name, float(y.detach().std(correction=0)))
        )
    images, labels = batch()
    loss = F.cross_entropy(step(images), labels)
    for y in kept.values():
        y.retain_grad()
    loss.backward()
    with untouched(network):
        found = gradient_flow(network, images, labels).blocks
    assert [block.block for block in found] == list(kept)
    for block in found:
        y = kept[block.block]
        assert y.grad is not None
        assert block.gradient_norm == pytest.approx(float(y.grad.norm()), rel=1e-5)
        assert block.output_rms == pytest.approx(float(y.detach().square().mean().sqrt()), rel=1e-5)
        assert block.response_sd == pytest.approx(responses[block.block], rel=1e-4)


def test_a_norm_is_the_steepest_slope_by_finite_differences() -> None:
    network = small(batch_norm=False).double()
    images, labels = batch(2)
    images = images.double()
    place = find_anatomy(network).blocks[3]
    output: list[Tensor] = []
    handle = place.block.register_forward_hook(lambda _m, _x, y: output.append(y.detach()))
    network(images)
    handle.remove()
    y = output[0].clone().requires_grad_()

    def graph_at(value: Tensor) -> Tensor:
        handle = place.block.register_forward_hook(lambda _m, _x, _y: value)
        try:
            return F.cross_entropy(network(images), labels)
        finally:
            handle.remove()

    def loss_at(value: Tensor) -> float:
        return graph_at(value).item()

    rng = torch.Generator().manual_seed(0)
    (gradient,) = torch.autograd.grad(graph_at(y), y)
    for _ in range(3):  # along random directions, and along the gradient, where the slope is the norm
        direction = torch.randn(y.shape, generator=rng, dtype=torch.float64)
        step = 1e-7 * direction
        slope = (loss_at(y.detach() + step) - loss_at(y.detach() - step)) / 2e-7
        assert slope == pytest.approx(float((gradient * direction).sum()), rel=1e-4)
    along = gradient / gradient.norm()
    steepest = (loss_at(y.detach() + 1e-5 * along) - loss_at(y.detach() - 1e-5 * along)) / 2e-5
    assert gradient_flow(network, images, labels).blocks[3].gradient_norm == pytest.approx(steepest, rel=1e-5)


@pytest.mark.slow
def test_1202_layers_are_no_more_than_many_blocks() -> None:
    network = build(architecture("resnet1202-cifar", width=2), seed=0)
    images, labels = batch(2)
    found = gradient_flow(network, images, labels).blocks
    assert len(found) == 600
    assert all(math.isfinite(block.gradient_norm) and block.gradient_norm > 0 for block in found)


@pytest.mark.parametrize("name", ["plain56-cifar", "resnet110-cifar"])
def test_figure_7_has_a_response_a_layer(name: str) -> None:
    network = build(architecture(name, width=2), seed=0)
    with untouched(network):
        found = layer_responses(network, batch(4)[0])
    assert len(found) == network.architecture.layers - 1  # all but the classifier
    assert list(found)[:3] == ["conv1", "layer1.0.conv1", "layer1.0.conv2"]


def test_responses_by_hand_also_of_torchvisions_in_place_network() -> None:
    ours = small()
    x = batch()[0]
    stem = ours.eval().bn1(ours.conv1(x)).detach()
    block = ours.blocks()["layer1.0"]
    first = block.bn1(block.conv1(stem.relu())).detach()  # type: ignore[operator]
    second = block.bn2(block.conv2(first.relu())).detach()  # type: ignore[operator]
    found = layer_responses(ours, x)
    for name, y in (("conv1", stem), ("layer1.0.conv1", first), ("layer1.0.conv2", second)):
        assert found[name] == pytest.approx(float(y.std(correction=0)), rel=1e-5)
    theirs = models.resnet50(weights=None, num_classes=5)
    assert len(layer_responses(theirs, x)) == 49
    assert layer_responses(theirs, x)["conv1"] == pytest.approx(
        float(theirs.eval().bn1(theirs.conv1(x)).detach().std(correction=0)), rel=1e-4
    )


def test_nearby_inputs_lie_on_a_circle() -> None:
    a, b = batch(2)[0]
    points = nearby_inputs(a, 3 * b, 9, 0.2).double().flatten(1)
    assert torch.allclose(points[0].float(), a.flatten(), atol=1e-6)
    assert torch.allclose(points.norm(dim=1), a.double().norm(), rtol=1e-6)
    cosines = F.normalize(points) @ F.normalize(points).T
    expected = torch.cos(0.2 * (torch.arange(9)[:, None] - torch.arange(9)).double())
    assert torch.allclose(cosines, expected, atol=1e-6)
    with pytest.raises(InputError, match="the same up to contrast"):
        nearby_inputs(a, -2 * a, 3, 0.1)


def test_a_linear_network_has_one_gradient_everywhere() -> None:
    network = small(batch_norm=False)
    for place in find_anatomy(network).blocks:
        place.block.relu1 = place.block.relu2 = torch.nn.Identity()
    network.relu = torch.nn.Identity()  # type: ignore[assignment]
    inputs = nearby_inputs(*batch(2)[0], 5, 0.5)
    with untouched(network):
        found = gradient_correlation(network, inputs, seed=0)
    assert np.allclose(found.correlation, 1, atol=1e-6)
    assert found.lag.max() == 4
    assert list(found.block.unique()) == ["image", *(place.label for place in find_anatomy(network).blocks)]


def test_a_correlation_is_that_of_gradients_taken_one_by_one() -> None:
    network, inputs = small(batch_norm=False), nearby_inputs(*batch(2)[0], 4, 0.3)
    weights = torch.randn(10, generator=torch.Generator().manual_seed(7))
    gradients = []
    for point in inputs:
        x = point[None].clone().requires_grad_()
        gradients.append(torch.autograd.grad((network(x) @ weights).sum(), x)[0].flatten())
    found = gradient_correlation(network, inputs, seed=7).set_index(["block", "lag"]).correlation
    for lag in (1, 2, 3):
        expected = [float(F.cosine_similarity(gradients[i], gradients[i + lag], dim=0)) for i in range(4 - lag)]
        assert found["image", lag] == pytest.approx(np.mean(expected), abs=1e-5)


def mean_correlation(kind: str, blocks: int, norm: bool, lag: int = 2) -> float:
    """Of the image's gradients at inputs 0.2 rad apart, over four networks."""
    inputs = nearby_inputs(*batch(2)[0], 16, 0.1)
    found = [
        gradient_correlation(small(kind, blocks, seed, batch_norm=norm), inputs, seed).set_index(["block", "lag"]).correlation
        for seed in range(4)
    ]
    return float(np.mean([each["image", lag] for each in found]))


def test_gradients_shatter_in_plain_networks_and_less_in_residual_ones() -> None:
    """Balduzzi et al. 2017, section 3: with batch norm it falls exponentially in depth, with shortcuts too sublinearly."""
    plain, residual = ([mean_correlation(kind, blocks, norm=True) for blocks in (1, 2, 4)] for kind in ("plain", "resnet"))
    assert plain[1] < plain[0] / 4
    assert abs(plain[2]) < 0.05  # white noise
    assert residual[0] > residual[1] > residual[2] > 0.08
    # an exponential law would square the factor where the number of added blocks doubles
    assert residual[2] / residual[1] > 1.3 * (residual[1] / residual[0]) ** 2


def test_a_flow_is_saved_and_read(tmp_path: Path) -> None:
    network = build(architecture("resnet20-cifar"), seed=0)
    with torch.inference_mode():
        images, labels = batch(2)  # which may come from anywhere
    found = gradient_flow(network, images, labels)
    found.save(tmp_path / "flow.npz")
    read = np.load(tmp_path / "flow.npz")
    assert read["block"].tolist() == [block.block for block in found.blocks]
    assert read["gradient_norm"].tolist() == [block.gradient_norm for block in found.blocks]
