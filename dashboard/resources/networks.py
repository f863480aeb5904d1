"""What do trained networks say of a photograph? Each is loaded once, each answer computed once, for all sessions."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st
from numpy.typing import NDArray
from streamlit.runtime.uploaded_file_manager import UploadedFile

from dashboard.resources.photographs import Photograph
from resnet_core.checkpoint import Checkpoint
from resnet_core.files import replacing
from resnet_core.inspection.records import FeatureMaps, Inspection

if TYPE_CHECKING:
    from torch import Tensor

    from resnet_core.network import ResNet

# Both networks at once, on threads that stay, as torch prepares each new one anew: 0.56 of the time of one after the other on the
# thread of a rerun (medians, n = 30, two processors)
_TWO = ThreadPoolExecutor(2)


_UPLOADS = tempfile.TemporaryDirectory(prefix="resnet-lens-")  # of people's own weights, until the server ends
_MOST_UPLOADS = 16  # the oldest goes first; whoever still looks at it has it written again


@st.cache_resource(max_entries=64)
def checkpoint(name: str) -> Checkpoint:
    """What a network says of itself; its name is a reference of `resnet_core.weights.load`, as everywhere here."""
    from resnet_core.weights import read_checkpoint

    return read_checkpoint(name)


@st.cache_resource
def known_networks() -> tuple[str, ...]:
    """All that need no upload: the bundled ones, and torchvision's."""
    from resnet_core.weights import TORCHVISION, bundled, torchvision_names

    return (*bundled(), *(f"{TORCHVISION}{name}" for name in torchvision_names()))


def own_network(upload: UploadedFile) -> str:
    """The reference of a person's own weights, written to a file here. Nobody else's page lists it."""
    path = Path(_UPLOADS.name) / upload.file_id / Path(upload.name).name[-80:]
    if not path.exists():
        for old in sorted(path.parents[1].glob("*/*"), key=lambda each: each.stat().st_mtime)[: 1 - _MOST_UPLOADS]:
            old.unlink(missing_ok=True)
        path.parent.mkdir(parents=True, exist_ok=True)  # a system may empty its temporary folders
        with replacing(path) as beside:
            beside.write_bytes(upload.getbuffer())
    return str(path)


@st.cache_resource
def pairs() -> dict[str, tuple[str, str]]:
    """The bundled matched pairs by name ("34-tiny"): the plain network, then its residual twin."""
    from resnet_core.weights import bundled

    names = bundled()
    plain = [name for name in names if name.startswith("plain")]
    twins = {name: name.replace("plain", "resnet") for name in plain}
    return {name.removeprefix("plain"): (name, twin) for name, twin in twins.items() if twin in names}


@st.cache_resource(max_entries=8, show_spinner="Getting the weights ready…")
def network(name: str) -> ResNet:
    """Raises InputError where the weights are none, or cannot be fetched."""
    from resnet_core.weights import load

    return load(name)


@st.cache_resource(max_entries=256)
def _inspections(
    names: tuple[str, str], digest: str, targets: tuple[int, int], _photograph: Photograph
) -> tuple[Inspection, Inspection]:
    from resnet_core.inspection.inspect import inspect
    from resnet_core.weights import prepare

    networks, images = [network(name) for name in names], [prepare(_photograph.pixels, checkpoint(name)) for name in names]
    left, right = _TWO.map(inspect, networks, images, targets)
    return left, right


def inspections(names: tuple[str, str], photograph: Photograph, targets: tuple[int, int]) -> tuple[Inspection, Inspection]:
    """Both networks on one photograph, each for its class."""
    return _inspections(names, photograph.digest, targets, photograph)


@st.cache_resource(max_entries=64)
def _predictions(name: str, digests: tuple[str, ...], _photographs: Sequence[Photograph]) -> NDArray[np.float32]:
    import torch

    from resnet_core.weights import prepare

    images = torch.stack([prepare(photograph.pixels, checkpoint(name)) for photograph in _photographs])
    lens = network(name)
    with torch.inference_mode():
        return logits(lens, images).softmax(1).cpu().numpy()


def logits(lens: ResNet, images: Tensor) -> Tensor:
    """(N, classes), wherever the network lives."""
    found: Tensor = lens(images.to(next(lens.parameters()).device))
    return found


def predictions(name: str, photographs: Sequence[Photograph]) -> NDArray[np.float32]:
    """(N, classes) probabilities."""
    return _predictions(name, tuple(photograph.digest for photograph in photographs), photographs)


def most_probable(name: str, photograph: Photograph) -> int:
    """The number of the class."""
    return int(predictions(name, [photograph])[0].argmax())


@st.cache_resource(max_entries=24)  # up to 20 MB each
def _feature_maps(name: str, digest: str, block: str, target: int, _photograph: Photograph) -> FeatureMaps:
    from resnet_core.inspection.feature_maps import feature_maps
    from resnet_core.weights import prepare

    return feature_maps(network(name), prepare(_photograph.pixels, checkpoint(name)), block, target)


def feature_maps(name: str, photograph: Photograph, block: str, target: int) -> FeatureMaps:
    """At every place of the block."""
    return _feature_maps(name, photograph.digest, block, target, photograph)
