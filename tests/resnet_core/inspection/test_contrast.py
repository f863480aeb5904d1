"""Why one class and not another: is the contrast's attribution that of the difference of two logits?"""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision import models

from resnet_core.errors import InputError
from resnet_core.inspection.attribution.methods import attribute
from resnet_core.inspection.attribution.sanity_checks import randomisation_test
from resnet_core.networks.architectures import architecture
from resnet_core.networks.resnet import build
from tests.support.side_effects import untouched

A, B = 3, 5


def ours() -> nn.Module:
    return build(architecture("resnet18", width=8, num_classes=7), seed=0).eval()


def theirs() -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return models.resnet18(weights=None, num_classes=7).eval()


def image() -> Tensor:
    return torch.randn(1, 3, 48, 48, generator=torch.Generator().manual_seed(2))


every_network = pytest.mark.parametrize("make", [ours, theirs])


@every_network
def test_autograd_of_the_difference_gives_the_same(make) -> None:
    network, x = make(), image()
    kept: list[Tensor] = []
    hook = network.layer4[-1].register_forward_hook(lambda _module, _inputs, output: kept.append(output))
    leaf = x.clone().requires_grad_()
    logits = network(leaf)[0]
    hook.remove()
    gradient, of_block = torch.autograd.grad(logits[A] - logits[B], [leaf, kept[0]])
    with untouched(network):
        found = attribute(network, x, "gradient-x-input", A, against=B)
        cam = attribute(network, x, "grad-cam", A, against=B)
    assert (found.target, found.against) == (A, B)
    expected = (gradient * x).sum((0, 1)).numpy()
    assert np.allclose(found.values, expected, rtol=1e-3, atol=1e-5 * np.abs(expected).max())
    weighted = (of_block.mean((2, 3), keepdim=True) * kept[0].detach()).sum(1, keepdim=True).relu()
    expected = F.interpolate(weighted, size=(48, 48), mode="bilinear")[0, 0].numpy()
    assert np.allclose(cam.values, expected, rtol=1e-3, atol=1e-5 * np.abs(expected).max())


@pytest.mark.parametrize("method", ["gradient-x-input", "integrated-gradients", "smoothgrad", "occlusion"])
def test_what_is_linear_in_the_logit_is_the_difference_of_both(method: str) -> None:
    network, x = ours(), image()
    both = attribute(network, x, method, A, against=B, most_steps=50).values
    a, b = (attribute(network, x, method, target, most_steps=50).values for target in (A, B))
    assert np.allclose(both, a - b, atol=1e-4 * np.abs(a).max())
    swapped = attribute(network, x, method, B, against=A, most_steps=50).values
    assert np.allclose(swapped, -both, atol=1e-4 * np.abs(both).max())


@every_network
def test_the_sum_of_integrated_gradients_is_the_difference_that_the_image_makes(make) -> None:
    network, x = make(), image()
    found = attribute(network, x, "integrated-gradients", A, against=B)
    with torch.no_grad():
        logits = network(x) - network(torch.zeros_like(x))
    change = float(logits[0, A] - logits[0, B])
    assert found.incompleteness == pytest.approx(abs(found.values.astype(float).sum() / change - 1), abs=1e-3)


def test_a_cascade_asks_for_the_same_contrast() -> None:
    network, x = ours(), image()
    found = randomisation_test(network, x, "gradient-x-input", A, against=B)
    assert np.array_equal(found.maps[0], attribute(network, x, "gradient-x-input", A, against=B).values)
    assert np.abs(found.signed[-1]) < 0.5


def test_a_contrast_that_does_not_fit_is_named() -> None:
    network = ours()
    with pytest.raises(InputError, match=r"^A class cannot be contrasted with itself; choose another one\.$"):
        attribute(network, image(), "grad-cam", A, against=A)
    with pytest.raises(InputError, match=r"^There is no class 7; the network has classes 0 to 6\.$"):
        attribute(network, image(), "grad-cam", A, against=7)
    best = attribute(network, image(), "grad-cam").target
    with pytest.raises(InputError, match="contrasted with itself"):
        attribute(network, image(), "grad-cam", against=best)
