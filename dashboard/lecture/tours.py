"""What is a tour? Steps over the pages, as data, read from a YAML file; a mistake in it is one sentence with its line."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from urllib.parse import urlencode

import yaml

from dashboard.lecture.vocabulary import VOCABULARY
from dashboard.pages import PAGES
from dashboard.scenes.link_words import allows
from resnet_core.assets import ASSETS
from resnet_core.errors import InputError

TOURS = ASSETS / "tours"
MOST_BYTES, MOST_STEPS = 100_000, 100  # of a file: a tour of two hours has about 40 kB
MOST_LISTED = 20  # choices that a sentence on a mistake names


@dataclass(frozen=True)
class Step:
    """One stop of a tour: a page in one state, and what is said there.

    Args:
        page: key of the page.
        title: in the list of steps.
        text: what the hall reads: two or three sentences.
        minutes: planned time.
        link: the page's parameters; those that are not named have their usual values.
        look_at: key of the exhibit that is lit up.
        do: one thing to do.
        notes: for the presenter alone.
        question, reveal: a question, and the answer that stays hidden until it is asked for.
    """

    page: str
    title: str
    text: str
    minutes: float
    link: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    look_at: str = ""
    do: str = ""
    notes: str = ""
    question: str = ""
    reveal: str = ""

    @property
    def query(self) -> str:
        """The link's parameters, as they stand in an address."""
        return urlencode(self.link, doseq=True)


@dataclass(frozen=True)
class Tour:
    """A title, one sentence on whom it is for, and its steps."""

    title: str
    summary: str
    steps: tuple[Step, ...]

    @property
    def minutes(self) -> float:
        """Planned time of all steps."""
        return sum(step.minutes for step in self.steps)


def shipped(pages: Collection[str] = tuple(PAGES)) -> dict[str, Tour]:
    """Return the tours that come with the project, by their ids, the shortest first; steps on other `pages` are left out."""
    tours = {}
    for file in TOURS.glob("*.yaml"):
        tour = read(file.read_text(encoding="utf-8"), file.name, {*pages, *VOCABULARY})
        tours[file.stem] = Tour(tour.title, tour.summary, tuple(step for step in tour.steps if step.page in pages))
    return dict(sorted(tours.items(), key=lambda item: item[1].minutes))


