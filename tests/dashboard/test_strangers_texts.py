"""The authority on Markdown is markdown-it-py; on what Streamlit replaces afterwards, the expressions of its client."""

from __future__ import annotations

import csv
import html
import io
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from streamlit.testing.v1 import AppTest

from dashboard.figures.classes import top_classes
from dashboard.figures.predictions import confidence, predictions_gallery, predictions_table
from dashboard.plain import csv_plain, plain, plotly_plain
from resnet_core.inspection.records import Inspection
from resnet_core.networks.weights import save
from tests.support.cards import cards, drawing, texts
from tests.support.checkpoints import described, trained
from tests.support.visitor import DEADLINE, ROOT

MARKDOWN = MarkdownIt("commonmark").enable(["table", "strikethrough"])
# Streamlit's client (1.67) looks for these in the text that Markdown leaves: links, addresses, emoji and icons
AFTERWARDS = (
    re.compile(r"(https?://|www(?=\.))([-.\w]+)([^ \t\r\n]*)", re.IGNORECASE),
    re.compile(r"[-.\w+]+@[-\w]+(?:\.[-\w]+)+"),
    re.compile(r":(?:material/)?[\w+-]+:"),
)
UNESCAPED = re.compile(r"(?<!\\)(?:\\\\)*([$\[\]])")  # formulas and colours, which markdown-it does not know
PAYLOADS = [
    "[evil](http://evil.example)", "![evil](http://evil.example/p.png)", "<b>evil</b>", "<a href='//evil.example'>evil</a>",
    ":red[evil]", ":blue-background[evil]", "$evil^2$", "$$evil$$", ":material/evil:", ":evil:", "https://evil.example/evil",
    "www.evil.example", "evil@evil.example", "**evil**", "`evil`", "# evil", "1. evil", "- evil", "> evil", "~~evil~~", 
    "evil|evil", "[^evil]", "&lt;evil&gt;", "<http://evil.example>", "\\[evil](http://evil.example)", "evil\n\n# evil", "=evil()",
]  # fmt: skip


def text_of(markdown: str) -> str:
    """The text that the Markdown shows, which must be all that it is: one paragraph without markup."""
    tokens = MARKDOWN.parse(markdown)
    assert [token.type for token in tokens] == ["paragraph_open", "inline", "paragraph_close"]
    children = tokens[1].children or []
    assert {child.type for child in children} <= {"text", "text_special"}
    return "".join(child.content for child in children)


def assert_plain(text: str) -> None:
    shown = text_of(plain(text))
    assert shown.replace("\N{WORD JOINER}", "") == "".join(filter(str.isprintable, " ".join(text.split()))).strip()
    assert not [each.pattern for each in AFTERWARDS if each.search(shown)]
    assert not UNESCAPED.search(plain(text))


@pytest.mark.parametrize("text", PAYLOADS)
def test_what_looks_like_markup_is_shown_as_it_is(text: str) -> None:
    assert_plain(text)


PARTS = [*"\\`*_[](){}<>#+-.!|&~$:@^='\"/ \t\n\u202e\u200b019azé💣", "http://", "www.", ":material/", "&#35;"]
NASTY = st.lists(st.sampled_from(PARTS), max_size=12).map("".join)


@given(NASTY.filter(lambda text: "".join(filter(str.isprintable, text)).strip()))
def test_any_text_is_shown_as_it_is(text: str) -> None:
    assert_plain(text)


def test_usual_texts_are_not_touched() -> None:
    for text in ("Tiny-ImageNet (medium), 12.5 % error; it's fine.", "tiger cat", "ResNet-34, 1/2"):
        assert plain(text) == text


@given(NASTY)
def test_plotly_gets_no_tag_and_shows_the_text(text: str) -> None:
    assert "<" not in plotly_plain(text)
    assert ">" not in plotly_plain(text)
    assert html.unescape(plotly_plain(text)) == text


FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", " =1", "=cmd|' /C calc'!A0"]


def test_a_spreadsheet_finds_no_formula_in_a_csv() -> None:
    harmless = ["tiger cat", "", "'quoted", "a=b", "5", None, "1-2", "b\r=1"]
    table = pd.DataFrame(
        {"name": FORMULAS + harmless, "=title": pd.Categorical([*FORMULAS, *harmless]), "value": np.arange(-7, 8)}
    )
    header, *rows = csv.reader(io.StringIO(csv_plain(table), newline=""))
    assert header == ["name", "'=title", "value"]
    assert [row[0] for row in rows] == [f"'{cell}" for cell in FORMULAS] + [
        "b =1" if cell == "b\r=1" else cell or "" for cell in harmless
    ]
    assert not [cell for row in rows for cell in row[:2] if cell[:1] in ("=", "+", "-", "@", "\t", "\r")]
    assert [int(row[2]) for row in rows] == list(range(-7, 8))  # a negative number is a number


def test_a_csv_without_formulas_is_pandas_own() -> None:
    table = pd.DataFrame({"block": ["conv2_1", "conv2_2"], "value": [1.5, -2.5], "right": pd.array([True, None], "boolean")})
    assert csv_plain(table) == table.to_csv(index=False)


# Figures


