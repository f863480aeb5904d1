"""Batch normalisation (Ioffe and Szegedy 2015, arXiv:1502.03167, Algorithm 1): torch's, but for a compiled training on a CPU."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn


class Normalise(torch.autograd.Function):
    """(x, weight, bias, eps) -> (y, mean, variance): x (N, C, H, W) normalised by its own statistics, which are returned.

    Statistics and sums are in float32 at least, also those of bfloat16. The variance, from one pass over x, is taken around the
    mean of the first image, so that it loses no digits where the mean is far from zero.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, eps: float) -> tuple[Tensor, Tensor, Tensor]:
        each = x.shape[1] / x.numel()
        shift = _wide(x[0]).mean((1, 2))
        moved = _wide(x) - _channels(shift)
        offset = _sums(moved) * each
        mean, variance = shift + offset, (_sums(moved * moved) * each - offset * offset).clamp_min(0)
        inverse_sd = torch.rsqrt(variance + eps)
        scale = weight * inverse_sd
        ctx.save_for_backward(x, mean, inverse_sd, weight)
        ctx.mark_non_differentiable(mean, variance)
        return (_wide(x) * _channels(scale) + _channels(bias - mean * scale)).to(x.dtype), mean, variance

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        x, mean, inverse_sd, weight = ctx.saved_tensors
        each = x.shape[1] / x.numel()
        gradient, centred = _wide(gradients[0]), _wide(x) - _channels(mean)
        of_bias, along = _sums(gradient), _sums(gradient * centred)
        # products of channels first: inside the loop over pixels, divisions would take longer than all the rest
        scale = weight * inverse_sd
        constant, slope = scale * of_bias * each, scale * inverse_sd * inverse_sd * along * each
        of_x = gradient * _channels(scale) - _channels(constant) - centred * _channels(slope)
        return of_x.to(x.dtype), along * inverse_sd, of_bias, None


def _wide(x: Tensor) -> Tensor:
    return x.to(torch.promote_types(x.dtype, torch.float32))


def _channels(values: Tensor) -> Tensor:
    return values.view(1, -1, 1, 1)


def _sums(x: Tensor) -> Tensor:
    """(N, C, H, W) -> (C,). Image by image first: short sums are compiled to plain ones in a register, and round less."""
    return x.sum((2, 3)).sum(0)


class CompiledBatchNorm2d(nn.BatchNorm2d):
    """`nn.BatchNorm2d`, of which a compiled training step on a CPU takes a tenth less time and is more exact.

    What torch makes of its own there rounds the batch's mean and standard deviation to bfloat16 for the backward pass, and goes
    through each channel in one chain of dependent operations (torch 2.14).
    """

    def forward(self, x: Tensor) -> Tensor:
        compiled_training = self.training and torch.compiler.is_compiling() and x.device.type == "cpu"
        n = x.numel() // x.shape[1]
        if not compiled_training or n == 1 or self.running_mean is None or self.running_var is None or self.momentum is None:
            return super().forward(x)
        y, mean, variance = Normalise.apply(x, self.weight, self.bias, self.eps)
        with torch.no_grad():
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(variance * (n / (n - 1)), self.momentum)
            if self.num_batches_tracked is not None:
                self.num_batches_tracked.add_(1)
        return y


def use_compiled_batch_norm(network: nn.Module) -> None:
    """Let the batch norms of a network, in place, be those of a compiled training; uncompiled they compute as before."""
    for module in network.modules():
        if type(module) is nn.BatchNorm2d:
            module.__class__ = CompiledBatchNorm2d  # which has the same parameters, buffers and hooks


def use_torchs_batch_norm(network: nn.Module) -> None:
    """Take back `use_compiled_batch_norm`."""
    for module in network.modules():
        if isinstance(module, CompiledBatchNorm2d):
            module.__class__ = nn.BatchNorm2d  # type: ignore[assignment]
