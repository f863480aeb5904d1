"""Do links hold what was chosen, and do pages do what links say? Two small pages that share a key, run without a browser."""

from __future__ import annotations

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from dashboard.plain import plain

APP = """
import streamlit as st
from dashboard.parts import link
page = st.navigation([st.Page("one.py"), st.Page("two.py")])
link.begin(page.title)
page.run()
link.end()
"""
ONE = """
import streamlit as st
from dashboard.parts import link
st.text(link.select("Colour", "colour", {"r": "red", "g": "green", "b": "blue"}, "g", old={"Green, as grass": "g", "Red": "r"}))
st.text(link.segmented("Size", "size", ["small", "large"]))
st.text(link.pills("Fruit", "fruit", {"a": "apple", "b": "banana", "c": "cherry"}, ["a", "b"], old={"Cherry": "c"}))
st.text(link.toggle("Wet", "wet", True))
st.text(link.number("Count", "count", 0, 9, 5))
st.text(link.number("Place", "place", 0, 9))
st.text(link.slider("Upto", "upto", 5, 22, 22, 5))
if link.asked("longer", ["30", "60", "350"]):
    st.text(link.slider("Until", "until", 5, int(st.query_params["longer"]), int(st.query_params["longer"])))
st.text(link.asked("speed", ["slow", "fast"]))
if link.toggle("Dry", "dry"):
    link.select("Cloth", "cloth", ["wool", "silk"])
link.toggle("Sealed", "sealed", disabled=True)
st.button("Red", on_click=link.choose, args=("colour", "r"))
"""
TWO = """
import streamlit as st
from dashboard.parts import link
st.text(link.select("Colour", "colour", ["b", "r"]))
st.text(link.select("Size", "size", ["tiny", "huge"]))
"""
USUAL = ["g", "small", "['a', 'b']", "True", "5", "None", "22", "None"]
NAMES = ("colour", "size", "fruit", "wet", "count", "place", "upto", "speed")


@pytest.fixture
def app(tmp_path: Path) -> AppTest:
    for name, text in (("app", APP), ("one", ONE), ("two", TWO)):
        (tmp_path / f"{name}.py").write_text(text)
    return AppTest.from_file(str(tmp_path / "app.py"), default_timeout=60)


def opened(app: AppTest, **query: str | list[str]) -> AppTest:
    """The page, by a link: whatever its address said before is gone."""
    for name in list(app.query_params):
        del app.query_params[name]
    app.query_params.update(query)
    return app.run()


def found(app: AppTest) -> list[str]:
    assert [error.value for error in app.exception] == []
    return [text.value for text in app.text]


def says(app: AppTest) -> dict[str, list[str]]:
    """What the link says."""
    return {name: [value] if isinstance(value, str) else list(value) for name, value in app.query_params.items()}


def complaints(app: AppTest) -> list[str]:
    """The sentences of the one box above the page."""
    assert len(app.warning) <= 1
    return [line for box in app.warning for line in box.value.split("  \n")]


def test_what_is_usual_is_not_in_the_link(app: AppTest) -> None:
    assert found(opened(app)) == USUAL
    assert says(app) == {}
    app.selectbox(key="colour").set_value("b").run()
    assert says(app) == {"colour": ["b"]}
    app.selectbox(key="colour").set_value("g").run()
    assert says(app) == {}
    opened(app, colour="g", fruit=["a", "b"], wet="true", count="5", upto="22")
    assert (found(app), says(app), complaints(app)) == (USUAL, {}, [])


