"""Are attributions right, for any number of threads? Judged by Captum itself, by a few lines of autograd, and by completeness."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from captum import attr
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision import models

from resnet_core.errors import InputError
from resnet_core.inspection.attribution.methods import METHODS, STRIDE, WINDOW, Attribution, StoppedError, attribute
from resnet_core.networks.architectures import architecture
from resnet_core.networks.resnet import ResNet, build
from resnet_core.networks.weights import load
from resnet_core.pictures.network_input import prepare
from resnet_core.pictures.samples import SAMPLES, sample
from tests.support.side_effects import untouched

DETERMINISTIC = [name for name in METHODS if name != "smoothgrad"]


def ours() -> ResNet:
    return build(architecture("resnet18", width=8, num_classes=7), seed=0).eval()


def theirs() -> nn.Module:
    """torchvision's: ReLUs in place, and each block's used twice."""
    torch.manual_seed(0)
    return models.resnet18(weights=None, num_classes=7).eval()


def image(side: int = 48) -> Tensor:
    return torch.randn(1, 3, side, side, generator=torch.Generator().manual_seed(2))


def captums(network: nn.Module, method: str, x: Tensor, target: int) -> Tensor:
    x = x.clone().requires_grad_()
    if method == "gradient-x-input":
        return attr.InputXGradient(network).attribute(x, target=target)
    if method == "integrated-gradients":
        return attr.IntegratedGradients(network).attribute(x, target=target, n_steps=100)
    if method == "guided-backprop":
        return attr.GuidedBackprop(network).attribute(x, target=target)
    if method == "guided-grad-cam":
        return attr.GuidedGradCam(network, network.layer4[-1]).attribute(x, target=target, interpolate_mode="bilinear")
    if method == "grad-cam":
        cam = attr.LayerGradCam(network, network.layer4[-1]).attribute(x, target=target, relu_attributions=True)
        return attr.LayerAttribution.interpolate(cam, x.shape[2:], "bilinear")
    window, stride = (3, WINDOW, WINDOW), (3, STRIDE, STRIDE)
    return attr.Occlusion(network).attribute(x, target=target, sliding_window_shapes=window, strides=stride)[:, :1]


@pytest.mark.parametrize("method", DETERMINISTIC)
def test_captum_called_directly_gives_the_same(method: str) -> None:
    network, x = ours(), image()
    with untouched(network):
        found = attribute(network, x, method, target=3)
    expected = captums(network, method, x, 3).detach().sum((0, 1)).numpy()
    assert found.values.shape == (48, 48)
    assert np.allclose(found.values, expected, rtol=1e-3, atol=1e-5 * np.abs(expected).max())


@pytest.mark.parametrize("make", [ours, theirs])
def test_a_few_lines_of_autograd_give_the_same_also_where_modules_are_shared(make) -> None:
    network, x = make(), image()
    leaf = x.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(network(leaf)[0, 3], leaf)
    assert np.allclose(attribute(network, x, "gradient-x-input", 3).values, (gradient * x).sum((0, 1)), rtol=1e-3, atol=1e-5)

    nodes, weights = np.polynomial.legendre.leggauss(100)
    total = torch.zeros_like(x)
    for node, weight in zip((nodes + 1) / 2, weights / 2, strict=True):
        point = (float(node) * x).requires_grad_()
        total += float(weight) * torch.autograd.grad(network(point)[0, 3], point)[0]
    expected = (total * x).sum((0, 1)).numpy()
    found = attribute(network, x, "integrated-gradients", 3)
    if found.incompleteness is not None and found.incompleteness <= 0.01:
        assert np.allclose(found.values, expected, atol=0.02 * np.abs(expected).max())

    where = np.s_[16 : 16 + STRIDE, 16 : 16 + STRIDE]  # covered by the same four squares
    losses = []
    for top in (8, 16):
        for left in (8, 16):
            covered = x.clone()
            covered[..., top : top + WINDOW, left : left + WINDOW] = 0
            with torch.no_grad():
                losses.append(float(network(x)[0, 3] - network(covered)[0, 3]))
    occluded = attribute(network, x, "occlusion", 3).values
    assert occluded[where][:7, :7] == pytest.approx(np.mean(losses), rel=1e-3, abs=1e-5)


def guided_gradient(network: nn.Module, x: Tensor, target: int) -> Tensor:
    """Springenberg et al. 2015 by hand: a ReLU passes back only what is positive; the function is exchanged, no module hooked."""

    class Guided(torch.autograd.Function):
        @staticmethod
        def forward(context, y):  # type: ignore[no-untyped-def]
            context.save_for_backward(y)
            return y.relu()

        @staticmethod
        def backward(context, gradient):  # type: ignore[no-untyped-def]
            (y,) = context.saved_tensors
            return gradient.relu() * (y > 0)

    for module in network.modules():
        if isinstance(module, nn.ReLU):
            module.forward = Guided.apply  # type: ignore[method-assign]
    leaf = x.clone().requires_grad_()
    return torch.autograd.grad(network(leaf)[0, target], leaf)[0]


@pytest.mark.parametrize("make", [ours, theirs])
def test_guided_methods_by_hand(make) -> None:
    network, x = make(), image(64)
    cams = [attribute(network, x, "grad-cam", target).values for target in range(7)]
    target = int(np.argmax([cam.sum() for cam in cams]))  # of some classes, an untrained network has no evidence
    found = attribute(network, x, "guided-grad-cam", target)
    gradient = guided_gradient(network, x, target)[0]
    expected = (gradient * torch.from_numpy(cams[target])).sum(0).numpy()
    assert np.abs(expected).max() > 0
    assert np.allclose(found.values, expected, rtol=1e-3, atol=1e-4 * np.abs(expected).max())
    without = attribute(make(), x, "guided-backprop", target).values
    assert np.allclose(without, gradient.sum(0), rtol=1e-3, atol=1e-4 * float(gradient.abs().max()))


@pytest.mark.parametrize("photograph", list(SAMPLES)[:2])
def test_integrated_gradients_are_complete_on_the_bundled_network(photograph: str) -> None:
    network = load("resnet34-tiny")
    x = F.interpolate(prepare(sample(photograph), network.checkpoint)[None], size=(64, 64), mode="bilinear")
    found = attribute(network, x, "integrated-gradients")
    with torch.no_grad():
        change = float((network(x) - network(torch.zeros_like(x)))[0, found.target])
    assert found.values.astype(float).sum() == pytest.approx(change, rel=0.01)
    assert found.incompleteness is not None
    assert found.incompleteness <= 0.01


def test_smoothgrad_is_the_mean_gradient_and_the_same_every_time() -> None:
    network, x = ours(), image()
    first, second = (attribute(network, x, "smoothgrad", 1) for _ in range(2))
    assert np.array_equal(first.values, second.values)
    torch.manual_seed(5)
    theirs_ = attr.NoiseTunnel(attr.Saliency(network)).attribute(
        x, nt_samples=400, nt_samples_batch_size=50, stdevs=0.15 * float(x.max() - x.min()), target=1, abs=False
    )
    ours_, expected = first.values.ravel(), theirs_.sum((0, 1)).detach().numpy().ravel()
    assert np.corrcoef(ours_, expected)[0, 1] > 0.7  # 32 samples beside 400


def test_eight_threads_on_one_network_give_what_one_gives() -> None:
    network, x = ours(), image()
    jobs = [(method, target) for method in METHODS for target in (0, 3)] * 2

    def run(job: tuple[str, int]) -> Attribution:
        return attribute(network, x, *job)

    serial = [run(job) for job in jobs]
    with untouched(network), ThreadPoolExecutor(8) as pool:
        together = list(pool.map(run, jobs))
    for one, other in zip(serial, together, strict=True):
        assert np.allclose(one.values, other.values, rtol=1e-4, atol=1e-5 * np.abs(one.values).max())


@pytest.mark.parametrize("method", ["integrated-gradients", "occlusion", "smoothgrad"])
def test_progress_is_told_and_a_stop_is_heard(method: str) -> None:
    network, x, told = ours(), image(96), []

    def tell(share: float) -> bool:
        told.append(share)
        return len(told) < 2

    with untouched(network), pytest.raises(StoppedError):
        attribute(network, x, method, 0, tell)
    assert told[0] == 0
    assert told == sorted(told)
    shares: list[float] = []
    attribute(network, x, method, 0, lambda share: not shares.append(share))  # type: ignore[func-returns-value]
    assert shares[-1] > 0.4
    assert max(shares) <= 1


def test_a_stop_takes_less_than_a_second_on_the_bundled_network() -> None:
    network, asked = load("resnet34-tiny"), time.perf_counter()
    x = prepare(sample(next(iter(SAMPLES))), network.checkpoint)

    def tell(_share: float) -> bool:
        nonlocal asked
        waited.append(time.perf_counter() - asked)
        asked = time.perf_counter()
        return len(waited) < 6

    waited: list[float] = []
    with pytest.raises(StoppedError):
        attribute(network, x, "integrated-gradients", 0, tell)
    assert np.median(waited[1:]) < 1  # between two questions whether to go on


def test_bad_input_is_named() -> None:
    with pytest.raises(InputError, match=r"^There is no attribution method named 'grad_cam'; did you mean 'grad-cam'\?$"):
        attribute(ours(), image(), "grad_cam")
    with pytest.raises(InputError, match="no class 7"):
        attribute(ours(), image(), "occlusion", 7)
    with pytest.raises(InputError, match="at least 8 x 8"):
        attribute(ours(), image(7), "occlusion")
