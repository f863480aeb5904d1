"""What does a page show? A `Scene`: a question, its answer, and the exhibits that hold it, as plain data.

A scene is made by a pure function of a person's choices and of what the core found. A page, a hand-out, a notebook and a test
take the same one.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from html import escape
from typing import Any, Literal

import pandas as pd
import plotly.graph_objects as go
from plotly.offline import get_plotlyjs

from dashboard.figures.colours import CSS
from dashboard.words import typeset

Origin = Literal["measured", "from the paper", "computed here"]
Place = Literal["wide", "left", "right"]
SIDES: tuple[Place, Place] = ("left", "right")


@dataclass(frozen=True, eq=False)
class Exhibit:
    """One figure with its message, its numbers, and where they come from.

    Args:
        key: name on the page, and of the files that a person saves.
        figure: drawn without a title; `message` is its title.
        message: one computed sentence.
        alt: what the figure shows, for a person who does not see it.
        origin: where its numbers come from.
        provenance: run, data, recipe, seed, in words.
        numbers: makes the table behind the figure, when it is asked for.
        caption: how to read the figure: colours, units, scale.
        code: the lines of `resnet_core` that give the numbers.
        place: "left" and "right" ones that follow each other stand side by side.
        shape: width over height, where the figure is as high as its width asks for; None: the figure says its height.
        max_alpha: set where the figure's last image is evidence that the evidence sliders fade: its largest alpha (0 to 255).
            Alpha grows with the square root of evidence, so a threshold t hides pixels below `max_alpha * sqrt(t)`.
        clickable: whether a click on a point is a choice, whose value is the point's customdata.
        leads_to: key of the page that shows more of it.
        draws_itself: whether the curves appear from left to right, as they were recorded.
    """

    key: str
    figure: go.Figure
    message: str
    alt: str
    origin: Origin
    provenance: str
    numbers: Callable[[], pd.DataFrame]
    caption: str = ""
    code: str = ""
    place: Place = "wide"
    shape: float | None = None
    max_alpha: int | None = None
    clickable: bool = False
    draws_itself: bool = False
    leads_to: str = ""

    @cached_property
    def _parts(self) -> tuple[str, str]:
        drawn = json.loads(self.figure.to_json())
        marks = drawn["layout"].pop("shapes", [])
        return json.dumps(drawn, separators=(",", ":")), json.dumps(marks)

    @property
    def drawing(self) -> str:
        """The figure as Plotly's JSON, without its shapes: those mark a choice, and change while the rest stays."""
        return self._parts[0]

    @property
    def marks(self) -> str:
        """The figure's shapes, as a JSON list."""
        return self._parts[1]

    @cached_property
    def digest(self) -> str:
        """Identity of `drawing`, by which a browser keeps it."""
        return hashlib.sha256(self.drawing.encode()).hexdigest()


@dataclass(frozen=True, eq=False)
class Table:
    """Numbers that are read, not seen: a table with its message."""

    key: str
    frame: pd.DataFrame
    message: str
    index: bool = True  # whether the row names are shown


@dataclass(frozen=True, eq=False)
class Gallery:
    """Pictures with words, as HTML that is safe to show: whatever comes from strangers is escaped in it."""

    key: str
    body: str
    message: str


Part = Exhibit | Table | Gallery


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


def rows(shown: Sequence[Part]) -> list[list[Part]]:
    """What stands side by side: a "left" one with the "right" ones that follow it; everything else alone."""
    found: list[list[Part]] = []
    for each in shown:
        beside = found and isinstance(each, Exhibit) and each.place == "right"
        first = found[-1][0] if beside else None
        if isinstance(first, Exhibit) and first.place == "left":
            found[-1].append(each)
        else:
            found.append([each])
    return found


def parts_html(shown: Sequence[Part]) -> str:
    """Return exhibits, tables and galleries as HTML for the body of a `document`."""
    return "\n".join(f'<div class="row">{"".join(map(_html, row))}</div>' for row in rows(shown))


def document(title: str, body: str) -> str:
    """Return one HTML file that needs no network and prints on A4, with all that `parts_html` needs."""
    return _PAGE.format(title=escape(title), plotly=_packed_plotly(), style=f":root {{ {CSS} }}{_STYLE}", body=body)


@cache
def _packed_plotly() -> str:
    """Plotly's script, compressed: 2 MB instead of 5; every browser since 2023 unpacks it."""
    return base64.b64encode(gzip.compress(get_plotlyjs().encode(), mtime=0)).decode()


