"""How do we listen inside a network that many threads use at once? On a private view of it, with hooks that only the view has."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import count, takewhile
from typing import Any

from torch import Tensor, nn

from resnet_core.errors import InputError
from resnet_core.networks.architectures import CONVOLUTIONS, EXPANSION, Architecture, BlockKind
from resnet_core.networks.blocks import Block

Listener = Callable[[Tensor, Tensor], None]  # of a module's input and output


def private_view(network: nn.Module) -> nn.Module:
    """The same network in evaluation mode with its own module objects: it shares parameters and buffers, not hooks and modes.

    So whatever is hooked or switched on the view is invisible to everyone else, and gone with it, also after an exception or in a
    thread that was stopped. Half a millisecond for ResNet-34; `copy.deepcopy` that shares the tensors takes 20 times as long.
    """
    return _view_of(network, {})


def _view_of(module: nn.Module, memo: dict[int, nn.Module]) -> nn.Module:
    # not a closure: one that calls itself is a cycle, and the view would wait for the garbage collector
    if id(module) in memo:
        return memo[id(module)]
    view = memo[id(module)] = object.__new__(type(module))
    private: dict[str, Any] = {}
    for name, value in module.__dict__.items():
        if isinstance(value, dict):  # most are empty, and a new one takes a fifth of an OrderedDict's copy
            value = value.copy() if value else type(value)()
        private[name] = value
    private["training"] = False
    private["_modules"] = {name: child and _view_of(child, memo) for name, child in module._modules.items()}
    object.__setattr__(view, "__dict__", private)
    return view


def with_batch_statistics(view: nn.Module) -> nn.Module:
    """The private view itself, whose batch norms from now on use each batch's own statistics, as in training, and keep none."""
    for module in view.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean = module.running_var = None  # the view's own entries: the network keeps its buffers
    return view


def without_weight_gradients(view: nn.Module) -> nn.Module:
    """The private view itself, through which no gradient reaches a weight: so no layer keeps its input for that."""
    for module in view.modules():
        for name, value in module._parameters.items():
            if value is not None:
                # the view's own entry, and no nn.Parameter, though torch's types ask for one
                module._parameters[name] = value.detach()  # type: ignore[assignment]
    return view


@dataclass(frozen=True)
class BlockModules:
    """Where to listen in one block of a network, ours or torchvision's."""

    name: str  # in the state dict: "layer3.2"
    stage: str  # in the paper: "conv4_x"
    index: int  # in its stage, from 1: the paper's conv4_3
    block: nn.Module
    last: nn.Module  # its output is F(x), before addition and ReLU
    shortcut: nn.Module | None  # its output is added; None: x itself, or nothing
    residual: bool

    @property
    def label(self) -> str:
        """The paper's name: conv4_3."""
        return self.stage.replace("x", str(self.index))


def blocks_of(network: nn.Module) -> tuple[BlockModules, ...]:
    """The blocks in forward order. Raises InputError where there are no stages layer1, layer2, … of blocks, as ResNets have."""
    found = []
    for number in takewhile(lambda number: isinstance(getattr(network, f"layer{number}", None), nn.Module), count(1)):
        for i, block in enumerate(network.get_submodule(f"layer{number}").children()):
            last, shortcut = getattr(block, "bn3", getattr(block, "bn2", None)), getattr(block, "downsample", None)
            if not isinstance(last, nn.Module):
                raise InputError(
                    f"layer{number}.{i} is a {type(block).__name__}, not a basic or bottleneck block; give a ResNet."
                )
            found.append(
                BlockModules(
                    name=f"layer{number}.{i}",
                    stage=f"conv{number + 1}_x",
                    index=i + 1,
                    block=block,
                    last=last,
                    shortcut=shortcut if isinstance(shortcut, nn.Module) else None,
                    residual=block.residual if isinstance(block, Block) else True,
                )
            )
    if not found:
        raise InputError(
            f"A {type(network).__name__} has no stages layer1, layer2, …; give a ResNet of this project or of torchvision."
        )
    return tuple(found)


def architecture_of(network: nn.Module) -> Architecture | None:
    """What the network is; None for what the paper does not know: a ResNeXt, a wide ResNet, another classifier."""
    if isinstance(known := getattr(network, "architecture", None), Architecture):
        return known
    blocks = blocks_of(network)
    first: Any = blocks[0].block
    classifier = network.fc
    kind: BlockKind = "bottleneck" if hasattr(first, "conv3") else "basic"
    width = first.conv1.out_channels
    out_channels = (first.conv3 if kind == "bottleneck" else first.conv2).out_channels
    if not isinstance(classifier, nn.Linear) or first.conv2.groups > 1 or out_channels != width * EXPANSION[kind]:
        return None
    stages = sorted({block.stage for block in blocks})
    depths = tuple(sum(block.stage == stage for block in blocks) for stage in stages)
    return Architecture(
        name=f"resnet{2 + sum(depths) * CONVOLUTIONS[kind]}",
        block=kind,
        depths=depths,
        width=width,
        stem="imagenet",
        shortcut="B",
        num_classes=classifier.out_features,
    )


def _hear(listener: Listener, _module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
    listener(inputs[0], output)


@contextmanager
def listening(listeners: Mapping[nn.Module, Listener]) -> Iterator[None]:
    """Calls each module's listener with its (input, output) during every forward inside the block."""
    with ExitStack() as hooks:
        for module, listener in listeners.items():
            hooks.enter_context(module.register_forward_hook(partial(_hear, listener)))
        yield
