"""How do exhibits travel without a server? As one HTML file that needs no network, and prints on A4."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Sequence
from functools import cache
from html import escape
from typing import Any

import pandas as pd
from plotly.offline import get_plotlyjs

from dashboard.figures.colours import CSS
from dashboard.scenes.exhibit import Gallery, Part, Table, rows
from dashboard.words import typeset


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
