"""How does a scene stand on a page? As every other: question, answer, choices, exhibits, what to try, limits, next page."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from dashboard import words
from dashboard.pages import PAGES, Page, following, nearest
from dashboard.parts import frame
from dashboard.parts.figure_card import figure_card
from dashboard.parts.present import presenting
from dashboard.plain import plain
from dashboard.scenes import Exhibit, Gallery, Part, Scene
from dashboard.scenes.exhibit import rows

SHOWN = "shown-scene"  # in the session: what the page shows now, which a hand-out takes
OnClick = Mapping[str, Callable[[], None]]  # callbacks by the keys of exhibits that are clickable
IN_SIGHT = 2  # rows of supporting exhibits that are not folded


@dataclass(frozen=True)
class Template:
    """A page under construction: its head is drawn, its answer is waited for."""

    page: Page
    head: DeltaGenerator
    explained: set[str] = field(default_factory=set)  # terms of the glossary that the page has explained

    def answer(self, scene: Scene) -> None:
        """Draw the answer, and what could not be shown as it was asked for."""
        st.session_state[SHOWN] = scene
        with self.head.container():
            if scene.answer:
                st.html(f'<p class="answer">{words.explained(scene.answer, self.explained)}</p>')
            for notice in scene.notices:
                st.html(f'<p class="notice">{escape(words.typeset(notice))}</p>')

    def show(self, scene: Scene, on_click: OnClick | None = None, *, in_sight: int = IN_SIGHT) -> None:
        """Draw the scene: the answer, its exhibits, and what ends every page."""
        self.answer(scene)
        exhibits(scene.main, on_click, main=True)
        self.support(scene.support, on_click, in_sight=in_sight)
        self.end(scene)

    def support(self, parts: Sequence[Part], on_click: OnClick | None = None, *, in_sight: int = IN_SIGHT) -> None:
        """Draw what supports the main exhibit, `in_sight` rows of it unfolded; in present mode nothing."""
        if presenting():
            return
        grouped = rows(parts)
        for parts_of_row in grouped[:in_sight]:
            exhibits(parts_of_row, on_click)
        if len(grouped) > in_sight:
            with st.expander("More exhibits"):
                for parts_of_row in grouped[in_sight:]:
                    exhibits(parts_of_row, on_click)

    def end(self, scene: Scene) -> None:
        """Draw what to try, what else was found, what the scene does not show, how it was made, and the next page."""
        if presenting():
            return
        if scene.try_this:
            with st.container(horizontal=True, vertical_alignment="center", key="try-this"):
                st.html("<b>Try this</b>", width="content")
                for idea in scene.try_this:
                    st.page_link(self.page.view, label=plain(idea.label), query_params=dict(idea.parameters))
        for note in scene.notes:
            st.html(f"<p>{words.explained(note, self.explained)}</p>")
        if scene.does_not_show:
            st.html(
                f'<p class="limit"><b>What this does not show.</b> {words.explained(scene.does_not_show, self.explained)}</p>'
            )
        code = [exhibit.code for exhibit in scene.exhibits if exhibit.code]
        if scene.provenance or code:
            with st.expander("How it was made"):
                for paragraph in scene.provenance:
                    st.text(paragraph)
                for lines in dict.fromkeys(code):
                    st.code(lines, language="python")
        self.next(scene)

    def next(self, scene: Scene) -> None:
        """Draw the link to the page that the story goes on with."""
        page = PAGES.get(scene.next) or following(self.page.key)
        if page:
            st.page_link(
                page.view, label=f"Next: {page.name}. {page.question}", icon=":material/arrow_forward:", icon_position="right"
            )


def begin(key: str, question: str = "") -> Template:
    """Draw the head of the page `key`: its question, and the tools; `question`: where it is not the page's own."""
    page = PAGES[key]
    with st.container(horizontal=True, vertical_alignment="center", key="head"):
        st.title(plain(question or page.question), anchor=False, width="content")
        frame.tools()
    return Template(page, st.empty())


def more() -> DeltaGenerator:
    """Return a popover for the choices that are not in sight."""
    return st.popover("More", icon=":material/tune:")


def exhibits(shown: Sequence[Part], on_click: OnClick | None = None, *, main: bool = False) -> None:
    """Draw exhibits and tables, those that belong together side by side; the `main` ones fit above the fold."""
    for row in rows(shown):
        if len(row) == 1:
            _draw(row[0], on_click or {}, main)
            continue
        for column, part in zip(st.columns(len(row), gap="medium"), row, strict=True):
            with column:
                _draw(part, on_click or {}, main)


def not_found(address: str) -> None:
    """Draw the page that says that there is none at `address`, and leads to those that it may mean."""
    st.title("There is no such page", anchor=False)
    st.html(f'<p class="answer">Nothing is at “{escape(address[:60])}”. These pages come nearest, and the menu has them all.</p>')
    for page in nearest(address) or list(PAGES.values())[:3]:
        st.page_link(page.view, label=f"{page.name}: {page.question}", icon=f":material/{page.icon}:")


def _draw(shown: Part, on_click: OnClick, main: bool) -> None:
    if isinstance(shown, Exhibit):
        figure_card(shown, on_click.get(shown.key), main=main)
        if shown.leads_to in PAGES:
            page = PAGES[shown.leads_to]
            st.page_link(page.view, label=f"{page.name}: {page.question}", icon=f":material/{page.icon}:")
        return
    if shown.message:
        st.html(f'<p class="message">{escape(words.typeset(shown.message))}</p>')
    if isinstance(shown, Gallery):
        st.html(shown.body)
        return
    st.dataframe(shown.frame, hide_index=not shown.index, key=shown.key)
