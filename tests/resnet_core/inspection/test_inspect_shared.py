"""Is a network after an inspection as it was, also for other threads and after bad input?"""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from resnet_core.errors import InputError
from resnet_core.inspection.inspect import inspect
from resnet_core.inspection.records import Inspection
from tests.support.networks import NETWORKS, fingerprint, picture, same, torchvisions


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
    "no image": torch.zeros(0, 3, 64, 64),
    "five dimensions": torch.zeros(1, 1, 3, 64, 64),
    "empty": torch.zeros(3, 0, 0),
    "7 pixels high": torch.zeros(3, 7, 64),
    "7 pixels wide": torch.zeros(3, 64, 7),
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


@pytest.mark.parametrize("error", [MemoryError, KeyboardInterrupt, SystemExit])
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


def test_an_error_of_the_networks_own_is_one_sentence_unless_memory_is_short() -> None:
    network = torchvisions()

    def fail(_module: nn.Module, _inputs: tuple[Tensor, ...]) -> None:
        raise RuntimeError(words)

    network.layer3.register_forward_pre_hook(fail)
    words = "kernel size can't be greater\nthan the input. More."
    with pytest.raises(
        InputError, match=r"^The network cannot run on this input: kernel size can't be greater than the input\.$"
    ):
        inspect(network, picture())
    words = "not enough memory: you tried to allocate 8 bytes"
    with pytest.raises(RuntimeError, match="not enough memory") as raised:
        inspect(network, picture())
    assert not isinstance(raised.value, InputError)


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
        start.wait(60)
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
        start.wait(60)
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
