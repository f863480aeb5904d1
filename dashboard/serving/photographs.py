"""Which photographs can be looked at? Samples that everybody has, and a person's own."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from threading import BoundedSemaphore

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from dashboard.serving import limits
from resnet_core import InputError
from resnet_core.pictures.decode import decode_with_note
from resnet_core.pictures.preprocess import square
from resnet_core.pictures.samples import SAMPLES, sample

SHOWN = 192  # pixels of a photograph under a Grad-CAM
OWN_SIDE = 448  # pixels that are kept of a visitor's own: its central square, twice as wide as what the largest network takes
_ROOM = BoundedSemaphore(limits.ALL_PHOTOGRAPHS)


@dataclass(frozen=True, eq=False)
class Photograph:
    """A picture that a person chose, decoded; `digest` stands for its pixels as a cache key."""

    title: str
    credit: str
    pixels: NDArray[np.uint8]  # (H, W, 3); of a visitor's own, its central square
    digest: str
    own: bool  # uploaded or taken here, so no link can hold it
    classes: tuple[str, ...] = ()  # those that are right for it, where anybody has said so
    note: str = ""  # what is to be known of its colours

    @property
    def shown(self) -> NDArray[np.uint8]:
        """The central square that the networks see, (SHOWN, SHOWN, 3)."""
        return square(self.pixels, SHOWN)


@st.cache_resource
def sample_photograph(name: str) -> Photograph:
    known = SAMPLES[name]
    return Photograph(known.title, f"{known.source} {known.licence}", sample(name), f"sample:{name}", False, known.classes)


def own_photograph(data: bytes) -> Photograph:
    """Decode a visitor's own photograph. Raises InputError where the bytes hold no picture, or the server keeps too many."""
    return _own_photograph(hashlib.sha256(data).hexdigest(), data)


@st.cache_resource(
    max_entries=limits.SESSION_PHOTOGRAPHS, scope="session", on_release=lambda _photograph: _ROOM.release(), show_spinner=False
)
def _own_photograph(digest: str, _data: bytes) -> Photograph:
    if not _ROOM.acquire(blocking=False):
        raise InputError("The server keeps as many photographs as it can; try again when other visitors have left.")
    try:
        decoded = decode_with_note(_data, longest=2 * OWN_SIDE)
    except InputError:
        _ROOM.release()
        raise
    side = min(OWN_SIDE, *decoded.pixels.shape[:2])
    return Photograph("Your photograph", "", square(decoded.pixels, side), digest, own=True, note=decoded.note)
