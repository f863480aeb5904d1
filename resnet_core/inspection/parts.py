"""Where does a block of an unknown class compute F(x) and its shortcut? An experiment tells: one pass, and additions.

Names do not tell: the `bn2` of a pre-activation block is not F(x), and the last ReLU that runs need not follow the addition. So
the sum F(x) + shortcut(x) is tried out: whose outputs, added and passed through an activation, give the block's output?
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import product

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from resnet_core.errors import InputError
from resnet_core.inspection.inputs import to_network
from resnet_core.inspection.isolation import forward_hooks, logits_of
from resnet_core.networks.anatomy import find_anatomy
from resnet_core.networks.described import Described
from resnet_core.networks.handles import Activation, Anatomy, BlockHandle

ACTIVATIONS: tuple[Activation, ...] = (
    nn.Identity(), torch.relu, F.gelu, nn.GELU(approximate="tanh"), F.silu, F.hardswish, F.relu6, F.leaky_relu, F.elu, F.mish,
    torch.tanh, torch.sigmoid,
)  # fmt: skip
ELEMENTWISE = (
    nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.PReLU, nn.GELU, nn.SiLU, nn.ELU, nn.CELU, nn.SELU, nn.Mish, nn.Hardswish, nn.Hardtanh,
    nn.Hardsigmoid, nn.Softplus, nn.Sigmoid, nn.Tanh, nn.Threshold,
)  # fmt: skip
SAMPLES = 512  # values of an output that are compared first
SIDES = (64, 224, 96, 32, 128, 256)  # pixels, tried in turn where no image is at hand
SHORTCUT_NAMES = ("downsample", "shortcut", "skip")


@dataclass
class _Output:
    """What a child of a block gave, and from what."""

    child: nn.Module
    name: str
    takes_x: bool  # the very values of the block's input
    y: Tensor  # a copy, which nothing overwrites
    convolutions: int  # between the block's input and y
    adds: bool  # whether something was added on the way to y
    calls: int = 1


@dataclass
class _Run:
    """One pass through a block."""

    x: Tensor | None = None  # a copy
    outputs: dict[nn.Module, _Output] = field(default_factory=dict)


def located(network: nn.Module, images: Tensor | None = None) -> Anatomy:
    """Find the anatomy of an isolated network, and in each of its blocks F(x) and shortcut.

    Blocks of known classes need no pass. For others one pass is run, on the images (N, 3, H, W), or on noise of a size that
    the network takes. Where nothing fits, or more than one thing does, the handle's `residual` stays None.

    Raises:
        InputError: if the blocks are not found, or one does not run exactly once.
    """
    anatomy = find_anatomy(network)
    if all(handle.by_class for handle in anatomy.blocks):
        return anatomy
    handles: dict[nn.Module, BlockHandle] = {}
    hooks: dict[nn.Module, list[torch.utils.hooks.RemovableHandle]] = {}
    paths = (network.branch, network.shortcut) if isinstance(network, Described) else (None, None)

    def watch(handle: BlockHandle) -> None:
        run = _Run()

        def begin(_block: nn.Module, inputs: tuple[object, ...]) -> tuple[object, ...] | None:
            run.outputs.clear()
            if not inputs or not isinstance(inputs[0], Tensor):
                return None
            run.x = inputs[0].detach().clone()
            return (inputs[0].detach().requires_grad_().clone(), *inputs[1:])  # a graph of this block alone

        def keep(child: nn.Module, inputs: tuple[object, ...], y: object) -> None:
            if child in run.outputs:
                run.outputs[child].calls += 1
            elif isinstance(y, Tensor):
                given = inputs[0] if inputs else None
                takes_x = (
                    isinstance(given, Tensor) and run.x is not None and given.shape == run.x.shape and torch.equal(given, run.x)
                )
                run.outputs[child] = _Output(child, names[child], takes_x, y.detach().clone(), *_history(y))

        children = _parts_to_try(handle, paths)
        names = {child: name for name, child in children}
        hooks[handle.block] = [handle.block.register_forward_pre_hook(begin)]
        hooks[handle.block] += [child.register_forward_hook(keep) for _, child in children]
        runs[handle.block] = run

    def solve(block: nn.Module, _x: Tensor, y: Tensor) -> None:
        run, handle = runs[block], by_block[block]
        handles[block] = handle if handle.by_class or run.x is None else _solved(handle, run, y.detach(), paths)
        run.outputs.clear()
        run.x = None

    runs: dict[nn.Module, _Run] = {}
    by_block = {handle.block: handle for handle in anatomy.blocks}
    try:
        for handle in anatomy.blocks:
            watch(handle)
        names = {handle.block: handle.name for handle in anatomy.blocks}
        with (
            torch.inference_mode(False),
            torch.enable_grad(),
            forward_hooks({block: partial(solve, block) for block in by_block}, names),
        ):
            _run_once(network, images)
    finally:
        for registered in hooks.values():
            for hook in registered:
                hook.remove()
    return replace(anatomy, blocks=tuple(handles.values()))  # in the order in which they ran


def _parts_to_try(handle: BlockHandle, given: tuple[str | None, str | None]) -> list[tuple[str, nn.Module]]:
    if handle.by_class:
        return []
    children = dict(handle.block.named_children())
    for path, module in zip(given, (handle.branch, handle.shortcut), strict=True):
        if path is not None and module is not None:
            children[path] = module
    return list({module: (name, module) for name, module in children.items()}.values())


def _run_once(network: nn.Module, images: Tensor | None) -> None:
    if images is not None:
        logits_of(network, images.clone())
        return
    errors = []
    for side in SIDES:
        noise = torch.randn((2, 3, side, side), generator=torch.Generator().manual_seed(0))
        try:
            logits_of(network, to_network(noise, network))
            return
        except InputError as error:
            errors.append(error)
    raise errors[0]


def _solved(handle: BlockHandle, run: _Run, y: Tensor, given: tuple[str | None, str | None]) -> BlockHandle:
    """The handle with branch, shortcut, activation and residual, where exactly one addition gives y."""
    assert run.x is not None
    once = [output for output in run.outputs.values() if output.calls == 1 and output.y.shape == y.shape]
    x = _Output(nn.Identity(), "x", True, run.x, 0, False)
    branches = [output for output in once if not torch.equal(output.y, run.x)] if run.x.shape == y.shape else once
    # what an addition inside the block gave is no shortcut: it has a part of F(x) in it
    shortcuts = [output for output in once if output.takes_x or not output.adds]
    if run.x.shape == y.shape:
        shortcuts.insert(0, x)
    if given[0] is not None:
        branches = [output for output in once if output.child is handle.branch]
    if given[1] is not None:
        shortcuts = [
            output for output in shortcuts if output.child is handle.shortcut or (handle.shortcut is None and output is x)
        ]
    own = [pure(output.child) for output in run.outputs.values() if isinstance(output.child, ELEMENTWISE)]
    activations: list[Activation] = [*own, *ACTIVATIONS]
    found = list(_additions(branches, shortcuts, activations, y))
    pairs = {(branch.name, shortcut.name) for branch, shortcut, _ in found}
    distinct: list[tuple[_Output, _Output, Activation]] = []
    for branch, shortcut, fits in found:
        if (shortcut.name, branch.name) in pairs and not _is_main_path(branch, shortcut):
            continue
        same = any(torch.equal(branch.y, other.y) and torch.equal(shortcut.y, add.y) for other, add, _ in distinct)
        if not same:
            distinct.append((branch, shortcut, fits))
    if len(distinct) == 1:
        branch, shortcut, fits = distinct[0]
        activation: Activation | None = fits
        module = None if shortcut is x else shortcut.child
        if activation in (ACTIVATIONS[0], torch.relu) and bool((branch.y + shortcut.y >= 0).all()) and not own:
            activation = None  # where no sum is negative, a ReLU and none at all give the same
        return replace(
            handle, residual=True, branch=branch.child, shortcut=module, activation=activation, from_x=shortcut.takes_x
        )
    if not distinct and given[0] is not None and branches:
        alone = [activation for activation in activations if _fits(activation(branches[0].y), y, branches[0].y)]
        if alone:  # where F(x) is given, and nothing is added to it
            return replace(handle, residual=False, shortcut=None, activation=alone[0])
    return replace(handle, residual=None, branch=None, shortcut=None, activation=None)


def _is_main_path(one: _Output, other: _Output) -> bool:
    """Whether of two outputs that are added, `one` is F(x) for sure: by the layers that lead to it, or the other's name."""
    if one.convolutions != other.convolutions:
        return one.convolutions > other.convolutions
    named = [any(word in output.name.lower() for word in SHORTCUT_NAMES) for output in (one, other)]
    return named == [False, True]


