"""Which scenes are drawn already? Each is made once for all sessions; what it shows travels to a browser once."""

from __future__ import annotations

from collections.abc import Callable, Hashable

import streamlit as st

from dashboard.scenes import Part, Scene
from dashboard.serving.exhibits import exhibit_store


def scene(key: tuple[Hashable, ...], make: Callable[[], Scene]) -> Scene:
    """Return the scene of that key, made by `make` if nobody has asked for it before.

    Args:
        key: the page, and everything that the scene depends on: references, digests and choices.
    """
    return _scene(key, make)


def cached(key: tuple[Hashable, ...], make: Callable[[], tuple[Part, ...]]) -> tuple[Part, ...]:
    """Return parts of a scene whose other parts change more often, as `scene` does."""
    return _parts(key, make)


@st.cache_resource(max_entries=128, show_spinner=False)
def _parts(key: tuple[Hashable, ...], _make: Callable[[], tuple[Part, ...]]) -> tuple[Part, ...]:
    return _make()


@st.cache_resource(max_entries=128, show_spinner=False)
def _scene(key: tuple[Hashable, ...], _make: Callable[[], Scene]) -> Scene:
    made = _make()
    for each in made.exhibits:
        exhibit_store().keep(each)
    return made
