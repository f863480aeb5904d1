"""What is one exhibit? A figure with its message, a table or a gallery, as plain data."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import pandas as pd
import plotly.graph_objects as go

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