def _history(y: Tensor) -> tuple[int, bool]:
    """How many convolutions and linear layers y has behind it in its graph, and whether there is an addition."""
    nodes, seen = [y.grad_fn], set()
    while nodes:
        node = nodes.pop()
        if node is not None and node not in seen:
            seen.add(node)
            nodes += [before for before, _ in node.next_functions]
    names = [node.name().lower() for node in seen]
    return sum(any(kind in name for kind in ("conv", "mm", "linear")) for name in names), any("addback" in name for name in names)


def _additions(
    branches: list[_Output], shortcuts: list[_Output], activations: list[Activation], y: Tensor
) -> Iterator[tuple[_Output, _Output, Activation]]:
    """All (F, S, activation) with y = activation(F + S), compared on a sample of values first."""
    picked = torch.linspace(0, y.numel() - 1, min(SAMPLES, y.numel()), device=y.device).long()
    small = y.reshape(-1)[picked]
    for branch, shortcut in product(branches, shortcuts):
        if branch.child is shortcut.child:
            continue
        parts = [output.y.reshape(-1)[picked] for output in (branch, shortcut)]
        for activation in activations:
            if isinstance(activation, nn.PReLU) and activation.num_parameters > 1:
                close = True  # a slope a channel, which a sample does not tell
            else:
                close = torch.allclose(activation(parts[0] + parts[1]).float(), small.float(), rtol=1e-2, atol=1e-2)
            if close and _fits(activation(branch.y + shortcut.y), y, branch.y, shortcut.y):
                yield branch, shortcut, activation
                break


def _fits(guess: Tensor, y: Tensor, *parts: Tensor) -> bool:
    """Equal; or but for the last digits, where these are small beside each of the parts."""
    if torch.equal(guess, y):
        return True
    if guess.shape != y.shape or not guess.is_floating_point():
        return False
    error, eps = (guess.double() - y.double()).abs(), torch.finfo(y.dtype).eps
    size = sum((part.double().abs() for part in parts), torch.zeros_like(error))
    smallest = min(float(part.double().norm()) for part in parts)
    return bool((error <= 8 * eps * size).all()) and float(error.norm()) <= 1e-3 * smallest


def pure(activation: Activation) -> Activation:
    """The activation without the right to overwrite its input."""
    if type(activation) is nn.ReLU:
        return torch.relu
    if isinstance(activation, nn.Module) and getattr(activation, "inplace", False):
        copied = object.__new__(type(activation))
        object.__setattr__(copied, "__dict__", {**activation.__dict__, "inplace": False})
        return copied
    return activation
