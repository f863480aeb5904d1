"""Does a network fit? What can be asked of each of its blocks, what cannot, and why."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import pandas as pd
import torch
from torch import Tensor, nn

from resnet_core.errors import InputError
from resnet_core.inspection.attribution.methods import attribute
from resnet_core.inspection.feature_maps import feature_maps
from resnet_core.inspection.gradients import gradient_flow
from resnet_core.inspection.inputs import as_input, to_network
from resnet_core.inspection.inspect import inspect
from resnet_core.inspection.isolation import isolated, logits_of
from resnet_core.inspection.lesion import without_blocks
from resnet_core.inspection.parts import SIDES, located
from resnet_core.networks.described import Described

YES = "works"


@dataclass(frozen=True, eq=False)
class FittingReport:
    """What can be asked of a network. Every cell of `table` is "works", or the sentence that says why not."""

    network: str  # the name of its class
    family: str | None  # "ResNet", "ConvNeXt", "described"; None: its blocks are not found
    table: (
        pd.DataFrame
    )  # a row a block, by label; columns module, F(x), inspect, feature maps, attribution, gradient flow, lesion
    self_check: str  # whether the hooked pass gives the same logits as the bare one

    @property
    def fits(self) -> bool:
        """Whether everything works for every block."""
        questions = self.table.drop(columns=["module"])
        return self.self_check == YES and len(self.table) > 0 and bool((questions == YES).all(axis=None))

    def __str__(self) -> str:
        head = f"{self.network} ({self.family or 'its blocks are not found'}); self-check of the logits: "
        reasons = list(dict.fromkeys(cell for column in self.table for cell in self.table[column] if cell.endswith(".")))
        marks = self.table.replace({reason: f"no ({i})" for i, reason in enumerate(reasons, 1)})
        notes = [f"({i}) {reason}" for i, reason in enumerate(reasons, 1)]
        return "\n".join([head + self.self_check, *([marks.to_string()] if len(marks) else []), *notes])

    def _repr_html_(self) -> str:
        return f"<p>{self.network}, {self.family}: {self.self_check}</p>{self.table.to_html()}"


def fitting_report(network: nn.Module, image: Tensor | None = None) -> FittingReport:
    """Try every question on a network, and report per block what works and why not.

    Args:
        network: any network; see `describe` for one whose blocks are not found.
        image: (3, H, W) or (1, 3, H, W), normalised; None: noise of a size that the network takes.

    Returns:
        The report; print it, or read its `table`. Nothing on the network changes.
    """
    name = type(network.model if isinstance(network, Described) else network).__name__
    columns = ["module", "F(x)", "inspect", "feature maps", "attribution", "gradient flow", "lesion"]
    try:
        clone = isolated(network)
        image = _noise_that_fits(clone) if image is None else as_input(image, clone)
        anatomy = located(clone, image)
    except InputError as error:
        return FittingReport(name, None, pd.DataFrame(columns=columns), str(error))
    sample: Tensor = image
    whole = {
        "inspect": _tried(lambda: inspect(network, sample)),
        "attribution": _tried(lambda: attribute(network, sample, "gradient-x-input")),
        "gradient flow": _tried(lambda: gradient_flow(network, torch.cat([sample, -sample]), torch.zeros(2, dtype=torch.int64))),
    }
    rows = {}
    for handle in anatomy.blocks:
        label = handle.label
        unknown = "What is added to what is not known; name it with describe(…, branch=…, shortcut=…)."
        rows[label] = {
            "module": handle.name,
            "F(x)": unknown if handle.residual is None else YES,
            **whole,
            "feature maps": _tried(partial(feature_maps, network, sample, label)),
            "lesion": _tried(partial(_without, network, label, to_network(sample, clone))),
        }
    table = pd.DataFrame.from_dict(rows, orient="index", columns=columns)
    return FittingReport(name, anatomy.family, table, _tried(lambda: _self_check(network, sample)))


def _tried(question: Callable[[], object]) -> str:
    try:
        question()
    except InputError as error:
        return str(error)
    return YES


def _without(network: nn.Module, label: str, image: Tensor) -> None:
    with torch.no_grad():
        logits_of(without_blocks(network, [label]), image)


def _self_check(network: nn.Module, image: Tensor) -> None:
    """Raise InputError if the hooked pass gives other logits than the bare one, or two bare ones differ."""
    with torch.no_grad():
        bare, again = (logits_of(isolated(network), image)[0].float().cpu() for _ in range(2))
    if not torch.equal(bare, again):
        raise InputError("The network answers the same image differently each time, also in evaluation mode.")
    hooked = torch.from_numpy(inspect(network, image).logits)
    if not torch.allclose(hooked, bare, rtol=1e-4, atol=1e-5 * float(bare.abs().max())):
        raise InputError(f"The hooked pass gives other logits: they differ by up to {float((hooked - bare).abs().max()):.3g}.")


def _noise_that_fits(clone: nn.Module) -> Tensor:
    errors = []
    for side in SIDES:
        noise = torch.randn((1, 3, side, side), generator=torch.Generator().manual_seed(0))
        try:
            logits_of(clone, to_network(noise, clone))
        except InputError as error:
            errors.append(error)
        else:
            return noise
    raise errors[0]
