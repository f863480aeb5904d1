"""How do we look inside a network that many threads use at once? In an isolated clone, with hooks that only the clone has."""

from __future__ import annotations

import inspect
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from types import FunctionType, MethodType
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.nn.modules.batchnorm import _BatchNorm, _NormBase
from torch.nn.parameter import is_lazy

from resnet_core.errors import InputError
from resnet_core.networks.anatomy import recognised
from resnet_core.networks.described import Described, unwrapped

Hook = Callable[[Tensor, Tensor], Tensor | None]  # takes a module's input and output; what it returns replaces the output


def isolated(network: nn.Module) -> nn.Module:
    """Return a clone of the network in evaluation mode, with module objects of its own, that shares parameters and buffers.

    Whatever is hooked or switched on the clone is invisible to everyone else, and gone with the clone, also after an exception
    or in a thread that was stopped. Half a millisecond for ResNet-34; `copy.deepcopy` that shares the tensors takes 20 times as
    long.

    Forward hooks that a person has set are part of what a network computes (weight norm and pruning are such hooks): the clone
    has them, and they fire before this package's. Backward hooks are not: gradients are those of what the network computes.
    What wraps a network (`torch.compile`, `net.compile()`, DataParallel) is left out: the clone runs the layers themselves. A
    clone of a described network returns the logits of its description.

    Raises:
        InputError: if a module's forward was replaced on the instance, as accelerate and checkpointing do, or a module is
            scripted, so that hooks would not fire or would belong to the network itself.
    """
    if not isinstance(network, nn.Module):
        raise InputError(f"A network is a torch.nn.Module, not a {type(network).__name__}.")
    clone = _clone_of(recognised(network), {})
    if isinstance(clone, Described) and clone.logits is not None and "answers_logits" not in clone.__dict__:
        _answer_logits(clone, clone.logits)
    return clone


_PLAIN = frozenset((bool, int, float, str, type(None), type, torch.dtype, torch.device))  # values that hold no module
# tensors, children and hooks: most are empty, and a new one takes a fifth of a copy
_OF_EVERY_MODULE = frozenset(name for name, value in nn.Module().__dict__.items() if isinstance(value, dict | set)) - {"_modules"}
_BASE = frozenset((*nn.Module().__dict__, "_compiled_call_impl"))


def _clone_of(module: nn.Module, memo: dict[int, Any]) -> nn.Module:
    # not a closure: one that calls itself is a cycle, and the clone would wait for the garbage collector
    if id(module) in memo:
        return memo[id(module)]
    original, module = module, unwrapped(module)
    attributes = module.__dict__
    _refuse(module)
    clone = memo[id(original)] = memo[id(module)] = object.__new__(type(module))
    private: dict[str, Any] = attributes.copy()
    for name in _OF_EVERY_MODULE & attributes.keys():
        value = attributes[name]
        private[name] = value.copy() if value else type(value)()
    for name in attributes.keys() - _BASE:
        value = attributes[name]
        if type(value) not in _PLAIN and not (type(value) is tuple and _PLAIN.issuperset(map(type, value))):
            private[name] = _cloned_value(value, memo, module)
    private["training"] = False
    private["_modules"] = {name: child and _clone_of(child, memo) for name, child in module._modules.items()}
    private["_compiled_call_impl"] = None  # of `net.compile()`: compiled code runs no hooks
    if private["_backward_hooks"] or private["_backward_pre_hooks"]:
        private |= {"_backward_hooks": OrderedDict(), "_backward_pre_hooks": OrderedDict(), "_is_full_backward_hook": None}
    for name in ("grad_checkpointing", "gradient_checkpointing"):  # it would run blocks a second time, in the backward pass
        if private.get(name):
            private[name] = False
    object.__setattr__(clone, "__dict__", private)
    return clone


