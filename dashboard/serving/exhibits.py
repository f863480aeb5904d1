"""Which drawings does a browser fetch? Every exhibit's once, by its digest; and the numbers behind it, when a person asks."""

from __future__ import annotations

import gzip
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

import pandas as pd
import plotly
import streamlit as st

from dashboard.plain import csv_plain
from dashboard.scenes import Exhibit

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import Route

PATH = "exhibits"  # below the site's base path
PLOTLY = f"plotly-{plotly.__version__}.min.js"
MOST_BYTES = 256 * 2**20  # of all drawings together, compressed
_FOREVER = "private, max-age=31536000, immutable"  # what is behind a digest never changes


@dataclass(frozen=True)
class _Kept:
    drawing: bytes  # gzip
    numbers: Callable[[], pd.DataFrame]


class ExhibitStore:
    """Drawings by digest, compressed once; the longest unused go first when `most_bytes` are passed. Safe for threads."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self.most_bytes = most_bytes
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._bytes = 0
        self._lock = Lock()

    def keep(self, exhibit: Exhibit) -> None:
        """Have the exhibit ready for browsers."""
        digest = exhibit.digest
        with self._lock:
            if digest in self._kept:
                self._kept.move_to_end(digest)
                return
        packed = gzip.compress(exhibit.drawing.encode(), compresslevel=1, mtime=0)
        with self._lock:
            if digest not in self._kept:
                self._kept[digest] = _Kept(packed, exhibit.numbers)
                self._bytes += len(packed)
            while self._bytes > self.most_bytes and len(self._kept) > 1:
                self._bytes -= len(self._kept.popitem(last=False)[1].drawing)

    def get(self, digest: str) -> _Kept | None:
        """The exhibit's compressed drawing and numbers, or None where it is not kept (any more)."""
        with self._lock:
            if digest in self._kept:
                self._kept.move_to_end(digest)
            return self._kept.get(digest)


@st.cache_resource
def exhibit_store() -> ExhibitStore:
    """The store of this server, for all sessions."""
    return ExhibitStore()


def routes(base_path: str) -> list[Route]:
    """The routes below `base_path` ("" or "/lens") on which browsers fetch Plotly, drawings and numbers."""
    from starlette.responses import FileResponse, Response
    from starlette.routing import Route

    script = Path(plotly.__file__).parent / "package_data" / "plotly.min.js"

    async def plotly_script(_request: Request) -> Response:
        return FileResponse(script, media_type="text/javascript", headers={"cache-control": _FOREVER})

    async def drawing(request: Request) -> Response:
        kept = exhibit_store().get(request.path_params["digest"])
        if kept is None:
            return Response(status_code=404)
        headers = {"cache-control": _FOREVER, "content-encoding": "gzip"}
        return Response(kept.drawing, media_type="application/json", headers=headers)

    def numbers(request: Request) -> Response:  # not async: Starlette gives it a thread, where it may compute
        kept = exhibit_store().get(request.path_params["digest"])
        if kept is None:
            return Response(status_code=404)
        return Response(csv_plain(kept.numbers()), media_type="text/csv", headers={"cache-control": "private, no-store"})

    return [
        Route(f"{base_path}/{PATH}/{PLOTLY}", plotly_script),
        Route(f"{base_path}/{PATH}/{{digest}}.json", drawing),
        Route(f"{base_path}/{PATH}/{{digest}}.csv", numbers),
    ]
