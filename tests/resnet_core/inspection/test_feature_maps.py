"""Is what stands inside a block what the block computes? Judged by its layers called one by one, and by finite differences."""

from __future__ import annotations

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision import models

from resnet_core.errors import InputError
from resnet_core.inspection.feature_maps import feature_maps
from resnet_core.inspection.records import FeatureMaps
from resnet_core.networks.architectures import architecture
from resnet_core.networks.resnet import build
from tests.support.side_effects import untouched


def trained_a_little(network: nn.Module) -> nn.Module:
    """Batch norms whose statistics are not 0 and 1."""
    torch.manual_seed(1)
    for _ in range(3):
        network.train()(torch.randn(8, 3, 48, 48))
    return network.eval()


NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "basic": lambda: build(architecture("resnet18", width=8, num_classes=7), seed=0),
    "bottleneck": lambda: build(architecture("resnet50", width=8, num_classes=7), seed=0),
    "plain": lambda: build(architecture("plain18", width=8, num_classes=7), seed=0),
    "option A": lambda: build(architecture("resnet20-cifar"), seed=0),
    "no batch norm": lambda: build(architecture("resnet20-cifar", batch_norm=False), seed=0),
    "torchvision's": lambda: models.resnet18(weights=None, num_classes=7),
    "torchvision's bottleneck": lambda: models.resnet50(weights=None, num_classes=7),
}


@pytest.fixture(params=NETWORKS)
def network(request: pytest.FixtureRequest) -> nn.Module:
    torch.manual_seed(0)
    return trained_a_little(NETWORKS[request.param]())


def image() -> Tensor:
    return torch.randn(1, 3, 48, 48, generator=torch.Generator().manual_seed(2))


@torch.no_grad()
def by_hand(network: nn.Module, stage: int, index: int) -> dict[str, Tensor]:
    """The layers of layer{stage}.{index} one after another, on what reaches the block."""
    x = network.maxpool(F.relu(network.bn1(network.conv1(image()))))
    before = [block for number in (1, 2, 3) for block in network.get_submodule(f"layer{number}")]
    block = network.get_submodule(f"layer{stage}")[index]
    for other in before[: before.index(block)]:
        x = other(x)
    found = {"x": x}
    last = 3 if hasattr(block, "conv3") else 2
    y = x
    for i in range(1, last + 1):
        y = getattr(block, f"conv{i}")(y)
        found[f"conv{i}"] = y
        norm = getattr(block, f"bn{i}")
        y = norm(y)
        if i == last:
            found["F(x)"] = y
        else:
            if not isinstance(norm, nn.Identity):
                found[f"bn{i}"] = y
            y = F.relu(y)
    if getattr(block, "residual", True):
        found["shortcut"] = x if block.downsample is None else block.downsample(x)
        found["sum"] = y = y + found["shortcut"]
    return {**found, "output": F.relu(y)}


@pytest.mark.parametrize(("label", "stage", "index"), [("conv2_1", 1, 0), ("conv3_1", 2, 0), ("conv3_2", 2, 1)])
def test_every_place_holds_what_its_layer_computes(network: nn.Module, label: str, stage: int, index: int) -> None:
    with untouched(network):
        found = feature_maps(network, image(), label)
    wanted = by_hand(network, stage, index)
    assert list(found.maps) == list(wanted)
    for place, values in wanted.items():
        np.testing.assert_allclose(found.maps[place], values[0], rtol=1e-4, atol=1e-5)
    if "sum" in found.maps:
        np.testing.assert_allclose(found.maps["F(x)"] + found.maps["shortcut"], found.maps["sum"], rtol=1e-5, atol=1e-6)


def rest(network: nn.Module, start: str, values: Tensor) -> Tensor:
    """The logits when conv3_2 of a CIFAR network goes on from `values` at `start`."""
    y = {"x": network.layer2[1], "sum": F.relu, "output": nn.Identity()}[start](values)
    for later in [*network.layer2[2:], *network.layer3]:
        y = later(y)
    return network.fc(y.mean((2, 3)))[0]


@pytest.mark.parametrize("place", ["x", "sum", "output"])
def test_class_gradients_by_finite_differences(place: str) -> None:
    network = trained_a_little(build(architecture("resnet20-cifar"), seed=0)).double()
    found = feature_maps(network, image().double(), "conv3_2", target=3)
    values = torch.from_numpy(found.maps[place]).double()[None]
    step = 1e-4
    for channel in (0, 5, 17):
        moved = torch.zeros_like(values)
        moved[:, channel] = step / values[0, 0].numel()  # each position gets its share: the mean gradient
        with torch.no_grad():
            ends = [rest(network, place, values + sign * moved)[3] for sign in (1, -1)]
        assert found.class_gradients[place][channel] == pytest.approx(float(ends[0] - ends[1]) / (2 * step), rel=2e-3, abs=1e-6)


