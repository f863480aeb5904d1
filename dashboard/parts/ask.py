"""How does a page ask first? A question with empty axes or options; what a person answers is compared once it is given."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from functools import partial
from html import escape
from math import isfinite
from pathlib import Path

import streamlit as st

from dashboard.figures.ask import Levels
from dashboard.parts import link
from dashboard.parts.figure_card import figure_card
from dashboard.scenes import Exhibit, Scene
from dashboard.scenes.ask import Pick, Question, in_words, picked, revealed
from dashboard.scenes.questions import Asked
from dashboard.words import typeset

_HERE = Path(__file__).parent
# Every drag in the browser: the server hears of the answer alone, and sends nothing of the truth before.
_ASK = st.components.v2.component(
    "ask",
    html="""<div class="ask"><p class="question"></p><p class="how"></p><div class="answering"></div>
      <button class="reveal" disabled>Show what was measured</button></div>""",
    css=(_HERE / "ask.css").read_text(encoding="utf-8"),
    js=(_HERE / "ask.js").read_text(encoding="utf-8"),
    isolate_styles=False,
)


def asks_first() -> bool:
    """Draw the toggle by which a person predicts before the page answers; `?ask=true` in the link."""
    return link.toggle("Predict first", "ask", help="The page asks what you expect before it shows what was measured.")


def predicted(scene: Scene, key: str, asked: Asked) -> Scene:
    """Return the scene with the visitor's prediction as its main exhibit; until there is one, draw the question and end the page.

    Args:
        key: of the question and of what it depends on; another key is another question.
    """
    exhibit, answer = _answered(key, asked)
    return replace(scene, answer=answer, main=(exhibit,), support=(*scene.main, *scene.support))


def prediction(key: str, asked: Asked) -> None:
    """Draw the visitor's prediction beside what was measured; until there is one, draw the question and end the page."""
    exhibit, answer = _answered(key, asked)
    st.html(f'<p class="answer">{escape(typeset(answer))}</p>')
    figure_card(exhibit)


def choice(key: str, question: Pick, right: Sequence[str], because: str) -> None:
    """Draw whether the visitor chose right, as `picked` says; until there is a choice, draw the question and end the page."""
    option = expectation(key, question)
    if not isinstance(option, str):
        st.stop()
    st.html(f'<p class="answer">{escape(typeset(picked(option, right, because)))}</p>')


def _answered(key: str, asked: Asked) -> tuple[Exhibit, str]:
    guess = expectation(key, asked.question)
    if not isinstance(guess, list):
        st.stop()
    exhibit = revealed(asked.question, guess, asked.truth, asked.lesson, asked.provenance)
    return exhibit, in_words(asked.question, guess, asked.truth)


def expectation(key: str, question: Question) -> list[float] | str | None:
    """Draw the question until it is answered; afterwards, a button to answer it anew.

    Args:
        key: of the question and of what it depends on; another key is another question.

    Returns:
        The heights at the question's positions, or the chosen option; None while nothing is answered.
    """
    kept = f"expected-{key}"
    if kept in st.session_state:
        st.button("Predict again", key=f"again-{key}", icon=":material/replay:", on_click=partial(st.session_state.pop, kept))
        expected: list[float] | str | None = st.session_state.get(kept)
        return expected
    data = {"kind": "levels" if isinstance(question, Levels) else "pick", "key": key, **asdict(question)}
    _ASK(key=f"ask-{key}", data=data, on_answer_change=_keep(f"ask-{key}", kept, question))
    return None


def _keep(widget: str, kept: str, question: Question) -> Callable[[], None]:
    def keep() -> None:
        answer = st.session_state[widget].answer
        if isinstance(question, Levels):
            numbers = isinstance(answer, list) and all(isinstance(height, int | float) and isfinite(height) for height in answer)
            if numbers and len(answer) == len(question.positions):  # a client may send anything
                st.session_state[kept] = [min(question.high, max(question.low, float(height))) for height in answer]
        elif answer in question.options:
            st.session_state[kept] = answer

    return keep
