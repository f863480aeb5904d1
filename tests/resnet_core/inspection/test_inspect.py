"""Is every number of an inspection right? Judged by Captum, finite differences and plain hooks."""

from __future__ import annotations

import copy
from collections.abc import Callable

import numpy as np
import pytest
import torch
from captum.attr import LayerGradCam
from torch import Tensor, nn

from resnet_core.inspection.inspect import inspect
from resnet_core.networks.architectures import architecture
from resnet_core.networks.resnet import build
from tests.support.networks import NETWORKS, blocks, every_network, lived_in, ours, picture, same, torchvisions


@every_network
def test_grad_cam_of_every_block_is_captums(make: Callable[[], nn.Module]) -> None:
    network, image = make(), picture()
    found = inspect(network, image)
    places = blocks(network)
    assert [record.name for record in found.blocks] == list(places)
    assert found.target == int(network(image).argmax())
    for record in found.blocks:
        cam = LayerGradCam(network, places[record.name]).attribute(image, found.target, relu_attributions=True)[0, 0]
        assert record.cam.dtype == np.float32
        np.testing.assert_allclose(record.cam, cam.detach().numpy(), rtol=0, atol=1e-4 * float(cam.detach().max()) + 1e-12)
    assert any(record.cam.any() for record in found.blocks)


