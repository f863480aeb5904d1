"""What do both networks take many photographs for, and how sure are they?"""

from __future__ import annotations

import html
from collections.abc import Collection, Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from numpy.typing import NDArray

from dashboard.figures.colours import NEUTRAL, of_network
from dashboard.figures.overlay import Pixels, thumbnail_uri
from dashboard.figures.style import ABOVE, AXIS, TICKS, heading, titled
from dashboard.plain import plotly_plain

NAMED = 12  # photographs: of more, the names would cover each other
_CARD = """<figure><img src="{source}" alt="{title}"><figcaption>{title}
<span style="border-color: {left_colour}">{left} <b>{left_percent:.0f} %{left_mark}</b></span>
<span style="border-color: {right_colour}">{right} <b>{right_percent:.0f} %{right_mark}</b></span></figcaption></figure>"""
_STYLE = """<style>
.answers { display: grid; grid-template-columns: repeat(auto-fit, minmax(132px, 1fr)); gap: .9rem }
.answers figure { margin: 0; max-width: 230px }
.answers img { width: 100%; aspect-ratio: 1; border-radius: .4rem; display: block }
.answers figcaption { font-size: .85rem; line-height: 1.35; overflow-wrap: anywhere }
.answers figcaption span { display: block; border-left: .3rem solid; padding-left: .4rem; margin-top: .2rem }
</style>"""


def predictions_table(
    titles: Sequence[str],
    classes: Sequence[Sequence[str]],
    probabilities: Sequence[NDArray[np.float32]],
    truths: Sequence[Collection[str]],
) -> pd.DataFrame:
    """A row a photograph: what two networks, left and right, find most probable, whether it is right, and whether they agree.

    classes, probabilities: of each network, names and (N, classes). truths: of each photograph, the classes that are right. Where
    there is none, or a network has learned none of them, nobody can say whether it is right: None.
    """
    columns: dict[str, object] = {"photograph": list(titles)}
    for side, names, found in zip(("left", "right"), classes, probabilities, strict=True):
        best = found.argmax(1)
        columns[side] = [names[i] for i in best]
        columns[f"{side}_percent"] = 100 * found[np.arange(len(best)), best]
        learned = [not set(names).isdisjoint(truth) for truth in truths]
        columns[f"{side}_correct"] = pd.array(
            [names[i] in truth if known else None for i, truth, known in zip(best, truths, learned, strict=True)], "boolean"
        )
    table = pd.DataFrame(columns)
    return table.assign(agree=table.left == table.right)


def how_often_right(table: pd.DataFrame, names: Sequence[str]) -> str:
    """In words, of both networks by `names`; empty where nobody can say of any photograph."""
    known = [(name, table[f"{side}_correct"].dropna()) for side, name in zip(("left", "right"), names, strict=True)]
    said = [f"{name} on {found.sum()} of {len(found)}" for name, found in known if len(found)]
    return f"Right (✓) where the photograph shows a class that the network has learnt: {', '.join(said)}." if said else ""


def predictions_gallery(table: pd.DataFrame, pictures: Sequence[Pixels], residual: Sequence[bool]) -> str:
    """Every photograph (S, S, 3) with both answers, as HTML: as many in a row as there is room for.

    residual: of either network, which its answers are coloured by.
    """
    colours = dict(zip(("left_colour", "right_colour"), map(of_network, residual), strict=True))
    cards = []  # what is foreign, as a file's name, is escaped
    for row, picture in zip(table.rename(columns={"photograph": "title"}).to_dict("records"), pictures, strict=True):
        said = {key: html.escape(value) if isinstance(value, str) else value for key, value in row.items()}
        for side in ("left", "right"):
            said[f"{side}_mark"] = (
                ""
                if pd.isna(row[f"{side}_correct"])
                else "\N{NO-BREAK SPACE}✓"
                if row[f"{side}_correct"]
                else "\N{NO-BREAK SPACE}✗"
            )
        cards.append(_CARD.format(source=thumbnail_uri(picture), **said, **colours))
    return f'{_STYLE}<div class="answers">{"".join(cards)}</div>'


def _short(title: str) -> str:
    return f" {plotly_plain(title if len(title) < 24 else title[:22].rstrip() + '…')}"


def confidence(table: pd.DataFrame, names: Sequence[str]) -> go.Figure:
    """How sure both networks are of what they find most probable, in percent; a point a photograph, filled where they agree."""
    left, right = map(plotly_plain, names)
    top = max(10.0, float(table[["left_percent", "right_percent"]].max(axis=None)) * 1.08)
    figure = go.Figure()
    figure.add_scatter(
        x=[0, top],
        y=[0, top],
        mode="lines",
        line={"color": NEUTRAL, "width": 1, "dash": "dash"},
        hoverinfo="skip",
        showlegend=False,
    )
    for agree, part in table.groupby("agree", sort=True):
        figure.add_scatter(
            x=part.left_percent, y=part.right_percent, mode="markers+text" if len(table) <= NAMED else "markers", name="they "
            "agree" if agree else "they disagree",
            text=[_short(r.photograph) for r in part.itertuples()], textposition="middle right", cliponaxis=False,
            customdata=[
                f"{plotly_plain(r.photograph)}<br>{left}: {plotly_plain(r.left)}<br>{right}: {plotly_plain(r.right)}"
                for r in part.itertuples()
            ],
            hovertemplate="%{customdata}<br>%{x:.0f} %, %{y:.0f} %<extra></extra>",
            marker={"size": 13, "color": NEUTRAL, "symbol": "circle" if agree else "circle-open", "line": {"width": 2}},
        )  # fmt: skip
    axis = {"range": [0, top], "dtick": 20 if top > 50 else 10, **TICKS, **AXIS}
    return figure.update_layout(
        height=420, title=heading("probability of the first choice, %"), legend=ABOVE, margin={"l": 0, "r": 8, "t": 52, "b": 44},
        xaxis={**axis, "title": titled(left)}, yaxis={**axis, "title": {**titled(right), "standoff": 14}},
    )  # fmt: skip
