"""What do trained networks say of a photograph? Each is loaded once, each answer computed once, for all sessions."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from dashboard.serving import limits
from dashboard.serving.jobs import Progress, large, quick
from dashboard.serving.photographs import Photograph
from dashboard.serving.uploads import session_files
from resnet_core import InputError
from resnet_core.inspection.records import FeatureMaps, Inspection
from resnet_core.networks.checkpoint import Checkpoint

if TYPE_CHECKING:
    from torch import Tensor

    from resnet_core.networks.resnet import ResNet


@st.cache_resource(max_entries=64)
def checkpoint(name: str) -> Checkpoint:
    """What a network says of itself; its name is a reference of `resnet_core.networks.weights.load`, as everywhere here."""
    from resnet_core.networks.weights import read_checkpoint

    return read_checkpoint(name)


@st.cache_resource
def known_networks() -> tuple[str, ...]:
    """Return the references that need no upload: the bundled networks, and torchvision's."""
    from resnet_core.networks.torchvision import TORCHVISION, torchvision_names
    from resnet_core.networks.weights import bundled

    return (*bundled(), *(f"{TORCHVISION}{name}" for name in torchvision_names()))


def own_networks(uploads: Sequence[tuple[str, bytes]], earlier: Collection[object] = ()) -> list[str | InputError]:
    """References of a visitor's own weights (file names and bytes), or why they are refused. Nobody else's page lists them.

    The visitor's other files are deleted, but for the `earlier` references.
    """
    keeping = [Path(reference).stem for reference in earlier if isinstance(reference, str)]
    kept = session_files().keep_only([data for _title, data in uploads], keeping)
    found: list[str | InputError] = []
    for (title, _data), path in zip(uploads, kept, strict=True):
        try:
            if isinstance(path, InputError):
                raise path
            if refusal := _refusal(str(path)):
                raise InputError(refusal.replace(path.name, title))
            found.append(str(path))
        except InputError as error:
            found.append(error)
    return found


@st.cache_resource(max_entries=256, show_spinner="Reading your weights…")
def _refusal(name: str) -> str:
    """Why a visitor's file cannot be used; empty if it can."""
    try:
        check_cost(network(name).checkpoint)
    except InputError as error:
        if not Path(name).exists():  # its session has ended: no fault of the next one with the same file
            raise
        return str(error)
    return ""


def check_cost(known: Checkpoint) -> None:
    """Raise InputError where one photograph through the network takes more than the server gives.

    A file of half a megabyte can ask for hours: the resolution is a number in it. The library itself, `resnet_core.load`, has no
    such bound: there, a person spends their own computer's time.
    """
    from resnet_core.networks.cost import complexity

    if known.architecture.layers > limits.WEIGHTS_LAYERS:  # before all layers are listed
        raise InputError(f"The network has more than {limits.WEIGHTS_LAYERS} layers, the most that this server shows.")
    layers = complexity(known.architecture, known.resolution)
    convolutions = [layer for layer in layers if layer.kind == "convolution"]
    positions = sum(layer.output[1] * layer.output[2] for layer in convolutions)
    outputs = sum(layer.output[0] * layer.output[1] * layer.output[2] for layer in layers)
    multiply_adds = sum(layer.multiply_adds for layer in layers)
    for needed, most, what in (
        (multiply_adds, limits.WEIGHTS_MULTIPLY_ADDS, "multiply-adds"),
        (outputs, limits.WEIGHTS_OUTPUTS, "numbers between its layers"),
        (positions, limits.WEIGHTS_POSITIONS, "pixels of maps"),
    ):
        if needed > most:
            raise InputError(
                f"At {known.resolution} pixels the network takes more than the {most:,} {what} that this server gives to one "
                "photograph; save it for a lower resolution, or inspect it on your own computer."
            )


@st.cache_resource
def pairs() -> dict[str, tuple[str, str]]:
    """The bundled matched pairs by name ("34-tiny"): the plain network, then its residual twin."""
    from resnet_core.networks.weights import bundled

    names = bundled()
    plain = [name for name in names if name.startswith("plain")]
    twins = {name: name.replace("plain", "resnet") for name in plain}
    return {name.removeprefix("plain"): (name, twin) for name, twin in twins.items() if twin in names}


@st.cache_resource(max_entries=8, show_spinner="Getting the weights ready…")
def network(name: str) -> ResNet:
    """Raises InputError where the weights are none, or cannot be fetched."""
    from resnet_core.networks.weights import load

    return load(name)


def inspections(names: tuple[str, str], photograph: Photograph, targets: tuple[int, int]) -> tuple[Inspection, Inspection]:
    """Both networks on one photograph, each for its class, side by side.

    On workers that stay, as torch prepares each new thread anew: 0.56 of the time of one network after the other (n = 30).
    """

    def asked(name: str, target: int) -> Callable[[Progress], Inspection]:
        lens, known = network(name), checkpoint(name)

        def compute(_progress: Progress) -> Inspection:
            from resnet_core.inspection.inspect import inspect
            from resnet_core.pictures.network_input import prepare

            return inspect(lens, prepare(photograph.pixels, known), target)

        return compute

    keys = [("inspection", name, photograph.digest, target) for name, target in zip(names, targets, strict=True)]
    found = quick().answers({key: asked(key[1], key[3]) for key in keys})
    return found[0], found[-1]


def logits(lens: ResNet, images: Tensor) -> Tensor:
    """(N, classes), wherever the network lives."""
    found: Tensor = lens(images.to(next(lens.parameters()).device))
    return found


def predictions(name: str, photographs: Sequence[Photograph]) -> NDArray[np.float32]:
    """(N, classes) probabilities."""
    lens, known = network(name), checkpoint(name)

    def compute(_progress: Progress) -> NDArray[np.float32]:
        import torch

        from resnet_core.pictures.network_input import prepare

        images = torch.stack([prepare(photograph.pixels, known) for photograph in photographs])
        with torch.inference_mode():
            return logits(lens, images).softmax(1).cpu().numpy()

    return quick().answer(("predictions", name, *(photograph.digest for photograph in photographs)), compute)


def most_probable(name: str, photograph: Photograph) -> int:
    """The number of the class."""
    return int(predictions(name, [photograph])[0].argmax())


def feature_maps(name: str, photograph: Photograph, block: str, target: int) -> FeatureMaps:
    """At every place of the block."""
    lens, known = network(name), checkpoint(name)

    def compute(_progress: Progress) -> FeatureMaps:
        from resnet_core.inspection.feature_maps import feature_maps
        from resnet_core.pictures.network_input import prepare

        return feature_maps(lens, prepare(photograph.pixels, known), block, target)

    return large().answer(("feature maps", name, photograph.digest, block, target), compute)
