"""Do the gradients of all paths add up to the whole? Judged by autograd."""

from __future__ import annotations

from itertools import combinations

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from resnet_core.errors import InputError
from resnet_core.inspection.paths import path_gradients
from resnet_core.networks.anatomy import find_anatomy
from resnet_core.networks.architectures import architecture
from resnet_core.networks.resnet import ResNet, build
from tests.support.side_effects import untouched


def batch() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    return torch.randn(3, 3, 32, 32, generator=generator, dtype=torch.float64), torch.tensor([1, 0, 3])


def whole_gradient(network: ResNet, images: Tensor, labels: Tensor) -> Tensor:
    x = images.clone().requires_grad_()
    return torch.autograd.grad(F.cross_entropy(network.eval()(x), labels), x)[0]


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("resnet20-cifar", {"depths": (2,)}),
        ("resnet20-cifar", {"depths": (1, 1), "shortcut": "B"}),
        ("resnet20-cifar", {"depths": (2, 1), "shortcut": "C", "batch_norm": False}),
        ("resnet50", {"depths": (2, 1)}),
        ("resnet18", {"depths": (1, 2), "shortcut": "A"}),
    ],
)
def test_all_paths_add_up_to_the_whole_gradient(name: str, changes: dict[str, object]) -> None:
    network = build(architecture(name, width=4, num_classes=5, **changes), seed=0).double()
    images, labels = batch()
    names = [place.label for place in find_anatomy(network).blocks]
    every = [path for n in range(len(names) + 1) for path in combinations(names, n)]
    with untouched(network):
        gradients = list(path_gradients(network, images, labels, every))
    assert len(gradients) == 2 ** len(names)
    assert all(gradient.abs().max() > 0 for gradient in gradients)
    expected = whole_gradient(network, images, labels)
    assert torch.allclose(sum(gradients), expected, rtol=1e-9, atol=1e-9 * float(expected.abs().max()))  # type: ignore[arg-type]


def test_a_path_is_the_one_it_names() -> None:
    """Through F of the second block only: by hand, with the other ways cut off."""
    network = build(architecture("resnet20-cifar", depths=(2,), width=4), seed=0).double().eval()
    images, labels = batch()
    x = images.clone().requires_grad_()
    first, second = network.blocks().values()
    stem = network.bn1(network.conv1(x)).relu()
    y = (first.residual_function(stem).detach() + stem).relu()
    z = (second.residual_function(y) + y.detach()).relu()
    loss = F.cross_entropy(network.fc(z.mean((2, 3))), labels)
    (expected,) = torch.autograd.grad(loss, x)
    (found,) = path_gradients(network, images, labels, [["conv2_2"]])
    assert torch.allclose(found, expected, rtol=1e-9, atol=1e-15)


def test_bad_input_is_named() -> None:
    images, labels = batch()
    residual = build(architecture("resnet20-cifar", depths=(2,), width=4), seed=0)
    with pytest.raises(InputError, match=r"^The network has no block 'conv2_3'; it has conv2_1, conv2_2\.$"):
        list(path_gradients(residual, images, labels, [["conv2_3"]]))
    with pytest.raises(InputError, match="a plain one has a single path"):
        list(path_gradients(build(architecture("plain20-cifar", depths=(1,), width=4), seed=0), images, labels, [[]]))