def _html(shown: Part) -> str:
    if isinstance(shown, Table):
        return f"<figure><figcaption>{escape(typeset(shown.message))}</figcaption>{_table(shown.frame, shown.index)}</figure>"
    if isinstance(shown, Gallery):
        return f"<section><h3>{escape(typeset(shown.message))}</h3>{shown.body}</section>"
    numbers = base64.b64encode(shown.numbers().to_csv(index=False).encode()).decode()
    ratio = f"aspect-ratio:{shown.shape:.4f}" if shown.shape else f"height:{shown.figure.layout.height or 420}px"
    code = f"<details><summary>The lines of code</summary><pre>{escape(shown.code)}</pre></details>" if shown.code else ""
    drawing: dict[str, Any] = json.loads(shown.drawing)
    drawing["layout"] |= {"shapes": json.loads(shown.marks), "autosize": True, "template": {"layout": PAPER}}
    return (
        f"<figure><figcaption>{escape(typeset(shown.message))}</figcaption>"
        f'<div class="plot" style="{ratio}" role="figure" aria-label="{escape(shown.alt)}"></div>'
        # "<" is written otherwise, so that no text inside can end the script
        f'<script type="application/json">{json.dumps(drawing).replace("<", chr(92) + "u003c")}</script>'
        f"<p>{escape(typeset(shown.caption))}</p>"
        f'<p class="badge"><b>{shown.origin}</b> {escape(shown.provenance)} '
        f'<a download="{escape(shown.key)}.csv" href="data:text/csv;base64,{numbers}">numbers</a></p>{code}</figure>'
    )


def _table(frame: pd.DataFrame, index: bool) -> str:
    return str(frame.to_html(index=index, border=0, escape=True))


# on white: a hand-out is printed
_AXIS = {"gridcolor": "#E2E6EB", "zerolinecolor": "#E2E6EB", "linecolor": "#B8BFC8", "tickcolor": "#B8BFC8", "automargin": True}
PAPER: dict[str, Any] = {
    "font": {"color": "#1B1F24", "family": "sans-serif", "size": 13},
    "paper_bgcolor": "rgba(0,0,0,0)",
    "plot_bgcolor": "rgba(0,0,0,0)",
    "xaxis": _AXIS,
    "yaxis": _AXIS,
}
_STYLE = """
@page { size: A4; margin: 14mm }
body { font: 16px/1.5 system-ui, sans-serif; color: #1B1F24; background: #fff }
body { max-width: 1100px; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.9rem; line-height: 1.25 } h2 { font-size: 1.3rem; margin: 1.8rem 0 .5rem }
.answer { font-size: 1.35rem } .notice { border-left: 4px solid var(--plain); padding-left: .7rem }
.row { display: flex; flex-wrap: wrap; gap: 1.5rem } figure { flex: 1 1 420px; min-width: 0; margin: 1.2rem 0 }
figcaption { font-weight: 600; font-size: 1.1rem; margin-bottom: .5rem } .badge { color: #5A626C; font-size: .85em }
.plot { min-width: 0; overflow: hidden } section img { max-width: 100% }
table { border-collapse: collapse } td, th { padding: .25rem .7rem; text-align: left; border-bottom: 1px solid #E2E6EB }
pre { background: #F2F4F7; padding: .7rem; overflow-x: auto; white-space: pre-wrap }
.paper { max-width: none; width: 182mm; margin: 0; padding: 0; font-size: 12px }
.paper figure { flex-basis: 80mm; margin: .6rem 0 } .paper .row { gap: 6mm } .paper .answer { font-size: 1.2em }
.paper figcaption { font-size: 1em }
.paper table { font-size: 10px } .paper :is(td, th) { padding: .15rem .3rem; overflow-wrap: anywhere }
@media print { figure, details, .question { break-inside: avoid } h1, h2, figcaption { break-after: avoid } }
@media print { .badge a { display: none } }
"""
_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{title}</title>
<style>{style}</style><script type="text/plain" id="plotly">{plotly}</script></head>
<body>{body}
<script>
const plots = [...document.querySelectorAll(".plot")]
const config = {{ displaylogo: false, showSendToCloud: false, responsive: true }}
async function unpacked(id) {{
  const bytes = Uint8Array.from(atob(document.getElementById(id).textContent), (letter) => letter.charCodeAt(0))
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).text()
}}
async function draw() {{
  document.head.append(Object.assign(document.createElement("script"), {{ textContent: await unpacked("plotly") }}))
  for (const plot of plots) {{
    const {{ data, layout }} = JSON.parse(plot.nextElementSibling.textContent)
    await Plotly.newPlot(plot, data, layout, config)
    plot.onScreen = {{ height: plot.clientHeight, ratio: parseFloat(plot.style.aspectRatio) || 0 }}
  }}
}}
draw().catch(() => document.body.prepend("This browser is too old to draw the figures; one of 2023 or later does."))
// Plotly draws in pixels: what prints is drawn anew for the sheet's width, and smaller, so that labels keep their room
const SCALE = 0.7
addEventListener("beforeprint", () => {{
  document.body.classList.add("paper")
  for (const plot of plots.filter((each) => each.onScreen)) {{
    const width = plot.parentElement.getBoundingClientRect().width / SCALE
    const height = plot.onScreen.ratio ? width / plot.onScreen.ratio : plot.onScreen.height
    Object.assign(plot.style, {{ zoom: SCALE, width: `${{width}}px`, height: `${{height}}px` }})
    Plotly.relayout(plot, {{ width, height }})
  }}
}})
addEventListener("afterprint", () => {{
  document.body.classList.remove("paper")
  for (const plot of plots.filter((each) => each.onScreen)) {{
    const {{ height, ratio }} = plot.onScreen
    Object.assign(plot.style, {{ zoom: "", width: "", height: ratio ? "" : `${{height}}px` }})
    Plotly.relayout(plot, {{ width: null, height: ratio ? null : height, autosize: true }})
  }}
}})
</script></body></html>
"""
