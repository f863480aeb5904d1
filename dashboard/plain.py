"""How is a stranger's text shown as it is? Escapes for Markdown, for Plotly, and for a spreadsheet that opens a CSV file.

Strangers write links, file names, and all that an uploaded file says: class names, titles, notes.
"""

from __future__ import annotations

import html
import re
from typing import Any

import pandas as pd

_PUNCTUATION = re.compile(
    r"([!-/:-@\[-`{-~])"
)  # all of ASCII's; CommonMark 0.31, section 2.4, lets a backslash stand before each
# Streamlit looks for these in the text that is left after the Markdown is parsed, where a backslash no longer helps:
# addresses (of GitHub's Markdown), :shortcodes: and :material/icons:
_SOUGHT = re.compile(r"(?<=:)(?=//)|(?<=:)(?=[\w+/-]+:)|(?<=www)(?=\.)|(?<=@)(?=[\w-])", re.IGNORECASE)
_JOINER = "\N{WORD JOINER}"  # has no width and allows no line break
_FORMULA = re.compile(r"^[=+\-@\t\r]")


def plain(text: object) -> str:
    """Return Markdown that Streamlit shows as the text itself, on one line: no link, image, icon, colour, formula or HTML."""
    line = " ".join(str(text).split())
    line = "".join(character for character in line if character.isprintable())
    return _PUNCTUATION.sub(r"\\\1", _SOUGHT.sub(_JOINER, line))


def plotly_plain(text: object) -> str:
    """Return a label that Plotly draws as the text itself: it reads tags, such as <b> and <a href>, in every label."""
    return html.escape(str(text), quote=False)


def csv_plain(table: pd.DataFrame) -> str:
    """Return the table as CSV. A text that a spreadsheet would take for a formula gets an apostrophe in front."""
    texts = table.select_dtypes(include=["object", "string", "category"]).columns
    safe = table.assign(**{name: table[name].map(_no_formula) for name in texts})
    return safe.rename(columns=_no_formula).to_csv(index=False)


def _no_formula(cell: Any) -> Any:
    return f"'{cell}" if isinstance(cell, str) and _FORMULA.match(cell) else cell
