"""What is in every channel inside one block? The equation y = ReLU(F(x) + x), as maps."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from resnet_core.errors import InputError
from resnet_core.inspection.inputs import OneImage, Target, as_input, class_index, for_each_image, labels_of
from resnet_core.inspection.inspect import require_map
from resnet_core.inspection.isolation import (
    forward_hooks,
    gradients_of,
    isolated,
    logits_of,
    require_finite,
    without_weight_gradients,
)
from resnet_core.inspection.parts import ELEMENTWISE, located
from resnet_core.inspection.records import FeatureMaps
from resnet_core.networks.handles import BlockHandle

_NAMES = ("x", "F(x)", "shortcut", "sum", "output")  # of places that every block has


@for_each_image
def feature_maps(
    network: nn.Module, image: OneImage, block: str, target: Target | None = None, places: Sequence[str] | None = None
) -> FeatureMaps:
    """Record every channel at the places of a block, and how each channel moves the logit of a class.

    Only what follows the block keeps a graph, and only the asked places are copied.

    Args:
        network: any network that `find_anatomy` knows or `describe` describes, in any mode, which may be shared by threads;
            nothing on it changes.
        image: a picture, a normalised tensor, or several of them, as `inspect` takes them.
        block: its label, "conv4_3".
        target: the class's index, name or label; None: the most probable class.
        places: those that are wanted, see `FeatureMaps`; None: all that there are.

    Returns:
        The maps, by place; of several images a `Batch`.

    Raises:
        InputError: for an image, block, class or place that does not exist, or a network that does not fit.
    """
    with torch.inference_mode(False), torch.no_grad():
        clone = without_weight_gradients(isolated(network))
        x = as_input(image, clone)
        anatomy = located(clone, x)
        handle = anatomy.handle(block)
        logits, activations = _hooked_pass(clone, handle, x)
        logits = logits[0]
        require_finite(logits)
        index, labels = class_index(target, logits, clone), labels_of(clone, len(logits))
        in_order = _in_order(handle, activations, x)
        for place in places or ():
            if place not in in_order:
                raise InputError(f"{block} of this network has no {place!r}; it has {', '.join(in_order)}.")
        asked = {place: in_order[place] for place in in_order if places is None or place in places}
        # what is added moves the logit as F(x) and the sum do, also where the shortcut is x itself
        roots = [activations["F(x)"] if place in ("shortcut", "sum") else y for place, y in asked.items()]
        gradients = gradients_of(logits[index], roots)
        return FeatureMaps(
            block=block,
            target=index,
            target_label=labels[index] if labels else "",
            maps={place: y.detach()[0].float().cpu().numpy() for place, y in asked.items()},
            class_gradients={
                place: gradient[0].mean((1, 2)).float().cpu().numpy() for place, gradient in zip(asked, gradients, strict=True)
            },
        )


def _hooked_pass(network: nn.Module, handle: BlockHandle, image: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
    """The logits (1, classes), and by place what the block's modules give, with a graph that grows from the block's input on."""
    activations: dict[str, Tensor] = {}
    calls: Counter[str] = Counter()

    def start_graph(_block: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        torch.set_grad_enabled(True)  # until the pass is over: what comes before the block needs none
        activations["x"] = inputs[0].detach().requires_grad_()
        # a block that is not known may overwrite its input
        return (activations["x"] if handle.by_class else activations["x"].clone(), *inputs[1:])

    def keep(place: str) -> Callable[[Tensor, Tensor], Tensor]:
        def hook(_x: Tensor, y: Tensor) -> Tensor:
            activations[place] = y
            return y.clone()  # which an in-place ReLU or addition may overwrite

        return hook

    def keep_map(place: str) -> Callable[[nn.Module, Any, Any], Tensor | None]:
        def hook(_module: nn.Module, _inputs: Any, y: Any) -> Tensor | None:
            calls[place] += 1
            if not isinstance(y, Tensor) or y.ndim != 4:
                return None
            activations[place] = y
            return y.clone()

        return hook

    handle.block.register_forward_pre_hook(start_graph)
    hooks, names = {handle.block: keep("output")}, {handle.block: handle.name}
    for place, module in (("F(x)", handle.branch), ("shortcut", handle.shortcut)):
        if module is not None:
            hooks[module], names[module] = keep(place), f"{place} of {handle.name}"
    for name, module in handle.block.named_children():
        # an Identity stands in the place of a batch norm that the network does not have
        if module not in hooks and not isinstance(module, (nn.Identity, *ELEMENTWISE)):
            place = f"{name} (module)" if name in _NAMES else name
            module.register_forward_hook(keep_map(place))
    with forward_hooks(hooks, names):
        logits = logits_of(network, image)
    for place, count in calls.items():
        if count > 1:  # of which pass would it be?
            activations.pop(place, None)
    return logits, activations


def _in_order(handle: BlockHandle, activations: dict[str, Tensor], image: Tensor) -> dict[str, Tensor]:
    inside = dict(activations)
    output = inside.pop("output")
    require_map(handle.name, output.shape, image)
    shortcut = inside.pop("shortcut", inside["x"])
    for place in [place for place in inside if place not in _NAMES]:
        try:
            require_map(place, inside[place].shape, image)
        except InputError:  # channels last, inside a ConvNeXt, or pooled to other proportions
            del inside[place]
    if handle.residual:
        inside |= {"shortcut": shortcut, "sum": inside["F(x)"] + shortcut}
    return {**inside, "output": output}
