"""ResNet Lens, the core: residual and plain networks, what happens inside them, and how they are trained.

    >>> import resnet_core as lens
    >>> lens.architecture("resnet34").layers
    34

The names below are the public ones; each is imported when it is first used, so that a program which only asks for tables does not
wait for torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from resnet_core.networks.cost import complexity  # at once: the module of the same name would take its place otherwise

if TYPE_CHECKING:
    from resnet_core.errors import InputError
    from resnet_core.inspection.attribution.methods import Attribution, attribute
    from resnet_core.inspection.feature_maps import feature_maps
    from resnet_core.inspection.fitting import fitting_report
    from resnet_core.inspection.gradients import gradient_flow
    from resnet_core.inspection.inspect import inspect, inspect_targets
    from resnet_core.inspection.records import BlockRecord, FeatureMaps, Inspection
    from resnet_core.networks.anatomy import describe, find_anatomy
    from resnet_core.networks.architectures import REGISTRY, Architecture, architecture
    from resnet_core.networks.checkpoint import Checkpoint
    from resnet_core.networks.resnet import ResNet, build
    from resnet_core.networks.weights import load, save
    from resnet_core.pictures.decode import decode
    from resnet_core.pictures.network_input import prepare
    from resnet_core.pictures.preprocess import as_picture, square

_HOME = {
    "networks.anatomy": ("describe", "find_anatomy"),
    "networks.checkpoint": ("Checkpoint",),
    "networks.architectures": ("REGISTRY", "Architecture", "architecture"),
    "errors": ("InputError",),
    "pictures.decode": ("decode",),
    "pictures.network_input": ("prepare",),
    "pictures.preprocess": ("as_picture", "square"),
    "inspection.attribution.methods": ("Attribution", "attribute"),
    "inspection.feature_maps": ("feature_maps",),
    "inspection.fitting": ("fitting_report",),
    "inspection.gradients": ("gradient_flow",),
    "inspection.inspect": ("inspect", "inspect_targets"),
    "inspection.records": ("BlockRecord", "FeatureMaps", "Inspection"),
    "networks.resnet": ("ResNet", "build"),
    "networks.weights": ("load", "save"),
}
_MODULE_OF = {name: module for module, names in _HOME.items() for name in names}
__all__ = [
    "REGISTRY",
    "Architecture",
    "Attribution",
    "BlockRecord",
    "Checkpoint",
    "FeatureMaps",
    "InputError",
    "Inspection",
    "ResNet",
    "architecture",
    "as_picture",
    "attribute",
    "build",
    "complexity",
    "decode",
    "describe",
    "feature_maps",
    "find_anatomy",
    "fitting_report",
    "gradient_flow",
    "inspect",
    "inspect_targets",
    "load",
    "prepare",
    "save",
    "square",
]


def __dir__() -> list[str]:
    return __all__


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
