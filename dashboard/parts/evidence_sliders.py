"""How much of a photograph does evidence cover? Two sliders that figures obey in the browser, without asking the server."""

from pathlib import Path

import streamlit as st

from dashboard.parts import link

USUAL = {"opacity": 80, "threshold": 0}  # percent
_WORDS = {"opacity": "Opacity", "threshold": "Hide below this share of the strongest"}
_ALLOWED = [str(percent) for percent in range(101)]
# A slider of Streamlit's would run the page's script at every step.
_COVER = st.components.v2.component(
    "cover",
    html='<div class="cover">'
    + "".join(
        f'<label>{words} <input type="range" name="{name}" min="0" max="100" step="5"><output></output></label>'
        for name, words in _WORDS.items()
    )
    + "</div>",
    css="""
        .cover { display: flex; flex-wrap: wrap; gap: .3rem 2rem; color: var(--st-text-color); font: .875rem var(--st-font) }
        .cover label { display: flex; flex-wrap: wrap; align-items: center; gap: .2rem .6rem }
        .cover input { accent-color: var(--st-primary-color); width: 9rem }
        .cover output { min-width: 3rem }
    """,
    js=(Path(__file__).parent / "evidence_sliders.js").read_text(),
)


def evidence_sliders() -> None:
    """Draw two sliders, opacity and threshold, for every evidence picture of the page; both values are in the link."""
    asked = {name: link.asked(name, _ALLOWED) for name in USUAL}
    data = {name: USUAL[name] if percent is None else int(percent) for name, percent in asked.items()}
    _COVER(key="cover", data=data, on_opacity_change=_keep, on_threshold_change=_keep)


def _keep() -> None:
    """Callback: what a slider was left at goes into the link, if it is not the usual."""
    for name, percent in st.session_state["cover"].items():
        if percent == USUAL[name]:
            st.query_params.pop(name, None)
        else:
            st.query_params[name] = str(percent)
