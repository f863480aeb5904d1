"""Does a compiled training normalise as torch does, forwards, backwards and in what it remembers?"""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn

from resnet_core.networks.architectures import architecture
from resnet_core.networks.resnet import build
from resnet_core.training.batch_norm import CompiledBatchNorm2d, Normalise, use_compiled_batch_norm, use_torchs_batch_norm

CHANNELS = 5


def batch(dtype: torch.dtype, mean: float, seed: int = 0) -> Tensor:
    x = torch.randn(6, CHANNELS, 7, 4, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return (mean + x).to(dtype).to(memory_format=torch.channels_last)


def lived_in(norm: nn.BatchNorm2d) -> nn.BatchNorm2d:
    for tensor, low, high in ((norm.weight, 0.3, 2), (norm.bias, -1, 1), (norm.running_mean, -1, 1), (norm.running_var, 0.5, 2)):
        assert tensor is not None
        tensor.data = torch.linspace(low, high, CHANNELS, dtype=tensor.dtype)
    return norm


def test_its_gradients_are_those_of_finite_differences() -> None:
    weight, bias = (torch.linspace(low, 1, CHANNELS, dtype=torch.float64, requires_grad=True) for low in (0.5, -1))
    x = batch(torch.float64, mean=0.5)[:2, :, :3].requires_grad_()
    assert torch.autograd.gradcheck(lambda *values: Normalise.apply(*values, 1e-5)[0], (x, weight, bias))


@pytest.mark.slow
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.float64, 1e-12)])
def test_a_compiled_training_does_what_torchs_does(dtype: torch.dtype, tolerance: float) -> None:
    ours, theirs = (lived_in(kind(CHANNELS).to(dtype)) for kind in (CompiledBatchNorm2d, nn.BatchNorm2d))
    compiled = torch.compile(ours, dynamic=False)
    for step in range(3):  # of a mean that moves away from what is remembered
        inputs = [batch(dtype, mean=3.0 * step, seed=step).requires_grad_() for _ in range(2)]
        for norm, x in zip((compiled, theirs), inputs, strict=True):
            norm(x).pow(3).mean().backward()
        torch.testing.assert_close(inputs[0].grad, inputs[1].grad, rtol=tolerance, atol=tolerance)
        assert inputs[0].grad is not None
        assert inputs[0].grad.dtype == dtype
    for name, value in theirs.state_dict().items():
        torch.testing.assert_close(ours.state_dict()[name], value, rtol=tolerance, atol=tolerance, msg=name)
    for (name, mine), other in zip(ours.named_parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(mine.grad, other.grad, rtol=tolerance, atol=tolerance, msg=name)


@pytest.mark.slow
def test_bfloat16_is_normalised_by_exact_statistics() -> None:
    """Torch's own compiled one (2.14) rounds the mean to bfloat16 for the backward pass, of 100 to the next half: twice this."""
    x, gradient = batch(torch.bfloat16, mean=100.3), batch(torch.bfloat16, mean=0, seed=1)
    norm, (exact, seen) = lived_in(CompiledBatchNorm2d(CHANNELS)), (value.clone().requires_grad_() for value in (x.double(), x))
    copy.deepcopy(norm).double()(exact).backward(gradient.double())
    torch.compile(norm, dynamic=False)(seen).backward(gradient)
    assert exact.grad is not None
    assert seen.grad is not None
    assert (seen.grad - exact.grad).norm() < 0.005 * exact.grad.norm()  # most of it is the rounding of the gradient itself


@pytest.mark.parametrize("mean", [0.0, 30.0, 3000.0])
def test_a_variance_far_from_zero_is_exact(mean: float) -> None:
    x = batch(torch.float32, mean)
    variance = Normalise.apply(x, torch.ones(CHANNELS), torch.zeros(CHANNELS), 1e-5)[2]
    torch.testing.assert_close(variance.double(), x.double().var((0, 2, 3), correction=0), rtol=1e-5, atol=0)


@pytest.mark.slow
def test_otherwise_it_is_torchs_own() -> None:
    ours, theirs = (lived_in(kind(CHANNELS)) for kind in (CompiledBatchNorm2d, nn.BatchNorm2d))
    x = batch(torch.float32, mean=1)
    assert torch.equal(ours(x), theirs(x))
    assert torch.equal(torch.compile(ours.eval(), dynamic=False)(x), torch.compile(theirs.eval(), dynamic=False)(x))


def test_a_network_has_torchs_batch_norm_but_while_it_is_trained_compiled() -> None:
    network = build(architecture("resnet20-cifar", depths=(1, 1), width=4), 0)

    def kinds() -> set[type]:
        return {type(module) for module in network.modules() if isinstance(module, nn.BatchNorm2d)}

    before = dict(network.named_parameters())
    assert kinds() == {nn.BatchNorm2d}
    use_compiled_batch_norm(network)
    assert kinds() == {CompiledBatchNorm2d}
    assert all(parameter is before[name] for name, parameter in network.named_parameters())
    use_torchs_batch_norm(network)
    assert kinds() == {nn.BatchNorm2d}
