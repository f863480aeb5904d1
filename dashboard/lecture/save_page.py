"""How does a person take home what a page shows now? One button below it; an own photograph is in the file only after a yes."""

from __future__ import annotations

import streamlit as st

from dashboard.pages import PAGES
from dashboard.parts.show import SHOWN
from dashboard.parts.uploads import OWN_SHOWN
from dashboard.scenes import Scene


def begin() -> None:
    """Forget what the page before showed."""
    for key in (SHOWN, OWN_SHOWN):
        st.session_state.pop(key, None)


def save_page(page: str) -> None:
    """Draw the button, below a page that shows a scene."""
    scene: Scene | None = st.session_state.get(SHOWN)
    if scene is None:
        return
    with st.container(horizontal=True, vertical_alignment="center", key="save-page"):
        allowed = not st.session_state.get(OWN_SHOWN) or st.toggle(
            "My own photographs may be in the hand-out", key="own-in-hand-out"
        )
        st.download_button(
            "Hand-out", scene.to_html, f"{PAGES[page].key}.html", "text/html", key="save-page-button", on_click="ignore",
            icon=":material/description:", disabled=not allowed,
            help="This page as one file: it opens without a network, its figures respond, and it prints on A4.",
        )  # fmt: skip
