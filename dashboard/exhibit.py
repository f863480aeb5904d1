"""How is a figure shown? With where its data come from, and what a person can take away: PNG, SVG, the numbers as CSV."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

Origin = Literal["measured", "from the paper", "toy"]

# The browser makes the files from what it already has, so an export costs the server nothing.
_BAR = st.components.v2.component(
    "exhibit_bar",
    html='<div class="bar"><span class="origin"></span><span class="words"></span><span class="files"></span></div>',
    css="""
    .bar { display: flex; flex-wrap: wrap; gap: .2rem .6rem; align-items: baseline;
           font: .8rem var(--st-font); color: var(--st-text-color) }
    .origin { border: 1px solid; border-radius: 1rem; padding: 0 .55rem; font-weight: 600; white-space: nowrap }
    .words { opacity: .8; flex: 1 1 12rem }
    .files { white-space: nowrap }
    button { font: inherit; color: inherit; background: none; border: 0; padding: .15rem .35rem; cursor: pointer;
             text-decoration: underline; text-underline-offset: .2em }
    button:focus-visible { outline: 2px solid var(--st-primary-color) }
    """,
    js="""
    export default function ({ data, parentElement }) {
      parentElement.querySelector(".origin").textContent = data.origin
      parentElement.querySelector(".words").textContent = data.words
      const files = parentElement.querySelector(".files")
      const save = (url, ending) => {
        const link = document.createElement("a")
        Object.assign(link, { href: url, download: `${data.name}.${ending}` })
        link.click()
      }
      const picture = (format) => async () => {
        const drawn = document.querySelector(`.st-key-${data.chart} .js-plotly-plot`)
        const style = getComputedStyle(document.querySelector("[data-testid=stApp]"))
        const opaque = { ...drawn.layout, paper_bgcolor: style.backgroundColor }
        const figure = { data: drawn.data, layout: opaque }
        const { width, height } = drawn.getBoundingClientRect()
        save(await window.Plotly.toImage(figure, { format, width, height, scale: format === "png" ? 3 : 1 }), format)
      }
      const numbers = () => {
        const url = URL.createObjectURL(new Blob([data.csv], { type: "text/csv" }))
        save(url, "csv")
        URL.revokeObjectURL(url)
      }
      const makers = { PNG: picture("png"), SVG: picture("svg"), CSV: numbers }
      files.replaceChildren(...Object.entries(makers).map(([label, make]) => {
        const button = document.createElement("button")
        button.textContent = label
        button.title = label === "CSV" ? "Save the numbers behind this figure" : `Save this figure as ${label}`
        button.setAttribute("aria-label", `${label}: ${button.title} (${data.name})`)
        button.onclick = make
        return button
      }))
    }
    """,
)


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
) -> None:
    """Draw the figure, its badge (`origin` and `words`: run, data) and its downloads; `key` is also the files' name.

    shape: width over height, where the figure is as high as its width asks for; None: the figure says its height.
    on_click: a callback for a click on one of its points, which reads the point from `st.session_state[key]`.
    """
    selecting: dict[str, Any] = {"on_select": on_click, "selection_mode": "points"} if on_click else {}
    config = {"displaylogo": False, "displayModeBar": False, "scrollZoom": False}
    if shape:
        st.html(f"<style>.st-key-{key} {{ height: auto !important; aspect-ratio: {shape:.4f} }}</style>")
    st.plotly_chart(figure, key=key, alt=alt, config=config, height="stretch" if shape else "content", **selecting)
    _BAR(
        key=f"{key}-bar",
        data={"chart": key, "name": key, "origin": origin, "words": words, "csv": numbers.to_csv(index=False)},
    )
