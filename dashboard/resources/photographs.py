"""Which photographs can be looked at? Samples that everybody has, and a person's own."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from resnet_core.images import SAMPLES, decode, sample, square

SHOWN = 192  # pixels of a photograph under a Grad-CAM


@dataclass(frozen=True, eq=False)
class Photograph:
    """A picture that a person chose, decoded; `digest` stands for its pixels as a cache key."""

    title: str
    credit: str
    pixels: NDArray[np.uint8]  # (H, W, 3)
    digest: str
    own: bool  # uploaded or taken here, so no link can hold it
    classes: tuple[str, ...] = ()  # those that are right for it, where anybody has said so

    @property
    def shown(self) -> NDArray[np.uint8]:
        """The central square that the networks see, (SHOWN, SHOWN, 3)."""
        return square(self.pixels, SHOWN)


@st.cache_resource
def sample_photograph(name: str) -> Photograph:
    known = SAMPLES[name]
    return Photograph(known.title, f"{known.source} {known.licence}", sample(name), f"sample:{name}", False, known.classes)


@st.cache_resource(max_entries=32, scope="session")
def own_photograph(data: bytes) -> Photograph:
    """Raises InputError where the bytes hold no picture."""
    return Photograph("Your photograph", "", decode(data), hashlib.sha256(data).hexdigest(), own=True)
