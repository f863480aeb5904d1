"""Does every page keep to the template: one sentence with a number, a message for each exhibit, at most two controls in sight?"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from dashboard import pages, serving
from dashboard.parts.show import Template
from dashboard.scenes import Scene
from dashboard.words import GLOSSARY, explained, network, pair, run
from tests.support.cards import cards

APP = Path(__file__).parents[2] / "dashboard" / "app.py"
# the lecture leads over the others: it answers nothing itself
STORY = [page.key for page in pages.PAGES.values() if page.group != pages.RECORDS and page.key != "lecture"]
CONTROLS = ("selectbox", "multiselect", "button_group", "number_input", "slider", "checkbox", "toggle", "radio", "text_input")
FOLDED = ("popover", "expander", "expandable")


@pytest.fixture(scope="module", autouse=True)
def no_runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RESNET_LENS_RUNS", str(tmp_path_factory.mktemp("runs")))
        patch.setattr(serving, "warm_up_races", lambda: None)
        yield


@pytest.fixture(scope="module")
def visits() -> dict[str, tuple[AppTest, list[Scene]]]:
    """Every page as it stands without any choice, and the scenes that it showed."""
    made = {}
    with pytest.MonkeyPatch.context() as patch:
        shown: list[Scene] = []
        answer = Template.answer

        def spy(self: Template, scene: Scene) -> None:
            shown.append(scene)
            answer(self, scene)

        patch.setattr(Template, "answer", spy)
        for key in pages.PAGES:
            shown.clear()
            app = AppTest.from_file(str(APP), default_timeout=120).switch_page(pages.PAGES[key].view).run()
            made[key] = app, list(shown)
    return made


def in_sight(block: Any) -> Iterator[str]:
    """The kinds of the controls below a block that are in no popover and no expander."""
    for child in block.children.values():
        if hasattr(child, "children"):
            if child.type not in FOLDED:
                yield from in_sight(child)
        elif child.type in CONTROLS:
            yield child.type


@pytest.mark.parametrize("key", [key for key in pages.PAGES if key != "lecture"])
def test_a_page_answers_its_question_in_a_sentence_with_a_number(visits: Any, key: str) -> None:
    app, scenes = visits[key]
    assert not app.exception
    assert scenes
    assert app.title[0].value == pages.PAGES[key].question
    for scene in scenes:
        assert scene.answer.endswith(".")
        assert re.search(r"\d", scene.answer)


@pytest.mark.parametrize("key", pages.PAGES)
def test_every_exhibit_has_a_message(visits: Any, key: str) -> None:
    app, _ = visits[key]
    assert [card["name"] for card in cards(app) if len(card["message"].split()) < 4] == []


@pytest.mark.parametrize("key", pages.PAGES)
def test_at_most_two_controls_are_in_sight(visits: Any, key: str) -> None:
    app, _ = visits[key]
    assert len(list(in_sight(app.main))) <= 2


@pytest.mark.parametrize("key", STORY)
def test_what_to_try_leads_to_a_state_that_the_page_knows(visits: Any, key: str) -> None:
    _, scenes = visits[key]
    ideas = scenes[-1].try_this
    assert len(ideas) <= 3
    for idea in ideas:
        app = AppTest.from_file(str(APP), default_timeout=120)
        app.query_params.update(idea.parameters)
        app.switch_page(pages.PAGES[key].view).run()
        assert not app.exception
        assert [warning.value for warning in app.warning] == []


def test_the_story_leads_from_the_first_page_to_the_last() -> None:
    walked, page = [STORY[0]], pages.following(STORY[0])
    while page:
        walked.append(page.key)
        page = pages.following(page.key)
    assert walked == STORY
    assert pages.following("studies") is None


def test_no_two_pages_have_one_title() -> None:
    titles = [page.title for page in pages.PAGES.values()]
    assert len(set(titles)) == len(titles)
    assert all(title.endswith(" · ResNet Lens") for title in titles)


def test_a_wrong_address_is_led_to_the_page_that_it_means() -> None:
    assert pages.nearest("degredation")[0].key == "degradation"


def test_present_mode_leaves_the_main_exhibit_alone() -> None:
    app = AppTest.from_file(str(APP), default_timeout=120)
    app.query_params["present"] = "1"
    app.switch_page("views/degradation.py").run()
    assert not app.exception
    assert {card["name"] for card in cards(app)} == {"degradation-plain", "degradation-residual"}


@pytest.mark.parametrize(
    ("reference", "name"),
    [
        ("plain34-tiny", "plain-34"),
        ("resnet56-cifar", "ResNet-56"),
        ("torchvision:resnet18", "ResNet-18 (ImageNet)"),
        ("mine.safetensors", "mine.safetensors"),
    ],
)
def test_a_network_has_one_name_for_people(reference: str, name: str) -> None:
    assert network(reference) == name


def test_pairs_and_runs_have_names_for_people() -> None:
    assert pair("34-tiny") == "matched pair, 34 layers"
    assert run("plain20-cifar-seed1") == "plain-20, seed 1"


def test_every_term_is_explained_in_about_two_sentences() -> None:
    assert len(GLOSSARY) >= 40
    assert [term for term, words in GLOSSARY.items() if not 2 <= len(re.findall(r"[.;](?= |$)", words)) <= 3] == []


def test_a_term_is_explained_at_its_first_use_and_nothing_is_markup() -> None:
    used: set[str] = set()
    said = explained("The gradient of <b>the gradient</b>.", used)
    assert said.count('class="term"') == 1
    assert "&lt;b&gt;" in said
    assert 'class="term"' not in explained("A gradient.", used)