def _cloned_value(value: Any, memo: dict[int, Any], owner: nn.Module) -> Any:
    """An attribute for the clone: modules inside it are the clone's own. Raises InputError for functions that hold modules."""
    if isinstance(value, nn.Module):
        return _clone_of(value, memo)
    if isinstance(value, fx.Graph):  # of a traced network, whose code runs the clone's modules
        return value
    if isinstance(value, dict):
        copied = value.copy()
        copied.update({key: _cloned_value(item, memo, owner) for key, item in value.items() if type(item) not in _PLAIN})
        return copied
    if type(value) in (list, tuple):
        return type(value)(item if type(item) in _PLAIN else _cloned_value(item, memo, owner) for item in value)
    if isinstance(value, MethodType) and isinstance(value.__self__, nn.Module):
        return MethodType(value.__func__, _clone_of(value.__self__, memo))
    if any(isinstance(getattr(item, "__self__", item), nn.Module) for item in _held_by(value)):
        raise InputError(
            f"A {type(owner).__name__} of the network keeps modules inside a {type(value).__name__}, where they cannot be "
            "cloned; keep them as attributes or in a list."
        )
    return value


def _held_by(value: Any) -> list[Any]:
    """What a function or another object that is no module holds on to."""
    if isinstance(value, FunctionType):
        return [*inspect.getclosurevars(value).nonlocals.values(), *(value.__defaults__ or ())]
    if isinstance(value, partial):
        return [value.func, *value.args, *value.keywords.values()]
    return list(value) if isinstance(value, set) else list(getattr(value, "__dict__", {}).values())


def _refuse(module: nn.Module) -> None:
    """Raise InputError for a module in which hooks do not fire, or whose forward runs the network's own modules."""
    kind = type(module).__name__
    if "_fsdp_wrapped_module" in module._modules:
        raise InputError("The network's weights are spread over processes by FSDP; gather them into the bare network first.")
    if "forward" in module.__dict__:
        raise InputError(
            f"The forward of a {kind} was replaced on the instance, as accelerate and checkpointing do; give the network from "
            "before that."
        )
    if module._parameters and any(value is not None and is_lazy(value) for value in module._parameters.values()):
        raise InputError(f"A {kind} has no weights before its first run; run the network once on an image.")


def _answer_logits(clone: Described, path: str) -> None:
    """Hook the clone so that a call returns what the module at `path` returned."""
    clone.__dict__["answers_logits"] = True
    kept = threading.local()  # clones of this clone share it

    def begin(_network: nn.Module, _inputs: tuple[Any, ...]) -> None:
        kept.outputs = []

    def keep(_module: nn.Module, _inputs: tuple[Any, ...], output: Any) -> None:
        kept.outputs.append(output)

    def answer(_network: nn.Module, _inputs: tuple[Any, ...], _output: Any) -> Any:
        outputs, kept.outputs = kept.outputs, []
        _require_once({path: len(outputs)})
        return outputs[0]

    clone.register_forward_pre_hook(begin)
    clone.model.get_submodule(path).register_forward_hook(keep)
    clone.register_forward_hook(answer)


def _require_once(calls: Mapping[str, int]) -> None:
    if wrong := [name for name, count in calls.items() if count != 1]:
        times = "not run" if calls[wrong[0]] == 0 else f"run {calls[wrong[0]]} times"
        raise InputError(
            f"{wrong[0]} was {times} in one pass of the network instead of once, so its numbers cannot be told; "
            "name blocks that each run once with resnet_core.describe."
        )


@contextmanager
def forward_hooks(hooks: Mapping[nn.Module, Hook], names: Mapping[nn.Module, str] | None = None) -> Iterator[None]:
    """Call each module's hook with the module's (input, output) during every forward inside the `with`.

    Args:
        hooks: by module. A tensor that a hook returns goes on in place of the output.
        names: of modules that must run exactly once in the `with`.

    Raises:
        InputError: at the end, if a named module did not run once; and if a hooked module takes or gives no tensor.
    """
    calls = dict.fromkeys(hooks, 0)

    def call(hook: Hook, module: nn.Module, inputs: tuple[Any, ...], output: Any) -> Tensor | None:
        calls[module] += 1
        if not inputs or not isinstance(inputs[0], Tensor) or not isinstance(output, Tensor):
            name = (names or {}).get(module, type(module).__name__)
            raise InputError(
                f"{name} takes or returns something else than one tensor; describe blocks that map tensors to tensors."
            )
        return hook(inputs[0], output)

    with ExitStack() as handles:
        for module, hook in hooks.items():
            handles.enter_context(module.register_forward_hook(partial(call, hook)))
        yield
    _require_once({name: calls[module] for module, name in (names or {}).items()})


