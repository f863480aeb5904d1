"""Is every number of an inspection right, and is the network as it was? Judged by Captum, finite differences and plain hooks."""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
import torch
from captum.attr import LayerGradCam
from torch import Tensor, nn
from torchvision import models

from resnet_core.architectures import architecture
from resnet_core.errors import InputError
from resnet_core.inspection.inspect import inspect
from resnet_core.inspection.records import BlockRecord, Inspection
from resnet_core.network import build


def lived_in(network: nn.Module, seed: int = 0) -> nn.Module:
    """In evaluation mode, with batch norms as if trained: no scale is 1, no shift, mean or variance what it was."""
    generator = torch.Generator().manual_seed(seed)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            for tensor, low, high in (
                (module.weight, 0.4, 1.0),
                (module.bias, -0.3, 0.3),
                (module.running_mean, -0.3, 0.3),
                (module.running_var, 0.5, 1.5),
            ):
                tensor.data.uniform_(low, high, generator=generator)
    return network.eval()


def ours(name: str, **changes: Any) -> Callable[[], nn.Module]:
    return lambda: lived_in(build(architecture(name, num_classes=10, **changes), seed=1))


def torchvisions() -> nn.Module:
    """In-place ReLU, used twice in a block, and in-place addition."""
    with torch.random.fork_rng():
        torch.manual_seed(1)
        return lived_in(models.ResNet(models.resnet.BasicBlock, [1, 1, 1, 1], num_classes=10))


NETWORKS = {
    "resnet34": ours("resnet34", width=8),
    "plain34": ours("plain34", width=8),
    "bottleneck": ours("resnet50", width=4, depths=(1, 2, 2, 1)),
    "plain bottleneck": ours("plain50", width=4, depths=(1, 2, 1)),
    "option A": ours("resnet34", width=8, shortcut="A", depths=(1, 2, 1, 1)),
    "option C": ours("resnet18", width=8, shortcut="C", depths=(2, 1)),
    "cifar": ours("resnet20-cifar", depths=(2, 2, 2)),
    "without batch norm": ours("resnet18", width=8, batch_norm=False),
    "torchvision": torchvisions,
}
every_network = pytest.mark.parametrize("make", NETWORKS.values(), ids=NETWORKS)


def picture(height: int = 64, width: int = 48, seed: int = 2) -> Tensor:
    return torch.randn((1, 3, height, width), generator=torch.Generator().manual_seed(seed))


def blocks(network: nn.Module) -> dict[str, nn.Module]:
    stages = [name for name, _ in network.named_children() if name.startswith("layer")]
    return {f"{stage}.{i}": block for stage in stages for i, block in enumerate(network.get_submodule(stage))}


def same(a: Inspection, b: Inspection) -> bool:
    """To the last bit, but for the time it took."""

    def equal_blocks(a: BlockRecord, b: BlockRecord) -> bool:
        maps = np.array_equal(a.cam, b.cam) and np.array_equal(a.activation, b.activation)
        return maps and a.numbers() == b.numbers()

    return (
        a.target == b.target
        and np.array_equal(a.logits, b.logits)
        and np.array_equal(a.probabilities, b.probabilities)
        and len(a.blocks) == len(b.blocks)
        and all(map(equal_blocks, a.blocks, b.blocks))
    )


def hooks(network: nn.Module) -> list[list[tuple[str, int, Any]]]:
    """Whatever is registered on any module: which dictionary, under which key, what."""
    return [
        [(name, key, hook) for name, value in vars(module).items() if "hooks" in name for key, hook in value.items()]
        for module in network.modules()
    ]


def fingerprint(network: nn.Module) -> Any:
    """All that a visitor could leave behind on a network, but for the values of its tensors."""
    tensors = [*network.parameters(), *network.buffers()]
    return (
        [(id(module), module.training, sorted(vars(module))) for module in network.modules()],
        hooks(network),
        [(id(t), t.requires_grad, t.grad, t._version, t.data_ptr()) for t in tensors],
    )


# what the numbers say


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
    with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        logits = copied(image)[0].double().numpy()

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


# what is left behind


@pytest.mark.parametrize("target", [None, 4])
def test_a_network_in_training_is_not_changed(target: int | None) -> None:
    network = torchvisions().train()
    network.layer2.eval()
    network.conv1.weight.requires_grad_(False)
    network.layer1[0].register_forward_hook(lambda _module, _inputs, _output: None)
    before, values = fingerprint(network), copy.deepcopy(network.state_dict())
    inspect(network, picture(), target)
    inspect(network, picture(), target, autocast=True)
    assert fingerprint(network) == before
    assert all(torch.equal(tensor, values[name]) for name, tensor in network.state_dict().items())


def test_a_network_in_training_answers_as_in_evaluation() -> None:
    network = torchvisions()
    expected = inspect(network, picture())
    assert same(inspect(network.train(), picture()), expected)


@pytest.mark.parametrize("mode", [torch.inference_mode, torch.no_grad, torch.enable_grad])
def test_the_callers_gradient_mode_does_not_matter(mode: Callable[[], Any]) -> None:
    network = NETWORKS["option A"]()
    expected = inspect(network, picture())
    with mode():
        enabled, inference = torch.is_grad_enabled(), torch.is_inference_mode_enabled()
        found = inspect(network, picture())
        assert (torch.is_grad_enabled(), torch.is_inference_mode_enabled()) == (enabled, inference)
    assert same(found, expected)


