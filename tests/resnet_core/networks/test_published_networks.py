"""Are networks as torchvision and timm publish them looked into rightly, or refused in one sentence? Random weights."""

from __future__ import annotations

import copy
from collections.abc import Callable

import numpy as np
import pytest
import timm
import torch
from torch import Tensor, nn
from torchvision import models

import resnet_core as lens
from resnet_core.errors import InputError
from tests.resnet_core.networks.strangers import lived_in

TARGET = 3
RIGHT = [
    "torchvision:resnet18", "torchvision:resnet50", "torchvision:wide_resnet50_2", "torchvision:resnext50_32x4d",
    "torchvision:convnext_tiny", "resnet10t", "resnet18d", "resnet26t", "resnet50c", "seresnet50", "ecaresnet26t", "resnetv2_50",
    "resnetv2_50d_gn", "resnetaa50", "resnetblur50", "skresnet18", "res2net50_26w_4s", "resnest14d", "legacy_seresnet18",
    "cspresnet50", "convnext_atto", "convnextv2_atto", "edgenext_xx_small", "inception_next_atto", "poolformer_s12",
]  # fmt: skip
REFUSED = [
    "torchvision:densenet121", "torchvision:vgg11_bn", "torchvision:googlenet", "torchvision:swin_t",
    "torchvision:regnet_y_400mf", "mambaout_femto", "nf_resnet50", "regnetx_002", "dla34", "repvgg_a0",
]  # fmt: skip
QUICK = ("resnet10t", "torchvision:vgg11_bn")


def made(name: str) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        if name.startswith("torchvision:"):
            network = models.get_model(name.removeprefix("torchvision:"), weights=None, num_classes=10)
        else:
            network = timm.create_model(name, pretrained=False, num_classes=10)
    return lived_in(network).double()


def picture() -> Tensor:
    return torch.randn((1, 3, 64, 64), generator=torch.Generator().manual_seed(2)).double()


def keeping(outputs: dict[str, Tensor], name: str) -> Callable[..., Tensor]:
    def keep(_block: nn.Module, _inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
        outputs[name] = output
        return output.clone()

    return keep


def names(chosen: list[str]) -> list[object]:
    return [pytest.param(name, marks=() if name in QUICK else pytest.mark.slow) for name in chosen]


@pytest.mark.parametrize("name", names(RIGHT))
def test_the_numbers_are_those_of_plain_hooks_on_a_copy(name: str) -> None:
    network, image = made(name), picture()
    copied = copy.deepcopy(network)
    inspection = lens.inspect(network, image, TARGET)
    outputs: dict[str, Tensor] = {}
    for record in inspection.blocks:
        copied.get_submodule(record.name).register_forward_hook(keeping(outputs, record.name))
    leaf = image.clone().requires_grad_()
    logits = copied(leaf.clone())
    gradients = torch.autograd.grad(logits[0, TARGET], [leaf, *outputs.values()])
    np.testing.assert_allclose(inspection.logits, logits[0].detach(), rtol=1e-5, atol=1e-6 * float(logits.detach().abs().max()))
    assert [record.name for record in inspection.blocks] == list(outputs)
    for record, gradient, y in zip(inspection.blocks, gradients[1:], outputs.values(), strict=True):
        y = y.detach()[0]
        assert record.gradient_norm == pytest.approx(float(gradient.norm()), rel=1e-6)
        assert (record.mean, record.std) == pytest.approx((float(y.mean()), float(y.std(correction=0))), rel=1e-5, abs=1e-9)
        cam = torch.einsum("c,chw->hw", gradient[0].mean((1, 2)), y).relu()
        np.testing.assert_allclose(record.cam, cam, rtol=1e-4, atol=1e-5 * float(cam.max()))
    found = lens.attribute(network, image, "gradient-x-input", TARGET).values
    expected = (gradients[0] * image).sum((0, 1))
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5 * float(expected.abs().max()))


@pytest.mark.parametrize("name", names(RIGHT))
def test_a_lesion_leaves_the_activation_of_the_shortcut_or_is_refused(name: str) -> None:
    network, image = made(name), picture()
    last = lens.find_anatomy(network).blocks[-1]
    try:
        found = lens.without_blocks(network, [last.label])(image)
    except InputError as error:
        refusal = str(error)
    else:
        refusal = ""
    if refusal:
        assert refusal.endswith(".")
        assert "\n" not in refusal
        return
    maps = lens.feature_maps(network, image, last.label, TARGET, ["shortcut", "sum", "output"])
    total, output = torch.from_numpy(maps["sum"]), torch.from_numpy(maps["output"])
    fitting = [f for f in (lambda x: x, torch.relu, nn.LeakyReLU(0.01)) if torch.allclose(f(total), output, rtol=1e-3, atol=1e-5)]
    assert fitting
    by_hand = copy.deepcopy(network)
    shortcut = fitting[-1](torch.from_numpy(maps["shortcut"])).double()[None]
    by_hand.get_submodule(last.name).register_forward_hook(lambda _block, _inputs, _output: shortcut)
    expected = by_hand(image)
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-4 * float(expected.detach().abs().max()))


@pytest.mark.parametrize("name", names(REFUSED))
def test_what_has_no_blocks_of_maps_is_refused_in_one_sentence(name: str) -> None:
    with pytest.raises(InputError, match=r"^[^\n]*describe[^\n]*\.$"):
        lens.inspect(made(name), picture(), TARGET)
