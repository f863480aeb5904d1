"""Is the built network the one it is called? Judged by torchvision, by the paper's counts and by a block written out by hand."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TypeVar

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision import models

from resnet_core.networks.architectures import Shortcut, architecture
from resnet_core.networks.blocks import BasicBlock, Block, Bottleneck, PadShortcut
from resnet_core.networks.resnet import ResNet, build

CIFAR_PARAMETERS = {20: 269_722, 32: 464_154, 44: 658_586, 56: 853_018, 110: 1_727_962, 1202: 19_421_274}
Network = TypeVar("Network", bound=nn.Module)
SMALL = {"depths": (1, 2), "width": 4}


def lived_in(network: Network, seed: int = 0) -> Network:
    """Batch norms as if trained: no scale is 1, no shift, mean or variance what it was."""
    generator = torch.Generator().manual_seed(seed)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            for tensor, low, high in (
                (module.weight, 0.2, 0.6),
                (module.bias, -0.3, 0.3),
                (module.running_mean, -0.3, 0.3),
                (module.running_var, 0.5, 1.5),
            ):
                tensor.data.uniform_(low, high, generator=generator)
    return network


def noise(*shape: int, seed: int = 1) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def same_tensors(a: nn.Module, b: nn.Module) -> bool:
    mine, other = a.state_dict(), b.state_dict()
    return mine.keys() == other.keys() and all(torch.equal(mine[name], other[name]) for name in mine)


def quickly_filled(network: nn.Module) -> nn.Module:
    """Weights of about He's variance, cut from one row of random numbers: 60 million take long to draw."""
    row = noise(3_000_000)
    for i, parameter in enumerate(network.parameters()):
        values = row[i : i + parameter.numel()].view_as(parameter)
        parameter.data.copy_(values).mul_(math.sqrt(2 / parameter[:, 0].numel() if parameter.ndim == 4 else 0.01))
    return lived_in(network)


@pytest.mark.parametrize("layers", [18, 34, 50, 101, 152])
@torch.inference_mode()
def test_torchvisions_weights_load_strictly_and_give_its_logits(layers: int) -> None:
    with torch.device("meta"):
        theirs = getattr(models, f"resnet{layers}")(weights=None)
        ours = ResNet(architecture(f"resnet{layers}"))
    theirs = quickly_filled(theirs.to_empty(device="cpu")).eval()
    ours.load_state_dict(theirs.state_dict(), strict=True, assign=True)

    image = noise(1, 3, 64, 64)
    expected, found = theirs(image), ours.eval()(image)
    assert expected.std() > 0.1
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("layers", CIFAR_PARAMETERS)
@pytest.mark.parametrize("kind", ["resnet", "plain"])
def test_cifar_networks_have_the_papers_number_of_parameters(kind: str, layers: int) -> None:
    with torch.device("meta"):
        network = ResNet(architecture(f"{kind}{layers}-cifar"))
    assert sum(parameter.numel() for parameter in network.parameters()) == CIFAR_PARAMETERS[layers]


def test_1202_layers_build_and_run_in_both_directions_without_deep_recursion() -> None:
    network = build(architecture("resnet1202-cifar"), seed=0).eval()
    logits = network(noise(1, 3, 4, 4))
    assert len(network.blocks()) == 600
    (gradient,) = torch.autograd.grad(logits[0, 0], network.conv1.weight)
    assert gradient.any()


@pytest.mark.parametrize("name", ["resnet20-cifar", "resnet18", "resnet50"])
def test_twins_of_one_seed_start_from_equal_weights(name: str) -> None:
    residual = architecture(name, shortcut="A", width=8)
    assert same_tensors(build(residual, seed=3), build(residual.twin(), seed=3))


@pytest.mark.parametrize("name", ["resnet18", "resnet50"])
@pytest.mark.parametrize("shortcut", ["B", "C"])
def test_projections_leave_the_initial_main_path_as_it_is(name: str, shortcut: Shortcut) -> None:
    plain = build(architecture(name, width=8).twin(), seed=3).state_dict()
    projected = build(architecture(name, shortcut=shortcut, width=8), seed=3).state_dict()
    assert all(torch.equal(plain[tensor], projected[tensor]) for tensor in plain)
    assert all(".downsample." in tensor for tensor in projected.keys() - plain.keys())