@contextmanager
def network_errors() -> Iterator[None]:
    """Turn an exception of the network's own forward or backward pass into an InputError; out of memory passes through."""
    try:
        yield
    except InputError:
        raise
    except (RuntimeError, ValueError, TypeError, LookupError, AttributeError, AssertionError, NotImplementedError) as error:
        if "memory" in str(error):
            raise
        said = " ".join(str(error).split()).split(". ")[0][:200].rstrip(".:;") or type(error).__name__
        raise InputError(f"The network cannot run on this input: {said}.") from error


def logits_of(network: nn.Module, images: Tensor) -> Tensor:
    """Run an isolated network on images (N, 3, H, W) and return its logits (N, classes).

    Raises:
        InputError: if the network cannot run on them, or returns something else.
    """
    with network_errors():
        logits = network(images)
    if not isinstance(logits, Tensor):
        raise InputError(
            f"The network returns a {type(logits).__name__}, not logits; name the module that returns them with "
            "resnet_core.describe(network, blocks=[…], logits=…)."
        )
    if logits.ndim != 2 or len(logits) != len(images) or not logits.is_floating_point():
        raise InputError(
            f"The network returns {tuple(logits.shape)} for {len(images)} images, not logits (N, classes); name the module that "
            "returns them with resnet_core.describe(network, blocks=[…], logits=…)."
        )
    return logits


def require_finite(logits: Tensor) -> None:
    """Raise InputError if a logit is nan or infinite."""
    if not torch.isfinite(logits).all():
        worst = "nan" if torch.isnan(logits).any() else "an infinite logit"
        raise InputError(
            f"The network answers with {worst}, which is no number; its weights or the image's values are too large."
        )


def gradients_of(output: Tensor, inputs: list[Tensor], retain_graph: bool = False) -> tuple[Tensor, ...]:
    """Return gradients of a scalar with respect to tensors; zeros for a tensor that does not reach it."""
    with network_errors():
        gradients = torch.autograd.grad(output, inputs, retain_graph=retain_graph, allow_unused=True)
    return tuple(torch.zeros_like(x) if g is None else g for x, g in zip(inputs, gradients, strict=True))


def _foreign_statistics(module: nn.Module) -> bool:
    """Whether the module keeps running statistics, but is no norm of torch's, of which it is known how it takes a batch's."""
    if isinstance(module, _NormBase) or "Frozen" in type(module).__name__:  # torchvision's, timm's and detectron's frozen ones
        return False
    return "running_mean" in module._buffers or "running_var" in module._buffers


def with_batch_statistics(clone: nn.Module) -> nn.Module:
    """Return the isolated network itself, whose batch norms use each batch's own statistics from now on, and keep none.

    As in training: every kind of batch norm, and instance norms that keep statistics. Frozen batch norms stay frozen; norms
    without statistics (group norm, layer norm) have nothing to change; dropout stays off.

    Raises:
        InputError: if a module keeps running statistics but is no norm of torch's.
    """
    for module in clone.modules():
        if isinstance(module, _NormBase):
            module.running_mean = module.running_var = None  # the clone's own entries: the network keeps its buffers
            if not isinstance(module, _BatchNorm):
                module.track_running_stats = False
        elif _foreign_statistics(module):
            raise InputError(f"A {type(module).__name__} keeps statistics in a way of its own; batch statistics cannot be asked.")
    return clone


def batch_norms(clone: nn.Module) -> list[_BatchNorm]:
    """Return torch's batch norms that keep running statistics. Raises InputError for other modules with running statistics."""
    for module in clone.modules():
        if _foreign_statistics(module):
            raise InputError(f"A {type(module).__name__} keeps statistics in a way of its own; they cannot be estimated anew.")
    return [m for m in clone.modules() if isinstance(m, _BatchNorm) and m.running_mean is not None]


def without_weight_gradients(clone: nn.Module) -> nn.Module:
    """Return the isolated network itself, through which no gradient reaches a weight: so no layer keeps its input for that."""
    for module in clone.modules():
        for name, value in module._parameters.items():
            if value is not None:
                # the clone's own entry, and no nn.Parameter, though torch's types ask for one
                module._parameters[name] = value.detach()  # type: ignore[assignment]
    return clone
