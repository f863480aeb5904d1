"""What do all sessions share? Networks, inspections and tables, each computed once; every `st.cache_*` is here.

What is cached as a resource is handed out itself, not a copy: read it, never change it. torch is imported inside, when it is
first needed.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from resnet_core.checkpoint import Checkpoint
from resnet_core.images import SAMPLES, decode, sample, square
from resnet_core.inspection.records import Inspection

if TYPE_CHECKING:
    from resnet_core.network import ResNet

SHOWN = 192  # pixels of a photograph under a Grad-CAM


@dataclass(frozen=True, eq=False)
class Photograph:
    """A picture that a person chose, decoded; `digest` stands for its pixels as a cache key."""

    title: str
    credit: str
    pixels: NDArray[np.uint8]  # (H, W, 3)
    digest: str
    own: bool  # uploaded or taken here, so no link can hold it

    @property
    def shown(self) -> NDArray[np.uint8]:
        """The central square that the networks see, (SHOWN, SHOWN, 3)."""
        return square(self.pixels, SHOWN)


@st.cache_resource
def sample_photograph(name: str) -> Photograph:
    known = SAMPLES[name]
    return Photograph(known.title, f"{known.source} {known.licence}", sample(name), f"sample:{name}", own=False)


@st.cache_resource(max_entries=32, scope="session")
def own_photograph(data: bytes) -> Photograph:
    """Raises InputError where the bytes hold no picture."""
    return Photograph("Your photograph", "", decode(data), hashlib.sha256(data).hexdigest(), own=True)


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


@st.cache_resource(max_entries=512)
def _inspection(name: str, digest: str, target: int | None, _photograph: Photograph) -> Inspection:
    from resnet_core.inspection.inspect import inspect
    from resnet_core.weights import prepare

    lens = network(name)
    return inspect(lens, prepare(_photograph.pixels, checkpoint(name)), target)


def inspections(pair: tuple[str, str], photograph: Photograph, target: int | None) -> tuple[Inspection, Inspection]:
    """Both networks on one photograph and one target; None: the class that the residual network finds most probable."""
    plain, residual = pair
    second = _inspection(residual, photograph.digest, target, photograph)
    return _inspection(plain, photograph.digest, second.target, photograph), second


@st.cache_resource
def paper() -> dict[str, Any]:
    """What He et al. 2015 print: their figures by table, and the rows of Table 1."""
    folder = Path(__file__).parents[1] / "assets" / "reference"
    figures = json.loads((folder / "he2015.json").read_text())
    return {**figures, "table1": json.loads((folder / "he2015-table1.json").read_text())}