def test_the_seed_alone_determines_the_weights() -> None:
    small = architecture("resnet18", **SMALL)
    torch.manual_seed(1)
    first = build(small, seed=5)
    torch.manual_seed(2)
    torch.rand(7)
    assert same_tensors(first, build(small, seed=5))
    assert not torch.equal(first.conv1.weight, build(small, seed=6).conv1.weight)
    assert not torch.equal(build(small).conv1.weight, build(small).conv1.weight)


@pytest.mark.parametrize("seed", [None, 4])
def test_building_leaves_the_global_random_numbers_alone(seed: int | None) -> None:
    before = torch.get_rng_state()
    build(architecture("resnet18", **SMALL), seed)
    assert torch.equal(torch.get_rng_state(), before)


def test_weights_are_normal_with_hes_variance() -> None:
    """n squared samples of N(0, v) average to v with sd v·√(2/n); five of them, 37 times over, fail once in 50,000 seeds."""
    network = build(architecture("resnet34", width=16), seed=0)
    for name, module in network.named_modules():
        if isinstance(module, nn.Conv2d):
            variance = 2 / (module.out_channels * math.prod(module.kernel_size))  # arXiv:1502.01852, Eq. 14
        elif isinstance(module, nn.Linear):
            variance = 1 / module.in_features  # no ReLU follows
            assert not module.bias.any()
        else:
            continue
        n, z = module.weight.numel(), module.weight.detach().double().flatten() / math.sqrt(variance)
        assert abs(z.square().mean() - 1) < 5 * math.sqrt(2 / n), name
        assert abs(z.mean()) < 5 / math.sqrt(n), name
        assert abs((z.abs() < 1).double().mean() - 0.6827) < 5 * math.sqrt(0.6827 * 0.3173 / n), name


def test_batch_norms_start_as_the_identity() -> None:
    network = build(architecture("resnet18", **SMALL), seed=0)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            expected = nn.BatchNorm2d(module.num_features)
            assert same_tensors(module, expected)


def test_option_a_on_paper() -> None:
    """Every second pixel of a 3 x 3 image stays; two new channels are zero."""
    x = torch.arange(9.0).view(1, 1, 3, 3)
    expected = torch.tensor([[[[0, 2], [6, 8]], [[0, 0], [0, 0]], [[0, 0], [0, 0]]]]).float()
    assert torch.equal(PadShortcut(1, 3, stride=2)(x), expected)