def test_the_link_holds_the_id_of_what_is_chosen_not_its_words(app: AppTest) -> None:
    opened(app)
    assert app.selectbox(key="colour").options == ["red", "green", "blue"]
    app.selectbox(key="colour").set_value("b")
    app.get("button_group")[0].set_value("large")
    app.get("button_group")[1].set_value(["c", "a"])
    app.toggle(key="wet").set_value(False)
    app.number_input(key="count").set_value(7)
    app.number_input(key="place").set_value(0)
    app.slider(key="upto").set_value(10)
    app.run()
    assert found(app) == ["b", "large", "['a', 'c']", "False", "7", "0", "10", "None"]
    assert says(app) == {
        "colour": ["b"], "size": ["large"], "fruit": ["a", "c"], "wet": ["false"], "count": ["7"], "place": ["0"], "upto": ["10"],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("colour", "b", "b"), ("size", "large", "large"), ("fruit", ["c", "a"], "['a', 'c']"), ("fruit", "none", "[]"),
        ("wet", "false", "False"), ("count", "0", "0"), ("place", "9", "9"), ("upto", "10", "10"), ("speed", "fast", "fast"),
    ],
)  # fmt: skip
def test_a_link_brings_back_what_it_holds(app: AppTest, name: str, value: str | list[str], shown: str) -> None:
    opened(app, **{name: value})
    expected = [*USUAL]
    expected[NAMES.index(name)] = shown
    assert (found(app), complaints(app)) == (expected, [])
    again = says(app)
    app.run()
    assert (found(app), says(app)) == (expected, again)
    assert opened(app, **again)
    assert found(app) == expected


def test_what_an_earlier_version_wrote_is_translated(app: AppTest) -> None:
    opened(app, colour="Red", fruit=["Cherry"])
    assert found(app)[:3] == ["r", "small", "['c']"]
    assert complaints(app) == []
    assert says(app) == {"colour": ["r"], "fruit": ["c"]}
    opened(app, colour="Green, as grass")
    assert found(app)[0] == "g"
    assert "colour" not in says(app)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("colour", "purple"), ("colour", "red"), ("size", "tiny"), ("fruit", "durian"), ("wet", "maybe"), ("count", "10"),
        ("count", "-1"), ("count", "many"), ("count", "1e3"), ("count", "9" * 6000), ("place", "None"), ("upto", "4"),
        ("upto", "23"), ("speed", "loud"),
    ],
)  # fmt: skip
def test_what_does_not_exist_is_named_once_and_the_usual_stands_in(app: AppTest, name: str, value: str) -> None:
    opened(app, **{name: value})
    assert found(app) == USUAL
    [sentence] = complaints(app)
    assert sentence == (
        f"The link asks for {name} “{plain(value[:60])}”, which does not exist here; the page shows its usual choice instead."
    )
    if name != "speed":  # of no widget of Streamlit's: who draws it writes it
        assert says(app) == {}
        assert complaints(app.run()) == []


def test_several_unknown_ones_are_named_in_one_box(app: AppTest) -> None:
    opened(app, colour="purple", fruit=["durian", "a"], count="ten", speed="loud")
    assert found(app) == USUAL
    named = [("colour", "purple"), ("fruit", "durian"), ("count", "ten"), ("speed", "loud")]
    assert [sentence.split(",")[0] for sentence in complaints(app)] == [f"The link asks for {key} “{it}”" for key, it in named]


@pytest.mark.parametrize("said", ["5", "7", "21", "22"])
def test_a_slider_is_where_the_link_says(app: AppTest, said: str) -> None:
    assert found(opened(app, upto=said))[6] == said


def test_a_slider_that_becomes_another_is_at_its_usual_end(app: AppTest) -> None:
    for longer in ("30", "60", "350"):
        app.query_params["longer"] = longer
        assert found(app.run())[7] == longer
    app.slider(key="until").set_value(40).run()
    assert (found(app)[7], says(app)) == ("40", {"longer": ["350"], "until": ["40"]})


def test_an_emptied_field_stays_empty_and_leaves_nothing_in_the_link(app: AppTest) -> None:
    opened(app, place="3")
    app.number_input(key="place").set_value(None).run()
    assert (found(app), says(app)) == (USUAL, {})


def test_no_pill_at_all_is_a_choice_that_the_link_holds(app: AppTest) -> None:
    opened(app)
    app.get("button_group")[1].set_value([]).run()
    assert (found(app)[2], says(app)) == ("[]", {"fruit": ["none"]})


def test_a_callback_chooses_as_a_person_does(app: AppTest) -> None:
    opened(app, colour="b")
    app.button[0].click().run()
    assert (found(app)[0], says(app)) == ("r", {"colour": ["r"]})


