"""How is a stranger's text shown as it is? Escapes for Markdown, for Plotly, and for a spreadsheet that opens a CSV file.

Strangers write links, file names, and all that an uploaded file says: class names, titles, notes.
"""

from __future__ import annotations

import html
import re
from typing import Any

import pandas as pd

# What Markdown (CommonMark, GitHub's tables and strikes, Streamlit's formulas and colours) reads inside a line, and at its start
_MARKUP = re.compile(r"[\\`*_\[\]{}<>&~$:|!^]|^[#+=-]")
_NUMBERED = re.compile(r"^(\d+)([.)])(?=\s|$)")
# Streamlit looks for these in the text that is left after the Markdown is parsed, where a backslash no longer helps:
# addresses (of GitHub's Markdown), :shortcodes: and :material/icons:
_SOUGHT = re.compile(r"(?<=:)(?=//)|(?<=:)(?=[\w+/-]+:)|(?<=www)(?=\.)|(?<=@)(?=[\w-])", re.IGNORECASE)
_JOINER = "\N{WORD JOINER}"  # has no width and allows no line break
_FORMULA = re.compile(r"^\s*[=+\-@]|^\t")


def plain(text: object) -> str:
    """Return Markdown that Streamlit shows as the text itself, on one line: no link, image, icon, colour, formula or HTML."""
    line = "".join(filter(str.isprintable, " ".join(str(text).split()))).strip()
    return _NUMBERED.sub(r"\1\\\2", _MARKUP.sub(r"\\\g<0>", _SOUGHT.sub(_JOINER, line)))


def plotly_plain(text: object) -> str:
    """Return a label that Plotly draws as the text itself: it reads tags, such as <b> and <a href>, in every label."""
    return html.escape(str(text), quote=False)


def csv_plain(table: pd.DataFrame) -> str:
    """Return the table as CSV. A text that a spreadsheet would take for a formula gets an apostrophe in front."""
    texts = table.select_dtypes(include=["object", "string", "category"]).columns
    safe = table.assign(**{name: table[name].map(_no_formula) for name in texts})
    return safe.rename(columns=_no_formula).to_csv(index=False)


def _no_formula(cell: Any) -> Any:
    if not isinstance(cell, str):
        return cell
    line = cell.replace("\r", " ")  # pandas does not quote it, though many readers begin a new row there
    return f"'{line}" if _FORMULA.match(line) else line
