"""ResNet Lens, the core: residual and plain networks, what happens inside them, and how they are trained.

    >>> import resnet_core as lens
    >>> lens.architecture("resnet34").layers
    34

What every block of a trained network sees in a picture, and which pixels speak for a class:

    >>> network = lens.load("resnet34-tiny", device="cpu")
    >>> picture = lens.sample("cat")  # or a path, the bytes of a file, a Pillow image
    >>> inspection = lens.inspect(network, picture, target="tabby")
    >>> inspection["conv5_3"].cam.shape
    (4, 4)
    >>> list(inspection.table.columns[:4])
    ['name', 'stage', 'index', 'output_shape']
    >>> lens.feature_maps(network, picture, "conv3_2")["F(x)"].shape
    (64, 16, 16)
    >>> lens.attribute(network, picture, "grad-cam", target="tabby").values.shape
    (128, 128)

Any network of torch can be asked, with images that are normalised tensors:

    >>> import torch
    >>> from torchvision.models import resnet18
    >>> images = torch.zeros(2, 3, 64, 64)
    >>> len(lens.inspect(resnet18(), images))  # a `Batch`: an inspection an image
    2

The names below are the public ones; each is imported when it is first used, so that a program which only asks for tables does not
wait for torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from resnet_core import runs
    from resnet_core.api import list_measurements, list_methods, list_networks, list_recipes, list_studies, train
    from resnet_core.errors import InputError
    from resnet_core.inspection.attribution.catalogue import METHODS
    from resnet_core.inspection.attribution.methods import Attribution, attribute
    from resnet_core.inspection.feature_maps import feature_maps
    from resnet_core.inspection.fitting import fitting_report
    from resnet_core.inspection.gradients import GradientFlow, gradient_flow
    from resnet_core.inspection.inspect import inspect, inspect_targets
    from resnet_core.inspection.lesion import without_blocks
    from resnet_core.inspection.records import Batch, BlockRecord, FeatureMaps, Inspection
    from resnet_core.networks.anatomy import find_anatomy
    from resnet_core.networks.architectures import REGISTRY, Architecture, architecture
    from resnet_core.networks.checkpoint import Checkpoint
    from resnet_core.networks.cost import complexity
    from resnet_core.networks.described import describe
    from resnet_core.networks.resnet import ResNet, build
    from resnet_core.networks.weights import load, save
    from resnet_core.pictures.decode import decode
    from resnet_core.pictures.network_input import prepare
    from resnet_core.pictures.preprocess import as_picture, square
    from resnet_core.pictures.samples import sample
    from resnet_core.runs.run import Run

_HOME = {
    "api": ("list_measurements", "list_methods", "list_networks", "list_recipes", "list_studies", "train"),
    "errors": ("InputError",),
    "inspection.attribution.catalogue": ("METHODS",),
    "inspection.attribution.methods": ("Attribution", "attribute"),
    "inspection.feature_maps": ("feature_maps",),
    "inspection.fitting": ("fitting_report",),
    "inspection.gradients": ("GradientFlow", "gradient_flow"),
    "inspection.inspect": ("inspect", "inspect_targets"),
    "inspection.lesion": ("without_blocks",),
    "inspection.records": ("Batch", "BlockRecord", "FeatureMaps", "Inspection"),
    "networks.anatomy": ("find_anatomy",),
    "networks.architectures": ("REGISTRY", "Architecture", "architecture"),
    "networks.checkpoint": ("Checkpoint",),
    "networks.cost": ("complexity",),
    "networks.described": ("describe",),
    "networks.resnet": ("ResNet", "build"),
    "networks.weights": ("load", "save"),
    "pictures.decode": ("decode",),
    "pictures.network_input": ("prepare",),
    "pictures.preprocess": ("as_picture", "square"),
    "pictures.samples": ("sample",),
    "runs.run": ("Run",),
}
_MODULE_OF = {name: module for module, names in _HOME.items() for name in names}
__all__ = [
    "METHODS",
    "REGISTRY",
    "Architecture",
    "Attribution",
    "Batch",
    "BlockRecord",
    "Checkpoint",
    "FeatureMaps",
    "GradientFlow",
    "InputError",
    "Inspection",
    "ResNet",
    "Run",
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
    "list_measurements",
    "list_methods",
    "list_networks",
    "list_recipes",
    "list_studies",
    "load",
    "prepare",
    "runs",
    "sample",
    "save",
    "square",
    "train",
    "without_blocks",
]


def __dir__() -> list[str]:
    return __all__


def __getattr__(name: str) -> Any:
    if name == "runs":
        return import_module("resnet_core.runs")
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
