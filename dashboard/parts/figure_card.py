"""How is an exhibit shown? With its message, where its data come from, and what a person can take away: PNG, SVG, numbers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import streamlit as st

from dashboard import words
from dashboard.scenes import Exhibit
from dashboard.serving.exhibits import PATH, PLOTLY, exhibit_store

_HERE = Path(__file__).parent
# `st.plotly_chart` sends a figure anew at every rerun, and builds it anew at every change: a tenth of a second each, and the zoom
# is lost. This card sends a digest; the browser fetches what it does not have, and lets Plotly change what differs.
_CARD = st.components.v2.component(
    "figure_card",
    html="""<div class="exhibit"><div class="message"></div>
      <details class="about"><summary>i</summary>
        <div class="bar"><span class="origin"></span><span class="words"></span><span class="files">
          <button data-format="png" title="Save this figure as PNG">PNG</button>
          <button data-format="svg" title="Save this figure as SVG">SVG</button>
          <button data-format="csv" title="Save the numbers behind this figure">CSV</button>
        </span></div>
      </details>
      <div class="plot" role="figure"></div><div class="caption"></div></div>""",
    css=(_HERE / "figure_card.css").read_text(encoding="utf-8"),
    js=(_HERE / "figure_card.js").read_text(encoding="utf-8"),
    isolate_styles=False,  # Plotly's own style sheet is the page's
)


def figure_card(exhibit: Exhibit, on_click: Callable[[], None] | None = None, *, main: bool = False) -> None:
    """Draw the exhibit.

    Args:
        exhibit: its `key` is also the files' name.
        main: whether the whole figure must be seen without scrolling.
        on_click: callback for a click on one of its points, whose customdata is then `st.session_state[exhibit.key].point`.
    """
    exhibit_store().keep(exhibit)
    base = st.get_option("server.baseUrlPath").strip("/")
    folder = f"/{base}/{PATH}" if base else f"/{PATH}"
    state = st.session_state.get(exhibit.key)
    data: dict[str, Any] = {
        "digest": exhibit.digest,
        # what the browser asked for in vain comes with the page: the store had dropped it, or its route is not there
        "inline": exhibit.drawing if state and state.get("missing") == exhibit.digest else None,
        "folder": folder,
        "plotly": f"{folder}/{PLOTLY}",
        "marks": exhibit.marks,
        "shape": exhibit.shape,
        "height": exhibit.figure.layout.height,
        "main": main,
        "draws": exhibit.draws_itself,
        "maxAlpha": exhibit.max_alpha,
        "alt": exhibit.alt,
        "name": exhibit.key,
        "message": words.typeset(exhibit.message),
        "caption": words.typeset(exhibit.caption),
        "origin": exhibit.origin,
        "words": exhibit.provenance,
        "clickable": on_click is not None,
    }
    _CARD(key=exhibit.key, data=data, on_point_change=on_click or _nothing, on_missing_change=_nothing)


def _nothing() -> None: ...