def test_a_link_that_is_followed_wins_over_what_was_chosen(app: AppTest) -> None:
    opened(app)
    app.selectbox(key="colour").set_value("b").run()
    assert found(opened(app, colour="r"))[0] == "r"
    app.selectbox(key="colour").set_value("b").run()
    assert found(opened(app, colour="r"))[0] == "r"  # the same link again
    assert says(app) == {"colour": ["r"]}


def turned_to(app: AppTest, page: str) -> AppTest:
    """The other page, by the menu: as a browser does, without the values of widgets that are no more."""
    app.switch_page(page)
    app.query_params.clear()
    return app._run()


def test_a_choice_is_kept_for_the_page_that_asks_for_the_same_and_has_it(app: AppTest) -> None:
    opened(app)
    app.selectbox(key="colour").set_value("r").run()
    app.get("button_group")[0].set_value("large").run()
    turned_to(app, "two.py")
    assert found(app) == ["r", "tiny"]  # it has no size "large"
    assert (says(app), complaints(app)) == ({"colour": ["r"]}, [])
    turned_to(app, "one.py")
    assert found(app) == ["r", *USUAL[1:]]


def test_a_followed_link_wins_on_another_page_too(app: AppTest) -> None:
    opened(app)
    app.selectbox(key="colour").set_value("b").run()
    app.switch_page("two.py")
    app.query_params = {"colour": "r"}
    assert found(app._run()) == ["r", "tiny"]
    assert found(turned_to(app, "one.py"))[0] == "r"


EVIL = ["[link](http://x.example)", "<b>bold</b>", "a\nb", "", " ", "\0", "![x](http://x.example/p.png)", "$x$"]


@pytest.mark.parametrize("said", EVIL)
def test_what_a_stranger_writes_is_shown_as_it_is(app: AppTest, said: str) -> None:
    opened(app, colour=said)
    [sentence] = complaints(app)
    assert sentence.startswith(f"The link asks for colour “{plain(said)}”, which")


def test_of_several_values_the_last_counts_and_the_page_says_so(app: AppTest) -> None:
    opened(app, colour=["b", "r"], count=["3", "3"], wet=["true", "false"], speed=["slow", "fast"])
    assert found(app) == ["r", "small", "['a', 'b']", "False", "3", "None", "22", "fast"]
    assert complaints(app) == [
        "The link asks for colour 2 times; the page takes the last, “r”.",
        "The link asks for wet 2 times; the page takes the last, “false”.",
        "The link asks for speed 2 times; the page takes the last, “fast”.",
    ]
    assert says(app)["colour"] == ["r"]
    opened(app, colour=["b", "purple"])
    assert [sentence.split(",")[0] for sentence in complaints(app)] == [
        "The link asks for colour 2 times; the page takes the last", "The link asks for colour “purple”",
    ]  # fmt: skip


def test_what_the_page_does_not_ask_for_is_named_and_left_out(app: AppTest) -> None:
    opened(app, clour="b", cloth="silk", embed="true", **{"[x](http://x.example)": "1"})
    assert found(app) == USUAL
    named = {sentence.split(",")[0] for sentence in complaints(app)}
    assert named == {f"The link names “{plain(name)}”" for name in ("clour", "cloth", "[x](http://x.example)")}
    assert "clour" not in says(app)
    assert complaints(app.run()) == []


def test_what_a_choice_puts_away_is_no_fault_of_the_link(app: AppTest) -> None:
    opened(app, dry="true", cloth="silk")
    assert (says(app), complaints(app)) == ({"dry": ["true"], "cloth": ["silk"]}, [])
    app.toggle(key="dry").set_value(False).run()
    assert (says(app), complaints(app)) == ({}, [])
    app.toggle(key="dry").set_value(True).run()
    assert (says(app), complaints(app)) == ({"dry": ["true"], "cloth": ["silk"]}, [])


def test_what_cannot_be_switched_on_is_named(app: AppTest) -> None:
    opened(app, sealed="true")
    assert [sentence.split(",")[0] for sentence in complaints(app)] == ["The link asks for sealed “true”"]
    assert app.toggle(key="sealed").value is False
    assert complaints(opened(app, sealed="false")) == []
