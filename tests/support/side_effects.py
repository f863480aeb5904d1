"""Did a measurement leave anything on the network that everybody shares?"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn


@contextmanager
def untouched(network: nn.Module) -> Iterator[None]:
    """Parameters, statistics, gradients, modes and hooks are after the block what they were before."""

    def state() -> list[object]:
        return [
            {name: tensor.clone() for name, tensor in network.state_dict().items()},
            [(parameter.requires_grad, parameter.grad) for parameter in network.parameters()],
            [module.training for module in network.modules()],
            [(len(module._forward_hooks), len(module._forward_pre_hooks)) for module in network.modules()],
            list(map(id, network.modules())),
        ]

    before = state()
    yield
    after = state()
    assert all(torch.equal(tensor, after[0][name]) for name, tensor in before[0].items())  # type: ignore[attr-defined, index]
    assert before[1:] == after[1:]
