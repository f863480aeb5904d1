"""What stands around every page? The tools beside its title, and the footer with the records."""

from pathlib import Path

import streamlit as st

from dashboard.pages import PAGES, RECORDS
from dashboard.parts.present import present_button

_COPY = st.components.v2.component(
    "copy_link",
    html="""<button class="copy" title="Copy the address of this view"><span>Copy link</span></button>""",
    css=""".copy { font: .875rem var(--st-font); color: var(--st-text-color); background: none; border: 0; padding: .3rem .4rem;
        cursor: pointer; border-radius: .4rem; white-space: nowrap }
        .copy:hover { color: var(--st-primary-color) } .copy:focus-visible { outline: 2px solid var(--st-primary-color) }""",
    js=(Path(__file__).parent / "copy_link.js").read_text(encoding="utf-8"),
)


def tools() -> None:
    """Draw what helps on every page: copy its link, present it."""
    _COPY(key="copy-link", width="content")
    present_button()


def footer(key: str) -> None:
    """Draw the links to the records, below the page `key`."""
    with st.container(horizontal=True, key="footer", vertical_alignment="center"):
        st.html('<span class="records">ResNet Lens</span>', width="content")
        for page in PAGES.values():
            if page.group == RECORDS and page.key != key:
                st.page_link(page.view, label=page.name, icon=f":material/{page.icon}:")
