"""Do the pages Lesion, Landscape, Likeness and Myths do what a person asks of them? Run without a browser."""

from __future__ import annotations

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from dashboard.scenes.six_myths import MYTHS
from tests.dashboard.test_pages import visit
from tests.support.cards import cards


@pytest.fixture(autouse=True)
def no_own_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RESNET_LENS_RUNS", str(tmp_path))


def answer(app: AppTest) -> str:
    assert [error.value for error in app.exception] == []
    [first, *_] = [element.proto.body for element in app.get("html") if 'class="answer"' in element.proto.body]
    return str(first)


def everything(app: AppTest) -> str:
    """All that the page holds, as text."""
    return " ".join([str(card) for card in cards(app)] + [element.proto.body for element in app.get("html")])


@pytest.mark.parametrize("key", MYTHS)
def test_a_prediction_reveals_the_measurement_and_taking_it_back_hides_it(key: str) -> None:
    app = visit("myths", {"myth": key})
    assert "Predict first" in answer(app)
    assert not [word for word in ("Measured", "True when", "False when") if word in everything(app)]
    [control] = app.get("button_group")
    control.set_value("true").run()
    assert "You said true; measured: " in answer(app)
    assert "True when" in everything(app)
    assert "true" in app.query_params[f"says-{key}"]
    app.get("button_group")[0].set_value("open").run()
    assert "Predict first" in answer(app)
    assert "True when" not in everything(app)


def test_predictions_of_other_sentences_count_and_stay_in_the_link() -> None:
    app = visit("myths", {"says-ensemble": "depends", "says-overfitting": "true"})
    assert "2 of 6 sentences are judged" in answer(app)
    app.selectbox(key="myth").set_value("overfitting").run()
    assert "agree with the measurement on 1 of 2 sentences" in answer(app)
    assert "depends" in app.query_params["says-ensemble"]


def test_a_block_that_is_chosen_is_the_one_that_is_answered() -> None:
    app = visit("lesion", {})
    assert "one of 27" in answer(app)
    app.selectbox(key="missing").set_value("conv4_1").run()
    assert answer(app).startswith('<p class="answer">Without conv4_1, ResNet-56 is wrong on')


def test_the_fair_control_comes_first() -> None:
    fair = answer(visit("lesion", {}))
    assert fair == answer(visit("lesion", {"statistics": "anew"}))
    assert fair != answer(visit("lesion", {"statistics": "stored"}))
    assert "landscape-stored" not in str(cards(visit("landscape", {})))
    assert "landscape-stored" in str(cards(visit("landscape", {"why": "true"})))


@pytest.mark.parametrize("page", ["lesion", "landscape", "likeness", "myths"])
def test_at_most_two_controls_are_in_sight(page: str) -> None:
    app = visit(page, {})
    kinds = ("selectbox", "button_group", "slider", "toggle", "number_input", "radio", "checkbox")
    every = [element for kind in kinds for element in app.get(kind)]
    folded = [element for popover in app.get("popover") for kind in kinds for element in popover.get(kind)]
    assert 1 <= len(every) - len(folded) <= 2
