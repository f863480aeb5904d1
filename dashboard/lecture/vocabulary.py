"""What may a step of a tour ask for? Of every page: the parameters of its link, their values, and the keys of its exhibits."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec

from dashboard.pages import PAGES
from dashboard.scenes.link_words import LinkWords


def _link_words(page: str) -> LinkWords | None:
    """Return what the scene of the page says of its link; None for a page without a scene of its own."""
    scene = f"dashboard.scenes.{page}"
    return import_module(scene).LINK if find_spec(scene) else None


VOCABULARY = {page: words for page in PAGES if (words := _link_words(page))}
