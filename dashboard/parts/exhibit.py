"""How is a figure shown? With where its data come from, and what a person can take away: PNG, SVG, the numbers as CSV."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from dashboard.plain import csv_plain

Origin = Literal["measured", "from the paper", "toy"]

_HERE = Path(__file__).parent
# `st.plotly_chart` takes a chart apart and builds it anew at every change: a tenth of a second each, and the zoom is lost. This
# one lets Plotly change what differs. The browser makes the files from what it already has, so an export costs no server time.
_EXHIBIT = st.components.v2.component(
    "exhibit",
    html="""<div class="exhibit"><div class="plot" role="figure"></div><div class="bar">
      <span class="origin"></span><span class="words"></span><span class="files">
        <button data-format="png" title="Save this figure as PNG">PNG</button>
        <button data-format="svg" title="Save this figure as SVG">SVG</button>
        <button data-format="csv" title="Save the numbers behind this figure">CSV</button>
      </span></div></div>""",
    css=(_HERE / "exhibit.css").read_text(),
    js=(_HERE / "exhibit.js").read_text(),
    isolate_styles=False,  # Plotly's own style sheet is the page's
)


def bring_plotly() -> None:
    """Draw one empty chart out of sight: Streamlit sends Plotly to the browser with a page's first. Once, in `app.py`."""
    with st.container(key="plotly"):
        st.plotly_chart(go.Figure(), key="plotly-itself", height=10)


def exhibit(
    figure: go.Figure,
    *,
    key: str,
    alt: str,
    origin: Origin,
    words: str,
    numbers: pd.DataFrame,
    on_click: Callable[[], None] | None = None,
    shape: float | None = None,
    strongest: int | None = None,
) -> None:
    """Draw the figure, its badge (`origin` and `words`: run, data) and its downloads; `key` is also the files' name.

    shape: width over height, where the figure is as high as its width asks for; None: the figure says its height.
    strongest: where the last of its pictures is evidence that the sliders may fade: the alpha of the strongest; of evidence
    of a share s of that, it is sqrt(s) times as large.
    on_click: a callback for a click on one of its points, whose customdata is then `st.session_state[key].point`.
    """
    data: dict[str, Any] = {
        "figure": figure.to_json(),
        "shape": shape,
        "strongest": strongest,
        "alt": alt,
        "name": key,
        "origin": origin,
        "words": words,
        "csv": csv_plain(numbers),
        "clickable": on_click is not None,
    }
    _EXHIBIT(key=key, data=data, on_point_change=on_click or _nothing)


def _nothing() -> None: ...
