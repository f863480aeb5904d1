"""Is a tour's file read as it is written, and is every mistake in one a sentence with its line?"""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

from dashboard.lecture import tours
from dashboard.lecture.vocabulary import VOCABULARY
from dashboard.pages import PAGES
from resnet_core.errors import InputError

GOOD = """title: A tour
summary: For a test.
steps:
  - page: degradation
    title: Worse
    text: Look.
    minutes: 2
    link: {error: training}
    look_at: degradation-plain
  - page: gradient_flow
    title: Gradients
    text: Look again.
    minutes: 1.5
    link:
      layers: 20
      bn: false
    question: Why?
    reveal: Because.
"""
BROKEN = {
    "an unknown page": ("page: degradation", "page: degredation", 4, "no page “degredation”; did you mean “degradation”?"),
    "an unknown parameter": ("{error:", "{eror:", 8, "no parameter “eror”; did you mean “error”?"),
    "an unknown value": ("training}", "trainin}", 8, "“trainin” is no value of “error”; did you mean “training”?"),
    "a number out of range": ("bn: false", "seed: 99999", 16, "“99999” is no value of “seed”; choose 0 to 999."),
    "an unknown exhibit": ("degradation-plain", "degradation-plane", 9, "no exhibit “degradation-plane”; did you mean"),
    "a missing field": ("    text: Look.\n", "", 4, "a step needs the field “text”."),
    "a field of the wrong type": ("text: Look.", "text: [Look]", 6, "“text” must be text, not a list"),
    "a number for a text": ("text: Look.", "text: 5", 6, "“text” must be text, not 5; quotes make it text."),
    "a text for minutes": ("minutes: 2", "minutes: two", 7, "minutes must be a number above 0"),
    "a field twice": ("    text: Look.\n", "    text: Look.\n    text: Now.\n", 7, "the field “text” stands twice; remove one."),
    "an unknown field": ("look_at:", "look:", 9, "a step has no field “look”; did you mean “look_at”?"),
    "a question without its answer": ("    reveal: Because.\n", "", 17, "a step with a “question” needs a “reveal”."),
    "what is not YAML": ("{error: training}", "{error: training", 9, "this is not YAML:"),
    "steps that are no list": (GOOD[GOOD.index("  - page") :], "  none\n", 4, "steps must be a list"),
}


def read(text: str) -> tours.Tour:
    return tours.read(text, "mine.yaml")


def test_a_tour_says_what_its_file_says() -> None:
    tour = read(GOOD)
    first, second = tour.steps
    assert (tour.title, tour.summary, tour.minutes) == ("A tour", "For a test.", 3.5)
    assert (first.page, first.look_at, first.query) == ("degradation", "degradation-plain", "error=training")
    assert second.link == {"layers": ("20",), "bn": ("false",)}
    assert (second.question, second.reveal) == ("Why?", "Because.")


@pytest.mark.parametrize("what", BROKEN)
def test_a_mistake_is_one_sentence_with_its_line(what: str) -> None:
    right, wrong, line, sentence = BROKEN[what]
    assert right in GOOD
    with pytest.raises(InputError) as refusal:
        read(GOOD.replace(right, wrong, 1))
    said = str(refusal.value)
    assert said.startswith(f"mine.yaml, line {line}: ")
    assert sentence in said
    assert "\n" not in said
    assert said[-1] in ".?"


@pytest.mark.parametrize(
    "text",
    [
        "", "[]", "- a", "\0", "title: &a [*a]\nsummary: x\nsteps: *a", "steps: " + "[" * 5000, "title: x\n" * 20_000,
        "!!python/object/apply:os.system ['true']", "a: b: c", "? [x]\n: y", "\ud800".encode("utf-8", "replace").decode(),
    ],
)  # fmt: skip
def test_whatever_is_no_tour_is_refused_with_a_sentence(text: str) -> None:
    with pytest.raises(InputError) as refusal:
        read(text)
    assert str(refusal.value).startswith("mine.yaml")
    assert "\n" not in str(refusal.value)


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "tour.yaml"
    file.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match=r"tour.yaml is not a text file in UTF-8"):
        tours.load(file)
    with pytest.raises(InputError, match="cannot be read"):
        tours.load(tmp_path / "none.yaml")


@pytest.mark.parametrize("file", sorted(tours.TOURS.glob("*.yaml")), ids=lambda file: file.stem)
def test_a_shipped_tour_holds_no_measured_number(file: Path) -> None:
    """The exhibits' sentences say the numbers: those are computed."""
    tour = tours.read(file.read_text(encoding="utf-8"), file.name, {*PAGES, *VOCABULARY})
    texts = [tour.title, tour.summary]
    for step in tour.steps:
        texts += [getattr(step, part.name) for part in fields(step) if part.name not in ("page", "link", "minutes", "look_at")]
    assert [text for text in texts if re.search(r"\d", text)] == []


def test_four_tours_are_shipped_and_have_the_length_that_they_promise() -> None:
    pages = tuple(VOCABULARY)
    assert {name: tour.minutes for name, tour in tours.shipped(pages).items()} == {
        "why-residual": 10, "exam-questions": 40, "why-residual-45": 45, "lab-depth": 90,
    }  # fmt: skip


def test_reading_a_tour_needs_neither_torch_nor_streamlit() -> None:
    code = (
        "import sys; from dashboard.lecture import tours; assert tours.shipped(); "
        "assert not {'torch', 'streamlit'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120, cwd=Path(__file__).parents[3])