@pytest.mark.parametrize("text", ["<b>evil</b>", "<a href='http://evil.example'>evil</a>", "evil<sup>evil", "&lt;b&gt;evil"])
def test_no_figure_takes_a_class_or_a_file_for_tags(text: str) -> None:
    inspection = Inspection.__new__(Inspection)
    object.__setattr__(inspection, "probabilities", np.array([0.7, 0.3], np.float32))
    object.__setattr__(inspection, "target", 0)
    table = predictions_table([text], [[text], [text]], [np.ones((1, 1), np.float32)] * 2, [()])
    figures = top_classes(inspection, [text, "other"], residual=True), confidence(table, [text, text])
    for figure in figures:
        said = json.dumps(json.loads(figure.to_json()))
        assert text not in said
        assert plotly_plain(text) in said
    assert text not in predictions_gallery(table, [np.zeros((8, 8, 3), np.uint8)], [True, False])


# Pages

PARAMETERS = {
    "compare": ["pair", "sample", "target", "scale", "block", "difference"],
    "predictions": ["pair", "left", "right"],
    "feature_maps": ["pair", "sample", "target", "block", "place", "sort", "channel", "colours"],
    "attribution": ["sample", "target", "against", "methods", "trust", "side", "ranks", "opacity", "threshold"],
    "gradient_flow": ["networks", "layers", "bn", "seed", "images", "study", "depth", "of"],
    "degradation": ["study", "error", "over", "depths"],
    "train_live": ["race", "pinned", "shortcut", "depth", "width", "rate", "bn", "seed", "upto"],
    "architectures": ["network", "stage", "first"],
    "studies": ["show", "run", "measurement", "asked"],
}
MARKED_UP = ("markdown", "caption", "title", "header", "subheader", "info", "warning", "error", "success", "table")


def page(name: str, **query: str) -> AppTest:
    """A page that a link opens."""
    at = AppTest.from_file(str(ROOT / "dashboard" / "app.py"), default_timeout=DEADLINE).switch_page(f"views/{name}.py")
    for parameter, value in query.items():
        at.query_params[parameter] = value
    return at.run()


def marked_up(at: AppTest) -> Iterator[str]:
    """All texts on the page that Streamlit reads as Markdown."""
    for kind in MARKED_UP:
        for element in at.get(kind):
            if kind == "table":
                yield from map(str, element.value.columns)
                yield from map(str, element.value.to_numpy().ravel())
            else:
                yield element.value
    for widget in (*at.selectbox, *at.button, *at.toggle, *at.number_input):
        yield widget.label
        yield getattr(widget, "help", None) or ""


class Html(HTMLParser):
    """The texts and the attributes that a browser finds in HTML."""

    def __init__(self, body: str) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.attributes: list[str] = []
        self.feed(body)

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def handle_starttag(self, _tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += [value or "" for _, value in attrs]


def shown_elsewhere(at: AppTest) -> Iterator[tuple[str, Callable[[str], str]]]:
    """All other texts, each with how a stranger's text must be written in it: in HTML, in figure cards and in their drawings."""
    for element in at.get("html"):
        found = Html(element.proto.body)
        yield from ((each, str) for each in (*found.texts, *found.attributes))
    for card in cards(at):
        yield from ((each, str) for each in texts(card))  # the card shows them as texts, not as HTML
        yield from ((each, plotly_plain) for each in texts(drawing(card)))


def assert_no_evil(at: AppTest, *strangers: str) -> int:
    """How often strangers' texts are shown, each time as they are."""
    assert not at.exception
    count = 0
    for body, written in (*((each, plain) for each in marked_up(at)), *shown_elsewhere(at)):
        for text in sorted(strangers, key=len, reverse=True):
            count += body.count(written(text))
            body = body.replace(written(text), "")
        assert "evil" not in body, body
    return count


@pytest.fixture(autouse=True)
def no_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RESNET_LENS_RUNS", str(tmp_path))


@pytest.mark.parametrize("name", list(PARAMETERS))
def test_no_page_takes_a_link_for_markup(name: str) -> None:
    query = {parameter: PAYLOADS[i] for i, parameter in enumerate(PARAMETERS[name])}
    at = page(name, **query)
    assert assert_no_evil(at, *query.values()) >= 1


@pytest.mark.slow
@pytest.mark.parametrize(("name", "parameter"), [(name, each) for name, all_of in PARAMETERS.items() for each in all_of])
def test_no_parameter_is_taken_for_markup(name: str, parameter: str) -> None:
    for text in PAYLOADS:
        assert_no_evil(page(name, **{parameter: text}), text[:60])


@pytest.mark.parametrize("name", ["compare", "predictions", "feature_maps", "attribution"])
def test_nothing_that_uploaded_weights_say_is_markup(name: str, tmp_path: Path) -> None:
    strangers = PAYLOADS[:11]
    known = described()
    row = replace(known.architecture, name=PAYLOADS[2])
    hostile = replace(
        known, architecture=row, classes=tuple(strangers[:3]), data=strangers[3], source=strangers[4], recipe=strangers[5],
        note=strangers[6], run=strangers[7], commit=strangers[8],
    )  # fmt: skip
    path = tmp_path / "mine.safetensors"
    save(trained(), hostile, path)
    at = page(name, pair="any-two")
    title = f"{PAYLOADS[0]}.safetensors"
    at.file_uploader(key="weights").set_value([(title, path.read_bytes(), "")]).run()
    at.selectbox(key="left").set_value(title).run()
    both = [f"{one} and {other}" for one in (*strangers[:3], "teapot") for other in strangers[:3]]
    assert assert_no_evil(at, title, *both, *strangers) >= 2
