"""What do figure cards say and draw on a page that ran without a browser?"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from typing import Any

from streamlit.testing.v1 import AppTest

from dashboard.serving.exhibits import exhibit_store


def cards(at: AppTest) -> list[dict[str, Any]]:
    """The data of every figure card, as the browser gets them."""
    protos = [element.proto for element in at.get("bidi_component")]
    return [json.loads(proto.json) for proto in protos if proto.component_name == "figure_card"]


def drawing(card: dict[str, Any]) -> dict[str, Any]:
    """What the browser fetches for the card."""
    kept = exhibit_store().get(card["digest"])
    assert kept
    return dict(json.loads(gzip.decompress(kept.drawing)))


def texts(value: Any) -> Iterator[str]:
    """Every text in a JSON value, but for keys."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from texts(each)
    elif isinstance(value, list):
        for each in value:
            yield from texts(each)