def load(path: Path) -> Tour:
    """Return the tour in a file.

    Raises:
        InputError: the file cannot be read, or has a mistake.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(f"The tour {path} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise InputError(f"{path.name} is not a text file in UTF-8; save it as one.") from None
    return read(text, path.name)


def read(text: str, name: str, pages: Collection[str] = tuple(PAGES)) -> Tour:
    """Return the tour that a YAML text describes.

    Args:
        name: of the file, for the sentence on a mistake.
        pages: keys of the pages that a step may be on.

    Raises:
        InputError: the first mistake, with its line, the reason, and what would be right.
    """
    if len(text.encode()) > MOST_BYTES:
        raise InputError(f"{name} has more than {MOST_BYTES:,} bytes; divide the tour into several files.")
    try:
        root = yaml.compose(text, yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        line = (error.problem_mark or error.context_mark).line + 1
        raise InputError(f"{name}, line {line}: this is not YAML: {error.problem}.") from None
    except (yaml.YAMLError, RecursionError):
        raise InputError(f"{name} is not YAML: it has characters or depths that no tour needs.") from None
    if root is None:
        raise InputError(f"{name} is empty; a tour has a title, a summary and steps.")
    return _Reader(name, pages).tour(root)


class _Reader:
    """Reads nodes of YAML, which know their lines."""

    def __init__(self, name: str, pages: Collection[str]) -> None:
        self.name = name
        self.pages = pages

    def tour(self, root: yaml.Node) -> Tour:
        parts = self._fields(root, "a tour", required=("title", "summary", "steps"))
        steps = parts["steps"]
        if not isinstance(steps, yaml.SequenceNode) or not steps.value:
            raise self._mistake(steps, "steps must be a list with at least one step, each beginning with “- page:”")
        if len(steps.value) > MOST_STEPS:
            raise self._mistake(steps, f"a tour has at most {MOST_STEPS} steps, not {len(steps.value)}")
        return Tour(
            self._text(parts["title"], "title"), self._text(parts["summary"], "summary"), tuple(map(self._step, steps.value))
        )

    def _step(self, node: yaml.Node) -> Step:
        texts = ("look_at", "do", "notes", "question", "reveal")
        parts = self._fields(node, "a step", required=("page", "title", "text", "minutes"), optional=("link", *texts))
        page = self._text(parts["page"], "page")
        if page not in self.pages:
            raise self._unknown(parts["page"], f"there is no page “{page}”", page, self.pages)
        step = Step(
            page,
            self._text(parts["title"], "title"),
            self._text(parts["text"], "text"),
            self._minutes(parts["minutes"]),
            self._link(parts["link"], page) if "link" in parts else {},
            **{name: self._text(parts[name], name) for name in texts if name in parts},
        )
        words = VOCABULARY.get(page)
        if step.look_at and words and not words.has_exhibit(step.look_at):
            raise self._unknown(
                parts["look_at"], f"the page “{page}” has no exhibit “{step.look_at}”", step.look_at, words.exhibits
            )
        for one, other in (("question", "reveal"), ("reveal", "question")):
            if one in parts and other not in parts:
                raise self._mistake(parts[one], f"a step with a “{one}” needs a “{other}”")
        return step

    def _link(self, node: yaml.Node, page: str) -> dict[str, tuple[str, ...]]:
        words = VOCABULARY.get(page)
        link = {}
        for name, value in self._mapping(node, "link").items():
            nodes = value.value if isinstance(value, yaml.SequenceNode) else [value]
            if not all(isinstance(each, yaml.ScalarNode) for each in nodes):
                raise self._mistake(value, f"the value of “{name}” must be a word, a number, or a list of them")
            link[name] = tuple(each.value for each in nodes)
            if words is None:
                continue
            try:
                values = words.values_of(name)
            except KeyError:
                said = f"a link to the page “{page}” has no parameter “{name}”"
                raise self._unknown(value, said, name, words.parameters) from None
            for each in nodes:
                if not allows(values, each.value):
                    choices = f"{values[0]} to {values[-1]}" if isinstance(values, range) else values or ()
                    raise self._unknown(each, f"“{each.value}” is no value of “{name}”", each.value, choices)
        return link

    def _minutes(self, node: yaml.Node) -> float:
        if isinstance(node, yaml.ScalarNode) and re.fullmatch(r"\d{1,3}(\.\d+)?", node.value) and 0 < float(node.value) <= 240:
            return float(node.value)
        raise self._mistake(node, "minutes must be a number above 0 and at most 240, such as 2 or 1.5")

    def _text(self, node: yaml.Node, name: str) -> str:
        if not isinstance(node, yaml.ScalarNode):
            raise self._mistake(node, f"“{name}” must be text, not a list or a mapping")
        if node.tag != "tag:yaml.org,2002:str" or not node.value.strip():
            shown = f"not {node.value}" if node.value.strip() else "and must not be empty"
            raise self._mistake(node, f"“{name}” must be text, {shown}; quotes make it text")
        return str(node.value).strip()

    def _fields(
        self, node: yaml.Node, what: str, required: tuple[str, ...], optional: tuple[str, ...] = ()
    ) -> dict[str, yaml.Node]:
        fields = self._mapping(node, what)
        for name, value in fields.items():
            if name not in (*required, *optional):
                raise self._unknown(value, f"{what} has no field “{name}”", name, (*required, *optional))
        for name in required:
            if name not in fields:
                raise self._mistake(node, f"{what} needs the field “{name}”")
        return fields

    def _mapping(self, node: yaml.Node, what: str) -> dict[str, yaml.Node]:
        if not isinstance(node, yaml.MappingNode):
            raise self._mistake(node, f"{what} must be fields with values, such as “title: …”")
        fields: dict[str, yaml.Node] = {}
        for key, value in node.value:
            name = key.value if isinstance(key, yaml.ScalarNode) else ""
            if not name:
                raise self._mistake(key, f"{what} has a field without a name")
            if name in fields:
                raise self._mistake(key, f"the field “{name}” stands twice; remove one")
            fields[name] = value
        return fields

    def _unknown(self, node: yaml.Node, said: str, name: str, choices: Collection[str] | str) -> InputError:
        """The mistake, with the nearest choice; or with all of them, or with the words for them."""
        if isinstance(choices, str):
            return self._mistake(node, f"{said}; choose {choices}")
        near = get_close_matches(name, choices, n=1)
        listed = ", ".join(list(choices)[:MOST_LISTED]) + (" …" if len(choices) > MOST_LISTED else "")
        advice = f"did you mean “{near[0]}”?" if near else f"choose one of {listed}"
        return self._mistake(node, f"{said}; {advice}")

    def _mistake(self, node: yaml.Node, said: str) -> InputError:
        shown = "".join(filter(str.isprintable, said))
        return InputError(f"{self.name}, line {node.start_mark.line + 1}: {shown}{'' if shown.endswith('?') else '.'}")
