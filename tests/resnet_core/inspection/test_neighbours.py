"""Is an answer beside other photographs the one that the network gives in training mode?"""

from __future__ import annotations

import numpy as np
import torch

from resnet_core.inspection.neighbours import answers_beside, convolution_of_batch
from resnet_core.networks.architectures import architecture
from resnet_core.networks.resnet import build
from tests.support.networks import NETWORKS, fingerprint, lived_in, picture

IMAGES = torch.cat([picture(64, 64, seed) for seed in range(3)])


def test_every_batch_with_the_first_image_is_answered_as_in_training() -> None:
    network = NETWORKS["resnet34"]()
    before = fingerprint(network)
    found = answers_beside(network, IMAGES)
    assert fingerprint(network) == before
    assert set(found) == {(0,), (0, 1), (0, 2), (0, 1, 2)}
    trained = NETWORKS["resnet34"]().train()
    for batch, probabilities in found.items():
        with torch.no_grad():
            reference = trained(IMAGES[list(batch)])[0].softmax(0)
        assert np.allclose(probabilities, reference.numpy(), rtol=1e-4, atol=1e-6)
    assert not np.allclose(found[0, 1], found[0, 2])


def test_a_network_without_batch_norm_does_not_care_for_neighbours() -> None:
    found = answers_beside(build(architecture("resnet18", width=4, depths=(1, 1), batch_norm=False), seed=0), IMAGES)
    assert all(np.allclose(found[0,], other, rtol=1e-4) for other in found.values())


def test_a_channel_of_a_batch_is_what_the_convolution_gives_to_each_image() -> None:
    network = lived_in(build(architecture("resnet18", width=4, depths=(1, 1)), seed=0))
    found = convolution_of_batch(network, IMAGES, "conv3_1", "conv1", 2)
    kept: list[torch.Tensor] = []
    network.get_submodule("layer2.0.conv1").register_forward_hook(lambda _m, _i, y: kept.append(y.detach()))
    for image, own in zip(IMAGES, found, strict=True):
        network(image[None])
        assert np.allclose(own, kept[-1][0, 2].numpy(), rtol=1e-4, atol=1e-5)
