"""What do trained networks say of a photograph? Each is loaded once, each answer computed once, for all sessions."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from dashboard.resources.photographs import Photograph
from resnet_core.checkpoint import Checkpoint
from resnet_core.inspection.records import FeatureMaps, Inspection

if TYPE_CHECKING:
    from torch import Tensor

    from resnet_core.network import ResNet

_TWO = ThreadPoolExecutor(2)  # for both networks of a pair; threads that stay, as torch prepares each one anew


@st.cache_resource
def checkpoint(name: str) -> Checkpoint:
    """What a bundled network says of itself."""
    from resnet_core.weights import read_checkpoint

    return read_checkpoint(name)


@st.cache_resource
def pairs() -> dict[str, tuple[str, str]]:
    """The bundled matched pairs by name ("34-tiny"): the plain network, then its residual twin."""
    from resnet_core.weights import bundled

    names = bundled()
    plain = [name for name in names if name.startswith("plain")]
    twins = {name: name.replace("plain", "resnet") for name in plain}
    return {name.removeprefix("plain"): (name, twin) for name, twin in twins.items() if twin in names}


@st.cache_resource(max_entries=8)
def network(name: str) -> ResNet:
    from resnet_core.weights import load

    return load(name)


@st.cache_resource(max_entries=256)
def _inspections(pair: tuple[str, str], digest: str, target: int, _photograph: Photograph) -> tuple[Inspection, Inspection]:
    from resnet_core.inspection.inspect import inspect
    from resnet_core.weights import prepare

    asked = [(network(name), prepare(_photograph.pixels, checkpoint(name))) for name in pair]
    plain, residual = _TWO.map(lambda each: inspect(each[0], each[1], target), asked)
    return plain, residual


def inspections(pair: tuple[str, str], photograph: Photograph, target: int) -> tuple[Inspection, Inspection]:
    """Both networks on one photograph and one class."""
    return _inspections(pair, photograph.digest, target, photograph)


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


@st.cache_resource(max_entries=64)
def _feature_maps(name: str, digest: str, block: str, target: int, _photograph: Photograph) -> FeatureMaps:
    from resnet_core.inspection.feature_maps import feature_maps
    from resnet_core.weights import prepare

    return feature_maps(network(name), prepare(_photograph.pixels, checkpoint(name)), block, target)


def feature_maps(names: tuple[str, str], photograph: Photograph, block: str, target: int) -> tuple[FeatureMaps, FeatureMaps]:
    """Of both networks, at every place of the block."""
    plain, residual = (_feature_maps(name, photograph.digest, block, target, photograph) for name in names)
    return plain, residual