@pytest.mark.parametrize("autocast", [False, True], ids=["float32", "bfloat16"])
@every_network
@torch.no_grad()
def test_numbers_are_those_of_plain_hooks_and_numpy(make: Callable[[], nn.Module], autocast: bool) -> None:
    network, image = make(), picture()
    heard: dict[str, np.ndarray] = {}

    def listen(name: str, module: nn.Module) -> None:
        def keep(_module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
            heard[name] = output.clone().double().numpy()[0]  # cloned: what follows may work in place

        def keep_input(_module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
            heard[f"{name} input"] = inputs[0].clone().double().numpy()[0]

        module.register_forward_hook(keep)
        module.register_forward_pre_hook(keep_input)

    copied = copy.deepcopy(network)
    for name, block in blocks(copied).items():
        listen(name, block)
        listen(f"{name} residual function", block.bn3 if hasattr(block, "bn3") else block.bn2)
        if isinstance(block.downsample, nn.Module):
            listen(f"{name} shortcut", block.downsample)
    # In the memory layouts of `inspect`: in another layout some processors' convolutions sum in another order, and a sum that is
    # then rounded otherwise to bfloat16 differs by 2**-8 of itself, which would hide the digits that are compared below.
    copied.layer1.register_forward_pre_hook(lambda _module, inputs: (inputs[0].contiguous(),))
    with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        logits = copied(image.to(memory_format=torch.channels_last))[0].double().numpy()

    found = inspect(network, image, target=3, autocast=autocast)
    powers = np.exp(logits - logits.max())
    np.testing.assert_allclose(found.logits, logits, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(found.probabilities, powers / powers.sum(), rtol=1e-4, atol=1e-8)
    assert found.target == 3
    assert found.seconds > 0
    plain = found.architecture is not None and not found.architecture.residual
    for record in found.blocks:
        x, y, f = heard[f"{record.name} input"], heard[record.name], heard[f"{record.name} residual function"]
        expected = {
            "mean": y.mean(),
            "std": y.std(),
            "zero_fraction": (y == 0).mean(),
            "response_std": f.std(),
            "input_norm": np.linalg.norm(x),
        }
        if not plain:
            expected["residual_norm"] = np.linalg.norm(f)
            expected["shortcut_norm"] = np.linalg.norm(heard.get(f"{record.name} shortcut", x))
        assert record.output_shape == y.shape
        assert {name: getattr(record, name) for name in expected} == pytest.approx(expected, rel=1e-4, abs=1e-6), record.name
        assert (record.residual_norm is None) == (record.shortcut_norm is None) == plain
        np.testing.assert_allclose(record.activation, y.mean(0), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "make",
    [
        ours("resnet20-cifar", depths=(1, 2), width=2),
        ours("plain18", depths=(2, 1), width=2),
        ours("resnet50", depths=(1, 1), width=1),
    ],
    ids=["residual", "plain", "bottleneck"],
)
@torch.no_grad()
def test_gradient_norm_and_grad_cam_are_those_of_finite_differences(make: Callable[[], nn.Module]) -> None:
    """In float64, every single value of a block's output is moved a little in both directions."""
    network, image, target, step = make().double(), picture(32, 32).double(), 7, 1e-5
    records = {record.name: record for record in inspect(network, image, target).blocks}
    for name, block in blocks(network).items():
        record = records[name]
        size = int(np.prod(record.output_shape))
        moves = step * torch.eye(size, dtype=torch.float64).view(size, *record.output_shape)
        outputs: list[Tensor] = []

        def move(
            _module: nn.Module,
            _inputs: tuple[Tensor, ...],
            output: Tensor,
            moves: Tensor = moves,
            outputs: list[Tensor] = outputs,
        ) -> Tensor:
            outputs.append(output)
            return torch.cat([output + moves, output - moves])

        handle = block.register_forward_hook(move)
        up, down = network(image)[:, target].view(2, size)
        handle.remove()

        gradient = ((up - down) / (2 * step)).view(record.output_shape).numpy()
        cam = np.maximum(np.tensordot(gradient.mean((1, 2)), outputs[0][0].numpy(), 1), 0)
        assert record.gradient_norm == pytest.approx(np.linalg.norm(gradient), rel=1e-5)
        np.testing.assert_allclose(record.cam, cam, rtol=1e-4, atol=1e-5 * cam.max())


def test_another_target_is_another_question() -> None:
    network, image = NETWORKS["resnet34"](), picture()
    first, second = inspect(network, image, target=1), inspect(network, image, target=2)
    assert np.array_equal(first.logits, second.logits)
    assert (first.target, second.target) == (1, 2)
    assert all(a.gradient_norm != b.gradient_norm for a, b in zip(first.blocks[:-1], second.blocks[:-1], strict=True))


def test_three_and_four_dimensions_are_the_same_image() -> None:
    network, image = NETWORKS["option A"](), picture()
    assert same(inspect(network, image), inspect(network, image[0]))


@pytest.mark.parametrize(("height", "width"), [(32, 32), (33, 33), (33, 80), (97, 32)])
def test_sizes_that_no_stride_divides_work(height: int, width: int) -> None:
    found = inspect(NETWORKS["option A"](), picture(height, width))
    sides = [(-(-height // n), -(-width // n)) for n in (4, 8, 8, 16, 32)]  # the stem halves twice, each later stage once
    assert [record.cam.shape for record in found.blocks] == sides
    for record in found.blocks:
        assert record.output_shape[1:] == record.cam.shape == record.activation.shape
        assert all(np.isfinite(value) for value in record.numbers().values() if isinstance(value, float))


def test_records_name_their_blocks_as_the_paper_does() -> None:
    found = inspect(NETWORKS["resnet34"](), picture())
    assert [record.label for record in found.blocks] == [
        f"conv{i + 2}_{j + 1}" for i, n in enumerate((3, 4, 6, 3)) for j in range(n)
    ]
    assert found.architecture == architecture("resnet34", width=8, num_classes=10)


@pytest.mark.parametrize(
    "make",
    [NETWORKS["option A"], torchvisions, ours("plain18", width=8, depths=(1, 1, 1))],
    ids=["residual", "torchvision", "plain"],
)
def test_bfloat16_autocast_is_close(make: Callable[[], nn.Module]) -> None:
    """bfloat16 has 8 bits: an error of a part in 256 for each of a dozen layers."""
    network, image = make(), picture()
    exact = inspect(network, image, target=1)
    rough = inspect(network, image, target=1, autocast=True)
    assert all(parameter.dtype == torch.float32 for parameter in network.parameters())
    assert not np.array_equal(exact.logits, rough.logits)
    np.testing.assert_allclose(rough.logits, exact.logits, atol=0.05 * float(np.ptp(exact.logits)))
    for a, b in zip(exact.blocks, rough.blocks, strict=True):
        names = ("mean", "std", "response_std", "input_norm", "gradient_norm")
        assert {n: getattr(b, n) for n in names} == pytest.approx({n: getattr(a, n) for n in names}, rel=0.1)
        assert np.linalg.norm(a.cam - b.cam) <= 0.2 * np.linalg.norm(a.cam)


def test_the_sd_of_a_nearly_constant_output_keeps_its_digits():
    """The cheap formula, mean square minus squared mean, would leave none of them in float32."""
    network = lived_in(build(architecture("plain18", width=4, num_classes=10), seed=0))
    last = network.layer4[1]
    last.bn2.weight.data.fill_(1e-4)
    last.bn2.bias.data.fill_(7.0)
    outputs: list[Tensor] = []
    last.register_forward_hook(lambda _module, _inputs, output: outputs.append(output))
    network(picture())
    assert inspect(network, picture()).blocks[-1].std == pytest.approx(outputs[0].double().std(correction=0).item(), rel=1e-3)
