"""What is in every channel inside one block? The equation y = ReLU(F(x) + x), as maps."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from resnet_core.errors import InputError, hint
from resnet_core.inspection.inspect import check_class, checked
from resnet_core.inspection.isolation import BlockModules, blocks_of, private_view, without_weight_gradients
from resnet_core.inspection.records import FeatureMaps


def feature_maps(
    network: nn.Module, image: Tensor, block: str, target: int | None = None, places: Sequence[str] | None = None
) -> FeatureMaps:
    """Every channel's map at the `places` (None: all that there are) of the block, and how it moves the logit of `target`.

    network: one of ours or a torchvision ResNet, in any mode, which may be shared by threads; nothing on it changes. image:
    (3, H, W) or (1, 3, H, W), at least 8 x 8, normalised. block: the paper's name, "conv4_3". target: a class; None: the most
    probable one. Only what follows the block keeps a graph, and only the asked places are copied.

    Raises InputError for an image, block, class or place that does not exist.
    """
    heard: dict[str, Tensor] = {}
    with torch.inference_mode(False), torch.no_grad():
        view = without_weight_gradients(private_view(network))
        here = _named(blocks_of(view), block)
        image = checked(image, network)
        _listen(here, heard)
        logits = view(image)[0]
        target = int(logits.argmax()) if target is None else target
        check_class(target, logits)
        found = _in_order(here, heard)
        for place in places or ():
            if place not in found:
                raise InputError(f"{block} of this network has no {place!r}; it has {', '.join(found)}.")
        asked = {place: found[place] for place in found if places is None or place in places}
        # what the shortcut adds moves the logit as the sum does, also where the shortcut is x itself
        roots = [heard["sum"] if place == "shortcut" else y for place, y in asked.items()]
        gradients = torch.autograd.grad(logits[target], roots)
        return FeatureMaps(
            block=block,
            target=target,
            maps={place: y.detach()[0].float().cpu().numpy() for place, y in asked.items()},
            class_gradients={
                place: gradient[0].mean((1, 2)).float().cpu().numpy() for place, gradient in zip(asked, gradients, strict=True)
            },
        )


def _named(blocks: tuple[BlockModules, ...], label: str) -> BlockModules:
    by_label = {block.label: block for block in blocks}
    if label not in by_label:
        all_of_them = f"it has {blocks[0].label} to {blocks[-1].label}."
        raise InputError(f"This network has no block {label!r}; {hint(label, by_label, all_of_them)}")
    return by_label[label]


def _listen(here: BlockModules, heard: dict[str, Tensor]) -> None:
    """Hook the view's block, so that a forward pass fills `heard`; a graph grows from the block's input on."""

    def start_graph(_block: nn.Module, inputs: tuple[Tensor, ...]) -> Tensor:
        torch.set_grad_enabled(True)  # until the pass is over: what comes before the block needs none
        heard["x"] = inputs[0].detach().requires_grad_()
        return heard["x"]

    def keep(place: str) -> Callable[[nn.Module, tuple[Tensor, ...], Tensor], Tensor]:
        def hook(_module: nn.Module, _inputs: tuple[Tensor, ...], y: Tensor) -> Tensor:
            heard[place] = y
            return y.clone()  # which an in-place ReLU or addition may overwrite

        return hook

    def before_relu(_relu: nn.Module, inputs: tuple[Tensor, ...]) -> Tensor:
        heard["sum"] = inputs[0]  # the last ReLU of the block is the last to say it
        return inputs[0].clone()

    here.block.register_forward_pre_hook(start_graph)
    for name, module in here.block.named_children():
        if isinstance(module, nn.ReLU):
            module.register_forward_pre_hook(before_relu)
        elif module is here.last:
            module.register_forward_hook(keep("F(x)"))
        elif module is here.shortcut:
            module.register_forward_hook(keep("shortcut"))
        elif not isinstance(module, nn.Identity):  # in the place of a batch norm that the network does not have
            module.register_forward_hook(keep(name))
    here.block.register_forward_hook(keep("output"))


def _in_order(here: BlockModules, heard: dict[str, Tensor]) -> dict[str, Tensor]:
    found = dict(heard)
    output, total = found.pop("output"), found.pop("sum")
    shortcut = found.pop("shortcut", found["x"])
    if here.residual:
        found |= {"shortcut": shortcut, "sum": total}
    return {**found, "output": output}