def test_the_image_is_not_changed() -> None:
    network = NETWORKS["option A"]()
    image = picture().requires_grad_()
    inspect(network, image)
    assert image.grad is None
    assert image._version == 0
    assert torch.equal(image, picture())


BAD_IMAGES = {
    "no channels": torch.zeros(64, 64),
    "one channel": torch.zeros(1, 64, 64),
    "four channels": torch.zeros(4, 64, 64),
    "channels last": torch.zeros(64, 64, 3),
    "two images": torch.zeros(2, 3, 64, 64),
    "no image": torch.zeros(0, 3, 64, 64),
    "five dimensions": torch.zeros(1, 1, 3, 64, 64),
    "empty": torch.zeros(3, 0, 0),
    "31 pixels high": torch.zeros(3, 31, 64),
    "31 pixels wide": torch.zeros(3, 64, 31),
    "not a number": torch.full((3, 64, 64), float("nan")),
    "infinite": torch.zeros(3, 64, 64).index_fill(2, torch.tensor(5), float("inf")),
    "infinite both ways": torch.stack([torch.full((64, 64), value) for value in (float("inf"), float("-inf"), 0.0)]),
}


@pytest.mark.parametrize("image", BAD_IMAGES.values(), ids=BAD_IMAGES)
def test_an_image_that_does_not_fit_is_refused_in_one_sentence_and_the_next_works(image: Tensor) -> None:
    network = NETWORKS["option A"]()
    before = fingerprint(network)
    with pytest.raises(InputError, match=r"^[^\n]*\.$"):
        inspect(network, image)
    assert fingerprint(network) == before
    inspect(network, picture())


@pytest.mark.parametrize("target", [-1, 10, 10**9])
def test_a_target_that_is_no_class_is_refused_in_one_sentence(target: int) -> None:
    network = NETWORKS["option A"]()
    before = fingerprint(network)
    with pytest.raises(InputError, match=rf"^There is no class {target}; the network has classes 0 to 9\.$"):
        inspect(network, picture(), target)
    assert fingerprint(network) == before


@pytest.mark.parametrize("network", [nn.ReLU(), nn.Linear(3, 3)], ids=lambda network: type(network).__name__)
def test_what_is_no_resnet_is_refused_in_one_sentence(network: nn.Module) -> None:
    with pytest.raises(InputError, match=r"^[^\n]*give a ResNet[^\n]*\.$"):
        inspect(network, picture())


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, SystemExit])
def test_an_exception_in_the_middle_leaves_nothing_behind(error: type[BaseException]) -> None:
    network = torchvisions().train()

    def fail(_module: nn.Module, _inputs: tuple[Tensor, ...], _output: Tensor) -> None:
        raise error("interrupted")

    handle = network.layer3.register_forward_hook(fail)
    before = fingerprint(network)
    with pytest.raises(error, match="interrupted"):
        inspect(network, picture())
    assert fingerprint(network) == before
    handle.remove()
    inspect(network, picture())


def test_a_persons_own_hooks_still_fire() -> None:
    network = torchvisions()
    fired: list[str] = []
    network.layer1[0].register_forward_hook(lambda _module, _inputs, _output: fired.append("block"))
    network.fc.register_forward_pre_hook(lambda _module, _inputs: fired.append("before the classifier"))
    network.register_forward_hook(lambda _module, _inputs, _output: fired.append("network"))
    inspect(network, picture())
    assert fired == ["block", "before the classifier", "network"]


def test_eight_threads_on_one_network_get_what_they_would_get_alone() -> None:
    """And nobody sees anything on the shared network meanwhile: a person's own hook looks around in the middle of every run."""
    network = torchvisions().train()
    seen: list[Any] = []
    network.layer2.register_forward_hook(lambda _module, _inputs, _output: seen.append(fingerprint(network)))
    questions = [(picture(32 + 16 * (i % 3), 48, seed=i), i % 10) for i in range(16)]
    before = fingerprint(network)
    alone = [inspect(network, image, target) for image, target in questions]

    start = threading.Barrier(8)

    def ask(thread: int) -> list[Inspection]:
        start.wait()
        return [inspect(network, image, target) for image, target in questions[thread::8]]

    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(ask, range(8)))
    assert all(same(together[i % 8][i // 8], alone[i]) for i in range(16))
    assert len(seen) == 32
    assert all(look == before for look in seen)
    assert fingerprint(network) == before


def test_a_thread_that_fails_does_not_disturb_the_others() -> None:
    network = torchvisions()
    before = fingerprint(network)
    expected = inspect(network, picture())
    start = threading.Barrier(8)

    def ask(thread: int) -> list[bool]:
        start.wait()
        right = []
        for _ in range(3):
            if thread % 2:
                with pytest.raises(InputError):
                    inspect(network, picture(), target=99)
            else:
                right.append(same(inspect(network, picture()), expected))
        return right

    with ThreadPoolExecutor(8) as pool:
        answers = [right for rights in pool.map(ask, range(8)) for right in rights]
    assert answers == [True] * 12
    assert fingerprint(network) == before


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
