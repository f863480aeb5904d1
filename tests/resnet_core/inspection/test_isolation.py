"""Is a view private, and do we find the blocks of our networks and of torchvision's? Judged by torchvision and Table 1."""

from __future__ import annotations

import gc
import weakref
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn
from torchvision import models

from resnet_core.errors import InputError
from resnet_core.inspection.isolation import forward_hooks, isolated, with_batch_statistics
from resnet_core.networks.anatomy import find_anatomy
from resnet_core.networks.architectures import Architecture, architecture
from resnet_core.networks.resnet import ResNet, build


def torchvisions(name: str, **options: object) -> nn.Module:
    with torch.device("meta"):
        return getattr(models, name)(weights=None, **options)


def small() -> ResNet:
    return build(architecture("resnet18", depths=(1, 2), width=4, num_classes=5), seed=0)


def noise() -> Tensor:
    return torch.randn((2, 3, 32, 32), generator=torch.Generator().manual_seed(1))


def test_a_view_shares_every_tensor_and_no_module() -> None:
    network = small()
    view = isolated(network)
    assert type(view) is type(network)
    mine, seen = dict(network.named_modules()), dict(view.named_modules())
    assert mine.keys() == seen.keys()
    assert not set(map(id, mine.values())) & set(map(id, seen.values()))
    for (name, tensor), (other_name, other) in zip(
        network.state_dict(keep_vars=True).items(), view.state_dict(keep_vars=True).items(), strict=True
    ):
        assert name == other_name
        assert tensor is other
    assert torch.equal(view.eval()(noise()), network.eval()(noise()))


def test_modes_and_hooks_of_a_view_are_its_own() -> None:
    network = small().train()
    heard: list[nn.Module] = []
    view = isolated(network).eval()
    for module in view.modules():
        module.register_forward_hook(lambda module, _inputs, _output: heard.append(module))
    assert all(module.training and not module._forward_hooks for module in network.modules())
    network.eval()(noise())
    assert heard == []
    view(noise())
    assert heard
    network.train()
    assert not any(module.training for module in view.modules())


def test_a_module_used_twice_is_one_module_in_the_view() -> None:
    shared = nn.Linear(2, 2)
    view = isolated(nn.Sequential(shared, nn.ReLU(), shared))
    assert view[0] is view[2]
    assert view[0] is not shared


def test_a_view_is_gone_with_its_last_user_and_waits_for_no_garbage_collector() -> None:
    view = isolated(small())
    gone = [weakref.ref(module) for module in view.modules()]
    gc.disable()
    try:
        del view
        assert [module() for module in gone] == [None] * len(gone)
    finally:
        gc.enable()


def test_an_absent_submodule_stays_absent() -> None:
    network = nn.Sequential(nn.Linear(2, 2))
    network.register_module("shortcut", None)
    assert isolated(network).shortcut is None


@pytest.mark.parametrize(
    ("name", "depths"), [("resnet18", (2, 2, 2, 2)), ("resnet50", (3, 4, 6, 3)), ("resnet152", (3, 8, 36, 3))]
)
def test_torchvisions_blocks_have_the_papers_names(name: str, depths: tuple[int, ...]) -> None:
    network = torchvisions(name)
    found = find_anatomy(network).blocks
    assert [block.name for block in found] == [f"layer{i + 1}.{j}" for i, n in enumerate(depths) for j in range(n)]
    assert [(block.stage, block.index) for block in found] == [
        (f"conv{i + 2}_x", j + 1) for i, n in enumerate(depths) for j in range(n)
    ]
    for block in found:
        assert block.block is network.get_submodule(block.name)
        assert block.branch is network.get_submodule(f"{block.name}.bn{2 if name == 'resnet18' else 3}")
        assert block.residual
    projected = {f"layer{i}.0" for i in range(1 if name != "resnet18" else 2, 5)}
    assert {block.name for block in found if block.shortcut is not None} == projected


@pytest.mark.parametrize(
    "row",
    [architecture("resnet18", depths=(1, 1, 1, 1, 2), width=2), architecture("resnet20-cifar"), architecture("plain50")],
    ids=lambda row: row.name,
)
def test_all_blocks_of_our_networks_are_found(row: Architecture) -> None:
    with torch.device("meta"):
        network = ResNet(row)
    found = find_anatomy(network).blocks
    assert {block.name: block.block for block in found} == network.blocks()
    assert [stage.name for stage in row.stages] == list(dict.fromkeys(block.stage for block in found))
    assert all(block.residual == row.residual for block in found)


@pytest.mark.parametrize(
    "network", [nn.Sequential(nn.Conv2d(3, 4, 3)), nn.Linear(2, 2)], ids=lambda network: type(network).__name__
)
def test_what_is_no_resnet_is_refused_in_one_sentence(network: nn.Module) -> None:
    with pytest.raises(InputError, match=r"^[^\n]*; give a ResNet, or name its blocks[^\n]*\.$"):
        find_anatomy(network)


def test_stages_of_something_else_are_refused_by_name() -> None:
    network = nn.Module()
    network.layer1 = nn.Sequential(nn.Conv2d(3, 4, 3))
    with pytest.raises(
        InputError, match=r"^layer1\.0 is a Conv2d, not a block; give a ResNet, or name its blocks with [^\n]*\.$"
    ):
        find_anatomy(network)


@pytest.mark.parametrize("layers", [18, 34, 50, 101, 152])
def test_torchvisions_networks_are_recognised(layers: int) -> None:
    assert find_anatomy(torchvisions(f"resnet{layers}")).architecture == architecture(f"resnet{layers}")


def test_a_changed_number_of_classes_is_recognised() -> None:
    assert find_anatomy(torchvisions("resnet50", num_classes=7)).architecture == architecture("resnet50", num_classes=7)


def test_our_networks_say_what_they_are() -> None:
    row = replace(architecture("plain20-cifar"), width=3)
    assert find_anatomy(build(row, seed=0)).architecture is row


@pytest.mark.parametrize("name", ["resnext50_32x4d", "wide_resnet50_2"])
def test_networks_outside_the_paper_have_no_architecture(name: str) -> None:
    assert find_anatomy(torchvisions(name)).architecture is None


def test_a_resnet_with_another_head_has_no_architecture() -> None:
    network = torchvisions("resnet18")
    network.fc = nn.Sequential(nn.Dropout(), nn.Linear(512, 3))
    assert find_anatomy(network).architecture is None


def test_listeners_hear_input_and_output_inside_the_with_only() -> None:
    network = nn.Sequential(nn.Linear(2, 3), nn.ReLU())
    heard: list[tuple[Tensor, Tensor]] = []
    x = torch.ones(1, 2)
    with forward_hooks({network[0]: lambda x, y: heard.append((x, y))}):
        network(x)
    network(x)
    assert len(heard) == 1
    assert heard[0][0] is x
    assert torch.equal(heard[0][1], network[0](x))


def test_listeners_are_gone_after_an_exception() -> None:
    network = nn.Sequential(nn.Linear(2, 3), nn.ReLU())
    with pytest.raises(RuntimeError, match="shapes"), forward_hooks({module: lambda _x, _y: None for module in network}):
        network(torch.ones(1, 5))
    assert not any(module._forward_hooks for module in network)


def test_batch_statistics_are_those_of_training_and_leave_no_trace() -> None:
    network = small().eval()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    found = with_batch_statistics(isolated(network))(noise())
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())
    assert not torch.equal(found, network(noise()))
    assert torch.equal(found, network.train()(noise()))  # last, as this does leave a trace