def shortcut_by_hand(block: Block, x: Tensor, option: Shortcut, channels: int, stride: int) -> Tensor:
    changes = stride != 1 or x.shape[1] != channels
    if option == "C" or (option == "B" and changes):
        convolution, norm = block.downsample
        # a 1x1 convolution with a stride is a matrix on every stride-th pixel
        y = torch.einsum("oi,nihw->nohw", convolution.weight[:, :, 0, 0], x[:, :, ::stride, ::stride])
        scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
        return (y - norm.running_mean[:, None, None]) * scale[:, None, None] + norm.bias[:, None, None]
    if not changes:
        return x
    y = torch.zeros(x.shape[0], channels, -(-x.shape[2] // stride), -(-x.shape[3] // stride))
    y[:, : x.shape[1]] = x[:, :, ::stride, ::stride]
    return y


def residual_function_by_hand(block: Block, x: Tensor, stride: int) -> Tensor:
    def layer(number: int, x: Tensor, stride: int = 1) -> Tensor:
        convolution, norm = getattr(block, f"conv{number}"), getattr(block, f"bn{number}")
        y = F.conv2d(x, convolution.weight, stride=stride, padding=convolution.weight.shape[-1] // 2)
        return F.batch_norm(y, norm.running_mean, norm.running_var, norm.weight, norm.bias)

    if isinstance(block, BasicBlock):
        return layer(2, F.relu(layer(1, x, stride)))
    return layer(3, F.relu(layer(2, F.relu(layer(1, x)), stride)))


@pytest.mark.parametrize("kind", [BasicBlock, Bottleneck])
@pytest.mark.parametrize("option", ["A", "B", "C", None])
@pytest.mark.parametrize(("in_channels", "stride"), [(8, 1), (4, 2), (4, 1), (8, 2)])
@torch.no_grad()
def test_a_block_is_relu_of_residual_function_plus_shortcut(
    kind: type[BasicBlock] | type[Bottleneck], option: Shortcut | None, in_channels: int, stride: int
) -> None:
    channels = 8 if kind is BasicBlock else 2  # 8 come out of both
    block = lived_in(kind(in_channels, channels, stride, option, norm=True)).eval()
    x = noise(2, in_channels, 7, 6)
    total = residual_function_by_hand(block, x, stride)
    if option is not None:
        total = total + shortcut_by_hand(block, x, option, 8, stride)
    torch.testing.assert_close(block(x), F.relu(total), atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("kind", [BasicBlock, Bottleneck])
@torch.no_grad()
def test_a_plain_block_is_relu_of_its_residual_twins_residual_function(kind: type[BasicBlock] | type[Bottleneck]) -> None:
    residual = lived_in(kind(4, 4, 2, "A", norm=True)).eval()
    plain = kind(4, 4, 2, None, norm=True).eval()
    plain.load_state_dict(residual.state_dict(), strict=True)
    heard: list[Tensor] = []
    last = residual.get_submodule("bn2" if kind is BasicBlock else "bn3")
    handle = last.register_forward_hook(lambda _module, _inputs, output: heard.append(output.clone()))
    x = noise(2, 4, 8, 8)
    residual(x)
    handle.remove()
    assert torch.equal(plain(x), F.relu(heard[0]))


@pytest.mark.parametrize("name", ["resnet18", "plain18", "resnet50", "resnet20-cifar"])
def test_without_batch_norm_convolutions_have_the_biases(name: str) -> None:
    row = architecture(name, batch_norm=False, **SMALL)
    network = build(row, seed=0)
    convolutions = [module for module in network.modules() if isinstance(module, nn.Conv2d)]
    assert not any(isinstance(module, nn.BatchNorm2d) for module in network.modules())
    assert all(module.bias is not None and not module.bias.any() for module in convolutions)
    assert not list(network.buffers())

    # the same function as with batch norms that do nothing
    normed = build(architecture(name, **SMALL), seed=0).eval()
    image = noise(1, 3, 32, 32)
    torch.testing.assert_close(network(image), normed(image), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("name", ["resnet18", "resnet50"])
@pytest.mark.parametrize("shortcut", ["A", "B", "C", None])
def test_channels_last_stays_channels_last(name: str, shortcut: Shortcut | None) -> None:
    network = build(replace(architecture(name, **SMALL), shortcut=shortcut), seed=0).to(memory_format=torch.channels_last).eval()
    formats: list[bool] = []
    for module in network.modules():
        if isinstance(module, Block | nn.Conv2d | PadShortcut):
            module.register_forward_hook(
                lambda _module, _inputs, output: formats.append(output.is_contiguous(memory_format=torch.channels_last))
            )
    network(noise(2, 3, 64, 64).contiguous(memory_format=torch.channels_last))
    assert len(formats) > 8
    assert all(formats)


def test_blocks_come_in_forward_order_under_their_state_dicts_names() -> None:
    network = build(architecture("resnet34", width=4), seed=0).eval()
    ran: list[str] = []
    for name, block in network.blocks().items():
        assert network.get_submodule(name) is block
        block.register_forward_hook(lambda _module, _inputs, _output, name=name: ran.append(name))
    network(noise(1, 3, 32, 32))
    assert ran == list(network.blocks()) == [f"layer{i + 1}.{j}" for i, n in enumerate((3, 4, 6, 3)) for j in range(n)]
