"""How does a person play with what a block computes? The server sends it once; the browser answers every move."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import streamlit as st

from dashboard.figures.colours import CSS
from dashboard.serving.blocks import PATH, block_store

KEY = "operations"
_HERE = Path(__file__).parent
_SCRIPTS = ("arithmetic", "drawing", "lanes", "steps", "pixel", "residual", "kernel", "norm", "relu", "field", "part")
_OPERATIONS = st.components.v2.component(
    KEY,
    html='<div class="operations"><p class="waiting">Fetching what the blocks hold…</p></div>',
    css=f".operations {{ {CSS} }}\n" + (_HERE / "operations.css").read_text(encoding="utf-8"),
    js="\n".join((_HERE / f"operations_{name}.js").read_text(encoding="utf-8") for name in _SCRIPTS),
)


@dataclass(frozen=True)
class Lane:
    """One network's block in the browser: digests of its maps and of one channel, and what the look needs besides."""

    title: str
    residual: bool
    block: str
    maps: str
    channel: str
    pack: str  # a third digest, "" where the look needs none
    extents: Sequence[Sequence[int]]  # first and last pixel that every cell can see, along one side
    extra: Mapping[str, Any]


def operations(
    look: str,
    lanes: Sequence[Lane],
    cell: tuple[int, int],
    pinned: bool,
    photograph: str,
    side: int,
    on_choice: Callable[[str, str], None],
) -> None:
    """Draw a look at the blocks.

    Args:
        look: which one; a key of the browser's LOOKS.
        lanes: the residual network's block first.
        cell: row and column of the first lane's output that is looked at.
        pinned: whether a person chose it: then it stays where it is under the pointer.
        photograph: a URL of the square that the networks see, and `side`, its pixels in their input.
        on_choice: called with ("pixel", "12-20") or ("through", "7") when a person pins one.
    """
    state = st.session_state.get(KEY)
    missing = state and state.get("missing")
    base = st.get_option("server.baseUrlPath").strip("/")
    wanted = [digest for lane in lanes for digest in (lane.maps, lane.channel, lane.pack)]
    data = {
        "look": look,
        "folder": f"/{base}/{PATH}" if base else f"/{PATH}",
        "lanes": [vars(lane) for lane in lanes],
        "cell": list(cell),
        "pinned": pinned,
        "photograph": photograph,
        "side": side,
        # what the browser asked for in vain comes with the page: the store had dropped it, or its route is not there
        "inline": {digest: _encoded(digest) for digest in wanted} if missing in wanted else {},
    }

    def chosen() -> None:
        said = st.session_state[KEY]
        for name in ("pixel", "through"):
            if said.get(name):
                on_choice(name, said[name])

    _OPERATIONS(key=KEY, data=data, on_pixel_change=chosen, on_through_change=chosen, on_missing_change=lambda: None)


def _encoded(digest: str) -> str:
    return base64.b64encode(block_store().get(digest) or b"").decode()
