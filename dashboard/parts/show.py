"""How does a scene stand on a page? Question, answer, exhibits, what they do not show, and how they were made."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from html import escape

import streamlit as st

from dashboard.parts.figure_card import figure_card
from dashboard.scenes import Exhibit, Gallery, Part, Scene
from dashboard.scenes.scene import rows

SHOWN = "shown-scene"  # in the session: what the page shows now, which a hand-out takes
OnClick = Mapping[str, Callable[[], None]]  # callbacks by the keys of exhibits that are clickable


def show(scene: Scene, on_click: OnClick | None = None) -> None:
    """Draw what a scene shows, below the question and the answer."""
    exhibits(scene.main, on_click)
    exhibits(scene.support, on_click)
    limits(scene)


def answer(scene: Scene) -> None:
    """Draw the answer, and what could not be shown as it was asked for."""
    st.session_state[SHOWN] = scene
    if scene.answer:
        st.html(f'<p class="answer">{escape(scene.answer)}</p>')
    notices(scene)


def notices(scene: Scene) -> None:
    """Draw what could not be shown as it was asked for."""
    for notice in scene.notices:
        st.html(f'<p class="notice">{escape(notice)}</p>')


def exhibits(shown: tuple[Part, ...], on_click: OnClick | None = None) -> None:
    """Draw exhibits and tables, those that belong together side by side."""
    for row in rows(shown):
        if len(row) == 1:
            _draw(row[0], on_click or {})
            continue
        for column, each in zip(st.columns(len(row), gap="medium"), row, strict=True):
            with column:
                _draw(each, on_click or {})


def limits(scene: Scene) -> None:
    """Draw what else was found, what the scene does not show, and, folded, how it was made."""
    for note in scene.notes:
        st.html(f"<p>{escape(note)}</p>")
    if scene.does_not_show:
        st.html(f'<p class="limit"><b>What this does not show.</b> {escape(scene.does_not_show)}</p>')
    code = [each for each in scene.exhibits if each.code]
    if scene.provenance or code:
        with st.expander("How it was made"):
            for paragraph in scene.provenance:
                st.text(paragraph)
            for each in code:
                st.code(each.code, language="python")


def _draw(shown: Part, on_click: OnClick) -> None:
    if isinstance(shown, Exhibit):
        figure_card(shown, on_click.get(shown.key))
        return
    st.html(f'<p class="message">{escape(shown.message)}</p>')
    if isinstance(shown, Gallery):
        st.html(shown.body)
        return
    st.dataframe(shown.frame, hide_index=not shown.index, key=shown.key)
