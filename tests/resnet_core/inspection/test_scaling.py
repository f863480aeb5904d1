"""Does a factor of one change nothing, to the last bit, and a factor of zero leave the shortcut alone?"""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from resnet_core import InputError
from resnet_core.inspection.inspect import inspect
from resnet_core.inspection.scaling import fade, with_scaled_paths
from tests.support.networks import NETWORKS, fingerprint, picture, same

OURS = [name for name in NETWORKS if name != "torchvision"]


def block_output(network: nn.Module, name: str) -> tuple[torch.Tensor, torch.Tensor]:
    kept: list[torch.Tensor] = []
    module = network.get_submodule(name)
    hooks = [
        module.register_forward_pre_hook(lambda _m, inputs: kept.append(inputs[0].clone())),
        module.register_forward_hook(lambda _m, _i, y: kept.append(y.clone())),
    ]
    with torch.no_grad():
        network(picture())
    for hook in hooks:
        hook.remove()
    return kept[0], kept[1]


@pytest.mark.parametrize("name", OURS)
def test_factors_of_one_give_the_networks_own_answer_bit_for_bit(name: str) -> None:
    network = NETWORKS[name]()
    before = fingerprint(network)
    scaled = with_scaled_paths(network, 1.0, 1.0)
    with torch.no_grad():
        assert torch.equal(scaled(picture()), network(picture()))
    assert same(inspect(scaled, picture(), 3), inspect(network, picture(), 3))
    assert fingerprint(network) == before


def test_without_its_residual_function_a_residual_block_is_the_identity_and_a_plain_one_passes_on_nothing() -> None:
    x, y = block_output(with_scaled_paths(NETWORKS["resnet34"](), 0.0, blocks=["conv2_2"]), "layer1.1")
    assert torch.equal(x, y)
    _, y = block_output(with_scaled_paths(NETWORKS["plain34"](), 0.0, blocks=["conv2_2"]), "layer1.1")
    assert not y.any()


def test_without_its_shortcut_a_block_passes_on_its_residual_function_alone() -> None:
    network = NETWORKS["option A"]()
    scaled = with_scaled_paths(network, shortcut=0.0, blocks=["conv3_1"])
    x, y = block_output(scaled, "layer2.0")
    assert torch.equal(y, network.get_submodule("layer2.0").residual_function(x).relu())


def test_only_the_named_blocks_change() -> None:
    network = NETWORKS["resnet34"]()
    _, of_all = block_output(with_scaled_paths(network, 0.5), "layer1.0")
    _, of_one = block_output(with_scaled_paths(network, 0.5, blocks=["conv3_1"]), "layer1.0")
    _, own = block_output(network, "layer1.0")
    assert torch.equal(of_one, own)
    assert not torch.equal(of_all, own)


def test_a_fade_is_what_every_scaled_network_answers() -> None:
    network, told = NETWORKS["option A"](), []

    def scaled(factor: float) -> nn.Module:
        return with_scaled_paths(network, factor, blocks=["conv3_1"])

    def tell(fraction: float) -> bool:
        told.append(fraction)
        return True

    found = fade(network, picture(), 3, (0.0, 1.0, 2.0), scaled, tell)
    assert told == pytest.approx([1 / 3, 2 / 3, 1])
    for i, factor in enumerate(found.factors):
        alone = inspect(scaled(factor), picture(), 3)
        assert np.array_equal(found.probabilities[i], alone.probabilities)
        assert np.array_equal(found.cams[i], alone.blocks[-1].cam)
        assert found.gradient_norms[i] == pytest.approx([block.gradient_norm for block in alone.blocks])


def test_a_fade_ends_where_nobody_wants_it_any_more() -> None:
    network = NETWORKS["option A"]()
    found = fade(network, picture(), 3, (0.0, 1.0, 2.0), lambda factor: with_scaled_paths(network, factor), lambda _: False)
    assert found.factors == (0.0,)
    assert len(found.probabilities) == 1


def test_a_network_of_others_is_refused() -> None:
    with pytest.raises(InputError, match="no block of this project"):
        with_scaled_paths(NETWORKS["torchvision"](), 0.5)
