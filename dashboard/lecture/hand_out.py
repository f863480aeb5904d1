"""What does a student take home? A page or a whole tour as one HTML file: it opens without a network, and prints on A4."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from html import escape
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from dashboard.lecture import tours
from dashboard.lecture.tours import Step, Tour
from dashboard.lecture.visit import NothingShownError, visit
from dashboard.pages import PAGES
from dashboard.scenes import Part, Scene
from dashboard.scenes.document import document, parts_html
from dashboard.scenes.exhibit import rows
from dashboard.words import typeset
from resnet_core.errors import InputError, hint

MOST_BYTES = 5_000_000


def hand_out(what: str) -> str:
    """Return the HTML of a tour or a page.

    Args:
        what: id of a shipped tour, path of a YAML file, or address of a page with its parameters.

    Raises:
        InputError: there is no such tour or page, or the file has more than 5 MB.
    """
    shipped = tours.shipped()
    address = urlsplit(what)
    key = address.path.strip("/")
    if what in shipped:
        made = of_tour(shipped[what])
    elif what.endswith((".yaml", ".yml")):
        made = of_tour(tours.load(Path(what)))
    elif key in PAGES:
        made = visit(key, parse_qs(address.query, keep_blank_values=True)).to_html()
    else:
        raise InputError(f"There is no tour or page {what!r}; {hint(key, [*shipped, *PAGES])}")
    if len(made.encode()) > MOST_BYTES:
        raise InputError(f"The hand-out of {what} has {len(made.encode()) / 1e6:.1f} MB, more than 5; divide the tour.")
    return made


def of_tour(tour: Tour) -> str:
    """Return a tour's hand-out: the text of every step, what it looks at, its question, and all sources."""
    scenes = list(_visited(tour))
    contents = "".join(f'<li><a href="#step-{number}">{escape(step.title)}</a></li>' for number, step in enumerate(tour.steps, 1))
    body = [f'<h1>{escape(tour.title)}</h1><p class="answer">{escape(tour.summary)}</p><ol>{contents}</ol>']
    said = ""
    for number, (step, scene) in enumerate(zip(tour.steps, scenes, strict=True), 1):
        answer = "" if scene.answer == said else scene.answer
        said = scene.answer
        body.append(_step(number, step, scene, answer))
    sources = dict.fromkeys(paragraph for scene in scenes for paragraph in scene.provenance)
    body.append("<h2>How it was made</h2>" + "".join(f'<p class="badge">{escape(paragraph)}</p>' for paragraph in sources))
    return document(tour.title, "\n".join(body))


_NOTHING = Scene("", "", ())  # of a page that waits for something: the step keeps its text


def _visited(tour: Tour) -> Iterator[Scene]:
    """The scene of every step; steps that show the same state of a page share it."""
    made: dict[tuple[str, str], Scene] = {}
    for number, step in enumerate(tour.steps, 1):
        state = (step.page, step.query)
        if state not in made:
            print(f"step {number} of {len(tour.steps)}: {step.title}", file=sys.stderr)
            try:
                made[state] = visit(step.page, _lists(step.link))
            except NothingShownError:
                made[state] = _NOTHING
        yield made[state]


def _lists(link: Mapping[str, tuple[str, ...]]) -> dict[str, str | list[str]]:
    return {name: list(values) for name, values in link.items()}


def _step(number: int, step: Step, scene: Scene, answer: str) -> str:
    parts = [f'<h2 id="step-{number}">{number}. {escape(step.title)}</h2><p>{escape(step.text)}</p>']
    if answer:
        parts.append(f'<p class="notice">{escape(typeset(answer))}</p>')
    parts.append(parts_html(_looked_at(step, scene)))
    if step.do:
        parts.append(f"<p><b>In the dashboard.</b> {escape(step.do)}</p>")
    if step.question:
        parts.append(
            f'<div class="question"><p><b>Question.</b> {escape(step.question)}</p>'
            f"<details><summary>Answer</summary><p>{escape(step.reveal)}</p></details></div>"
        )
    if scene.does_not_show and answer:
        parts.append(f'<p class="badge"><b>What this does not show.</b> {escape(scene.does_not_show)}</p>')
    return f"<section>{''.join(parts)}</section>"


def _looked_at(step: Step, scene: Scene) -> tuple[Part, ...]:
    """The exhibit that the step lights up, with what stands beside it; without one, the scene's main exhibits."""
    if not step.look_at or scene is _NOTHING:
        return scene.main
    for beside in rows((*scene.main, *scene.support)):
        if step.look_at in (part.key for part in beside):
            return tuple(beside)
    shown = ", ".join(part.key for part in (*scene.main, *scene.support))
    raise InputError(f"Step “{step.title}” looks at “{step.look_at}”, but the page {step.page} shows {shown} under its link.")
