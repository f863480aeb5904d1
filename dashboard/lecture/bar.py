"""How does a lecture lead over the pages? A bar at the foot of the real page: `?tour=why-residual&step=4`.

A step is a page in one state. Where a person changed something on it, the step is found again as it was left. `hide=study,error`
in a link removes those controls from every page of the session.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import streamlit as st

from dashboard.lecture import presenter, tours
from dashboard.lecture.tours import Step, Tour
from dashboard.pages import PAGES
from dashboard.parts import link

OWN = "own"  # id of the tour that the visitor brought
_LECTURE, _OWN, _HIDE, _ACT = "lecture", "lecture-own-tour", "lecture-hide", "lecture-act"
_BAR = "lecture-bar"
_OURS = ("tour", "step", "explore", "hide", "present", "embed", "embed_options")  # parameters that are no choices of the page
_HERE = Path(__file__).parent
_DRAWN = st.components.v2.component(
    "lecture_bar",
    html=(_HERE / "bar.html").read_text(encoding="utf-8"),
    css=(_HERE / "bar.css").read_text(encoding="utf-8"),
    js=(_HERE / "bar.js").read_text(encoding="utf-8"),
)


@dataclass
class _Lecture:
    """Where a session's lecture stands.

    Args:
        tour: its id.
        number: of the step, from 1.
        exploring: whether the person looks around on their own.
        left: choices with which steps were left, by number.
        answered: steps whose answer was shown.
    """

    tour: str
    number: int = 1
    exploring: bool = False
    left: dict[int, dict[str, list[str]]] = field(default_factory=dict)
    answered: set[int] = field(default_factory=set)


def every_tour() -> dict[str, Tour]:
    """Return the tours of this session by their ids: those that come with the project, and the visitor's own."""
    own = st.session_state.get(_OWN)
    return {**_shipped(), **({OWN: own} if own else {})}


@st.cache_resource
def _shipped() -> dict[str, Tour]:
    return tours.shipped()


def bring(tour: Tour | None) -> None:
    """Keep the visitor's own tour for the session; None: forget it."""
    st.session_state[_OWN] = tour


def open_tour(tour: str, number: int = 1) -> None:
    """Callback: have the next run begin the tour at that step."""
    st.session_state[_LECTURE] = _Lecture(tour)
    st.session_state[_ACT] = {"go": number}


def begin(page: str) -> None:
    """Draw the bar, if a tour is on, over the page that runs next; where the tour goes on to another page, run that one.

    Args:
        page: key of the page. Call this after `link.begin`.
    """
    _hide()
    lecture = _followed(page)
    if lecture is None:
        return
    tour = every_tour()[lecture.tour]
    step = tour.steps[lecture.number - 1]
    act = st.session_state.pop(_ACT, None) or {}
    if "end" in act:
        del st.session_state[_LECTURE]
        for name in ("tour", "step", "explore"):
            st.query_params.pop(name, None)
        return
    if "explore" in act:
        lecture.left[lecture.number] = _choices()
        lecture.exploring = True
    if act.get("reveal") == lecture.number:
        lecture.answered.add(lecture.number)
    number = act.get("go")
    if isinstance(number, int) and 1 <= number <= len(tour.steps):
        _go(lecture, tour, number, page)
    lecture.exploring = lecture.exploring or page != step.page
    _say_in_the_link(lecture)
    _draw(lecture, tour, step)


def _followed(page: str) -> _Lecture | None:
    """The session's lecture, after what the link says; None without one."""
    known = every_tour()
    said = link.asked("tour", known)
    lecture: _Lecture | None = st.session_state.get(_LECTURE)
    if said is None:
        return lecture if lecture and lecture.tour in known else None
    asked_step = link.asked("step", [str(number) for number in range(1, len(known[said].steps) + 1)])
    number = int(asked_step or 1)
    if lecture is None or lecture.tour != said:
        lecture = st.session_state[_LECTURE] = _Lecture(said, number, "explore" in st.query_params)
    elif number == lecture.number or _ACT in st.session_state:
        return lecture
    lecture.number = number  # a link, or the browser's Back
    step = known[said].steps[number - 1]
    choices = _choices()
    if not lecture.exploring and (page != step.page or (step.link and not choices)):
        st.session_state[_ACT] = {"go": number}
    return lecture


def _go(lecture: _Lecture, tour: Tour, number: int, page: str) -> None:
    """Leave the step with its choices, and run the page of another step; this does not return."""
    if not lecture.exploring and page == tour.steps[lecture.number - 1].page and "step" in st.query_params:
        lecture.left[lecture.number] = _choices()
    step = tour.steps[number - 1]
    lecture.number, lecture.exploring = number, False
    choices: Mapping[str, Any] = lecture.left.get(number) or {name: list(values) for name, values in step.link.items()}
    link.forget()
    st.switch_page(PAGES[step.page].view, query_params={"tour": lecture.tour, "step": str(number), **choices})


def _choices() -> dict[str, list[str]]:
    """What the link says of the page's choices."""
    return {name: st.query_params.get_all(name) for name in st.query_params if name not in _OURS}


def _say_in_the_link(lecture: _Lecture) -> None:
    says = {"tour": lecture.tour, "step": str(lecture.number)} | ({"explore": "1"} if lecture.exploring else {})
    for name in ("tour", "step", "explore"):
        if name not in says:
            st.query_params.pop(name, None)
        elif st.query_params.get(name) != says[name]:
            st.query_params[name] = says[name]


def _draw(lecture: _Lecture, tour: Tour, step: Step) -> None:
    answered = lecture.number in lecture.answered
    _DRAWN(
        key=_BAR,
        data={
            "tour": lecture.tour,
            "number": lecture.number,
            "titles": [each.title for each in tour.steps],
            "title": step.title,
            "text": step.text,
            "do": step.do,
            "notes": step.notes,
            "question": step.question,
            "reveal": step.reveal if answered else "",
            "answer": step.reveal,
            "until": sum(each.minutes for each in tour.steps[: lecture.number]),
            "total": tour.minutes,
            "exploring": lecture.exploring,
            "lookAt": _class_of(step.look_at),
            "notesPage": presenter.address(st.get_option("server.baseUrlPath")),
        },
        on_act_change=_keep_act,
    )
    style = ".stMainBlockContainer { padding-bottom: calc(var(--lecture-bar, 8rem) + 2rem) }"
    if step.look_at and not lecture.exploring:
        style += (
            f".st-key-{_class_of(step.look_at)} {{ outline: 4px solid var(--st-primary-color, #1670B0); outline-offset: 6px;"
            " border-radius: 4px; scroll-margin: 5rem 0 calc(var(--lecture-bar, 8rem) + 2rem) }"
        )
    st.html(f"<style>{style}</style>")


def _keep_act() -> None:
    """Callback: what a press in the browser asks for, which the run does that follows."""
    act = st.session_state[_BAR].act
    if isinstance(act, dict):
        st.session_state[_ACT] = act


def _hide() -> None:
    """Remove the controls that a teacher's link names, on all pages of the session."""
    if "hide" in st.query_params:
        st.session_state[_HIDE] = st.query_params["hide"]
    hidden: str = st.session_state.get(_HIDE, "")
    if not hidden:
        return
    st.query_params["hide"] = hidden
    names = (_class_of(name.strip()) for name in hidden.split(",")[:40])
    st.html(f"<style>{', '.join(f'.st-key-{name}' for name in names if name)} {{ display: none !important }}</style>")


def _class_of(key: str) -> str:
    """The key as Streamlit writes it into a class."""
    return re.sub(r"[^\w-]", "-", key, flags=re.ASCII)