def test_what_the_shortcut_adds_moves_the_logit_as_the_sum_does(network: nn.Module) -> None:
    for label in ("conv2_1", "conv3_1"):
        found = feature_maps(network, image(), label).class_gradients
        if "sum" in found:
            np.testing.assert_allclose(found["shortcut"], found["sum"], rtol=1e-5)
            np.testing.assert_allclose(found["F(x)"], found["sum"], rtol=1e-5)


def test_only_what_is_asked_is_kept() -> None:
    network = NETWORKS["basic"]().eval()
    found = feature_maps(network, image(), "conv4_2", places=["output", "F(x)"])
    assert list(found.maps) == list(found.class_gradients) == ["F(x)", "output"]
    assert all(np.array_equal(found.maps[place], feature_maps(network, image(), "conv4_2").maps[place]) for place in found.maps)


def test_the_most_probable_class_is_meant_where_none_is_given() -> None:
    network = NETWORKS["basic"]().eval()
    found = feature_maps(network, image(), "conv5_2")
    assert found.target == int(network(image()).argmax())


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"block": "conv4_9"}, "has no block 'conv4_9'; did you mean 'conv4_2'?"),
        ({"block": "head"}, "it has conv2_1 to conv5_2."),
        ({"target": 7}, "There is no class 7; the network has classes 0 to 6."),
        (
            {"places": ["relu"]},
            "conv2_1 of this network has no 'relu'; it has x, conv1, bn1, conv2, F(x), shortcut, sum, output.",
        ),
        ({"image": torch.zeros(3, 8, 7)}, "at least 8 x 8"),
    ],
)
def test_bad_input_is_one_sentence_and_leaves_nothing(changes: dict[str, object], words: str) -> None:
    network = NETWORKS["basic"]().eval()
    with untouched(network), pytest.raises(InputError, match=re.escape(words)):
        feature_maps(**{"network": network, "image": image(), "block": "conv2_1", **changes})
    assert torch.is_grad_enabled()


def test_eight_threads_on_one_network_give_what_one_gives() -> None:
    network = trained_a_little(NETWORKS["torchvision's"]())
    labels = ["conv2_1", "conv3_1", "conv4_2", "conv5_1"] * 4
    serial = {label: feature_maps(network, image(), label) for label in set(labels)}
    with untouched(network), ThreadPoolExecutor(8) as pool:
        for label, found in zip(labels, pool.map(lambda label: feature_maps(network, image(), label), labels), strict=True):
            for place, values in serial[label].maps.items():
                assert np.array_equal(found.maps[place], values)
                assert np.array_equal(found.class_gradients[place], serial[label].class_gradients[place])


def maps(values: np.ndarray) -> FeatureMaps:
    return FeatureMaps("conv2_1", 0, {"output": values.astype(np.float32)}, {"output": np.arange(len(values), dtype=np.float32)})


def test_statistics_by_hand() -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(size=(5, 4, 6))
    values[3] = 2.0  # constant: alike to nothing
    found = maps(values).statistics("output", like=1)
    np.testing.assert_allclose(found["mean"], values.mean((1, 2)), rtol=1e-5)
    np.testing.assert_allclose(found["variance"], values.var((1, 2)), rtol=1e-5, atol=1e-12)
    np.testing.assert_allclose(found["energy"], (values**2).mean((1, 2)), rtol=1e-5)
    for channel in (0, 1, 2, 4):
        wanted = np.corrcoef(values[channel].ravel(), values[1].ravel())[0, 1]
        assert found["similarity"][channel] == pytest.approx(wanted, abs=1e-6)
    assert found["similarity"][3] == 0
    assert found["index"].tolist() == [0, 1, 2, 3, 4]


def test_saved_maps_can_be_read(tmp_path: Path) -> None:
    network = NETWORKS["plain"]().eval()
    found = feature_maps(network, image(), "conv3_1", target=2)
    found.save(tmp_path / "maps.npz")
    read = np.load(tmp_path / "maps.npz")
    assert (str(read["block"]), int(read["target"])) == ("conv3_1", 2)
    assert np.array_equal(read["F(x)"], found.maps["F(x)"])
    assert np.array_equal(read["class gradients of output"], found.class_gradients["output"])
    with pytest.raises(InputError):
        found.save(tmp_path / "nowhere" / "maps.npz")
