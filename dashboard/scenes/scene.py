"""What does a page show? A `Scene`: a question, its answer, and the exhibits that hold it, as plain data.

A scene is made by a pure function of a person's choices and of what the core found. A page, a hand-out, a notebook and a test
take the same one.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape

from dashboard.scenes.document import document, parts_html
from dashboard.scenes.exhibit import Exhibit, Part
from dashboard.words import typeset


@dataclass(frozen=True)
class Try:
    """A telling state of a page, and what a person is told to look at.

    Args:
        label: a few words that say what to do: "Switch batch norm off".
        parameters: what the link to that state says, by name.
    """

    label: str
    parameters: Mapping[str, str | list[str]]


@dataclass(frozen=True, eq=False)
class Scene:
    """One question and its answer.

    Args:
        question: the page's title.
        answer: one computed sentence, with the numbers of what is shown.
        main: what holds the answer: one part, or a plain and a residual one side by side.
        support: further parts, in order.
        does_not_show: one sentence on the limit of the answer.
        provenance: how it was made, in words; a paragraph each.
        next: key of the page that the story goes on with; "" where it is the next one of the page table.
        notices: what could not be shown as it was asked for, and why.
        notes: what else was found, in words; a paragraph each.
        try_this: states of the page that are worth a click, three at most.
    """

    question: str
    answer: str
    main: tuple[Part, ...]
    support: tuple[Part, ...] = ()
    does_not_show: str = ""
    provenance: tuple[str, ...] = ()
    next: str = ""
    notices: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    try_this: tuple[Try, ...] = ()

    @property
    def exhibits(self) -> tuple[Exhibit, ...]:
        """All figures, in order."""
        return tuple(each for each in (*self.main, *self.support) if isinstance(each, Exhibit))

    def to_html(self) -> str:
        """The scene as one HTML file that needs no network: figures that can be hovered and zoomed, and their numbers."""
        return document(self.question, self._body())

    def _repr_html_(self) -> str:
        """What a notebook shows: the same in a frame of its own."""
        page = base64.b64encode(self.to_html().encode()).decode()
        return f'<iframe src="data:text/html;base64,{page}" style="width:100%;height:900px;border:0"></iframe>'

    def _body(self) -> str:
        parts = [f"<h1>{escape(self.question)}</h1>", f'<p class="answer">{escape(typeset(self.answer))}</p>']
        parts += [f'<p class="notice">{escape(typeset(notice))}</p>' for notice in self.notices]
        parts.append(parts_html((*self.main, *self.support)))
        parts += [f"<p>{escape(typeset(note))}</p>" for note in self.notes]
        if self.does_not_show:
            parts.append(f"<h2>What this does not show</h2><p>{escape(typeset(self.does_not_show))}</p>")
        if self.provenance:
            parts.append("<h2>How it was made</h2>" + "".join(f"<p>{escape(each)}</p>" for each in self.provenance))
        return "\n".join(parts)
