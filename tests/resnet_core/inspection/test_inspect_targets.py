"""Are several classes of one forward pass what separate calls, Captum, and plain autograd say?"""

from __future__ import annotations

import numpy as np
import pytest
import torch
from captum.attr import LayerGradCam
from torch import Tensor, nn
from torchvision import models

from resnet_core.errors import InputError
from resnet_core.inspection.inspect import inspect, inspect_targets
from resnet_core.networks.architectures import architecture
from resnet_core.networks.resnet import build
from tests.support.side_effects import untouched


def ours() -> nn.Module:
    return build(architecture("resnet34", width=8, num_classes=10), seed=1).eval()


def plain() -> nn.Module:
    return build(architecture("plain18", width=8, num_classes=10), seed=1).eval()


def torchvisions() -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(1)
        return models.resnet18(num_classes=10).eval()


every_network = pytest.mark.parametrize("make", [ours, plain, torchvisions])


def picture() -> Tensor:
    return torch.randn((1, 3, 64, 48), generator=torch.Generator().manual_seed(2))


# Grad-CAM and the mean over channels of all targets come from one matrix product, whose order of summation depends on the number
# of targets and on the processor. At most 512 channels are summed: an error of about sqrt(512) roundings of the largest term.
ROUNDING = 32 * 2**-24


@every_network
def test_each_is_what_a_call_for_it_alone_gives(make) -> None:
    network, targets = make(), [3, None, 9, 3]
    with untouched(network):
        together = inspect_targets(network, picture(), targets)
    assert len(together) == 4
    for found, target in zip(together, targets, strict=True):
        alone = inspect(network, picture(), target)
        assert found.target == alone.target
        assert np.array_equal(found.logits, alone.logits)
        assert np.array_equal(found.probabilities, alone.probabilities)
        for one, other in zip(found.blocks, alone.blocks, strict=True):
            summed = {name: pytest.approx(getattr(other, name), rel=4 * ROUNDING) for name in ("mean", "std")}
            assert one.numbers() == other.numbers() | summed  # the others to the last bit
            np.testing.assert_allclose(one.cam, other.cam, rtol=0, atol=ROUNDING * other.cam.max())
            np.testing.assert_allclose(one.activation, other.activation, rtol=0, atol=ROUNDING * other.activation.max())


@every_network
def test_captum_asked_for_each_block_and_class_gives_the_same_maps(make) -> None:
    network, image = make(), picture()
    places = dict(network.named_modules())
    for found in inspect_targets(network, image, range(5)):
        for record in found.blocks:
            cam = LayerGradCam(network, places[record.name]).attribute(image, found.target, relu_attributions=True)[0, 0]
            np.testing.assert_allclose(record.cam, cam.detach().numpy(), rtol=0, atol=1e-4 * float(cam.detach().max()) + 1e-12)


def test_no_class_is_an_answer_too_and_a_wrong_one_among_others_is_named() -> None:
    network = ours()
    assert inspect_targets(network, picture(), []) == ()
    with pytest.raises(InputError, match=r"^There is no class 10; the network has classes 0 to 9\.$"):
        inspect_targets(network, picture(), [0, 10])
