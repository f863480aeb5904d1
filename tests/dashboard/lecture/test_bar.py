"""Does a lecture lead from step to step and back, with all choices? Without a browser."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from dashboard import pages
from dashboard.lecture import bar, tours
from dashboard.lecture.tours import read

APP = Path(__file__).parents[3] / "dashboard" / "app.py"
TOUR = read(
    """title: Short
summary: For a test.
steps:
  - {page: architectures, title: One, text: First., minutes: 1, link: {network: resnet18}}
  - {page: degradation, title: Two, text: Second., minutes: 1, link: {error: training}, question: "Why?", reveal: Because.}
  - {page: architectures, title: Three, text: Third., minutes: 1, link: {network: resnet50}, notes: Slowly.}
""",
    "short.yaml",
)


@pytest.fixture
def visitor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    """Somebody with a tour of their own, on the page of architectures."""
    monkeypatch.setenv("RESNET_LENS_RUNS", str(tmp_path))
    at = AppTest.from_file(APP, default_timeout=60)
    at.switch_page(pages.PAGES["architectures"].view)
    at.session_state["lecture-own-tour"] = TOUR
    return at


def drawn(at: AppTest) -> dict[str, Any] | None:
    """What the bar was given; None without a bar."""
    assert not at.exception
    for element in at.main.children.values():
        proto = getattr(element, "proto", None)
        if getattr(proto, "component_name", "").endswith("lecture_bar"):
            return dict(json.loads(proto.json))
    return None


def press(at: AppTest, **act: Any) -> dict[str, Any]:
    at.session_state["lecture-act"] = act
    at.run()
    shown = drawn(at)
    assert shown
    return shown


def test_a_link_opens_the_step_on_its_page_with_its_choices(visitor: AppTest) -> None:
    visitor.query_params["tour"], visitor.query_params["step"] = bar.OWN, "2"
    shown = drawn(visitor.run())
    assert shown
    assert (shown["number"], shown["title"], shown["titles"]) == (2, "Two", ["One", "Two", "Three"])
    assert visitor.title[0].value == pages.PAGES["degradation"].question
    assert visitor.session_state["error"] == "training"
    assert visitor.query_params["error"] == "training"


def test_back_returns_to_the_step_before_with_all_choices(visitor: AppTest) -> None:
    visitor.query_params["tour"] = bar.OWN
    visitor.run()
    assert visitor.selectbox(key="network").value == "resnet18"
    visitor.selectbox(key="network").set_value("resnet152").run()
    assert press(visitor, go=2)["title"] == "Two"
    assert press(visitor, go=3)["notes"] == "Slowly."
    assert visitor.selectbox(key="network").value == "resnet50"
    press(visitor, go=2)
    press(visitor, go=1)
    assert visitor.selectbox(key="network").value == "resnet152"


def test_the_answer_is_shown_when_it_is_asked_for(visitor: AppTest) -> None:
    visitor.query_params["tour"], visitor.query_params["step"] = bar.OWN, "2"
    visitor.run()
    assert drawn(visitor)["reveal"] == ""  # type: ignore[index]
    assert press(visitor, reveal=2)["reveal"] == "Because."


def test_exploring_another_page_leads_back_to_the_step_as_it_was_left(visitor: AppTest) -> None:
    visitor.query_params["tour"] = bar.OWN
    visitor.run()
    visitor.selectbox(key="network").set_value("resnet152").run()
    assert press(visitor, explore=True)["exploring"]
    visitor.selectbox(key="network").set_value("plain34").run()
    visitor.query_params.clear()
    visitor.switch_page(pages.PAGES["degradation"].view).run()
    shown = drawn(visitor)
    assert shown
    assert (shown["exploring"], shown["number"]) == (True, 1)
    assert not press(visitor, go=1)["exploring"]
    assert visitor.selectbox(key="network").value == "resnet152"


def test_the_end_of_a_lecture_leaves_the_page(visitor: AppTest) -> None:
    visitor.query_params["tour"] = bar.OWN
    visitor.run()
    visitor.session_state["lecture-act"] = {"end": True}
    visitor.run()
    assert drawn(visitor) is None
    assert not {"tour", "step"} & set(visitor.query_params)
    assert visitor.title[0].value == pages.PAGES["architectures"].question


def test_an_unknown_tour_or_step_is_named_on_the_page(visitor: AppTest) -> None:
    visitor.query_params["tour"] = "why-not"
    visitor.run()
    assert drawn(visitor) is None
    assert "why" in visitor.warning[0].value
    visitor.query_params["tour"], visitor.query_params["step"] = bar.OWN, "9"
    visitor.run()
    assert drawn(visitor)["number"] == 1  # type: ignore[index]


@pytest.mark.parametrize("hostile", ["", "-1", "9" * 400, "<script>evil()</script>", "own,own", "\0", "∞"])
def test_hostile_words_in_the_link_break_nothing(visitor: AppTest, hostile: str) -> None:
    for name in ("tour", "step", "hide", "explore"):
        visitor.query_params[name] = hostile
    assert drawn(visitor.run()) is None
    visitor.query_params["tour"] = bar.OWN
    assert drawn(visitor.run())["number"] == 1  # type: ignore[index]


def test_a_link_hides_controls_on_every_page_and_writes_nothing_else_into_the_style(visitor: AppTest) -> None:
    visitor.query_params["hide"] = "network,error}</style><b>"
    visitor.run()
    visitor.switch_page(pages.PAGES["degradation"].view).run()
    styles = [element.proto.body for element in visitor.get("html") if ".st-key-network" in element.proto.body]
    assert styles == ["<style>.st-key-network, .st-key-error---style--b- { display: none !important }</style>"]
    assert visitor.query_params["hide"] == "network,error}</style><b>"


def test_the_page_lists_every_tour_and_opens_one(visitor: AppTest) -> None:
    visitor.switch_page(pages.PAGES["lecture"].view).run()
    assert not visitor.exception
    titles = [subheader.value.replace("\\", "") for subheader in visitor.subheader]
    assert titles[:-1] == [*(tour.title for tour in tours.shipped().values()), TOUR.title]
    visitor.button(key=f"begin-{bar.OWN}").click().run()
    assert drawn(visitor)["title"] == "One"  # type: ignore[index]
    assert visitor.title[0].value == pages.PAGES["architectures"].question


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"title: x\n", "mine.yaml, line 1: a tour needs the field “summary”."),
        (b"\xff", "mine.yaml is not a text file in UTF-8; save it as one."),
        (b"#" * 200_000, "mine.yaml has more than 100,000 bytes; divide the tour into several files."),
    ],
    ids=["a missing field", "no text", "too large"],
)
def test_a_bad_file_of_a_visitor_is_refused_with_a_sentence(visitor: AppTest, content: bytes, sentence: str) -> None:
    visitor.switch_page(pages.PAGES["lecture"].view).run()
    visitor.file_uploader(key="own-tour").set_value(("mine.yaml", content, "text/yaml")).run()
    assert not visitor.exception
    assert visitor.error[0].value.replace("\\", "") == sentence
