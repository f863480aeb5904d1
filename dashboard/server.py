"""The site as one ASGI application, and the process that serves it."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import sys
import threading
import webbrowser
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import streamlit as st
from starlette.middleware import Middleware
from streamlit.runtime import get_instance
from streamlit.runtime.caching.ttl_cache import TTLCache
from streamlit.runtime.memory_session_storage import MemorySessionStorage
from streamlit.runtime.session_manager import SessionInfo

from dashboard.lecture import presenter
from dashboard.serving import blocks, exhibits, limits, uploads
from dashboard.serving.edge import Edge

SCRIPT = Path(__file__).with_name("app.py")
HOSTS = "RESNET_LENS_HOSTS"  # environment variable: names of this server, separated by commas, such as a proxy's public name


class _LostSessions(MemorySessionStorage):
    """Sessions whose browser is gone. After some time, each is ended and its files removed.

    Streamlit forgets such a session when the next visitor leaves, and its files when Python's garbage collector finds it.
    """

    def __init__(self) -> None:
        super().__init__(limits.SESSIONS, limits.LOST_SESSION_SECONDS)

    def save(self, session_info: SessionInfo) -> None:
        self._end()
        super().save(session_info)

    async def keep_ending(self) -> None:
        while True:
            await asyncio.sleep(limits.SWEEP_SECONDS)
            self._end()

    def _end(self) -> None:
        assert isinstance(self._cache, TTLCache)
        for _, lost in self._cache.expire():
            try:
                lost.session.shutdown()
            except Exception:  # what a page wants done at a session's end may fail; the next sessions are to end all the same
                logging.exception("A session did not end properly.")


def serve(url: str, port: int, address: str, base_path: str) -> None:
    """Serve the site until the process is told to end.

    Args:
        url: where a browser on this machine finds the site.
        port, address: where to listen.
        base_path: "" or "lens": the path below which the site lies.
    """
    names = {address, socket.gethostname(), *filter(None, os.environ.get(HOSTS, "").replace(" ", "").split(","))}

    @asynccontextmanager
    async def lifespan(_app: st.App) -> AsyncIterator[dict[str, Any]]:
        uploads.store()  # removes what a server that was killed has left
        threading.Thread(target=_greet, args=(url,), daemon=True).start()
        lost = get_instance()._session_mgr._session_storage = _LostSessions()  # type: ignore[attr-defined]
        sweeping = asyncio.create_task(lost.keep_ending())
        yield {}
        sweeping.cancel()

    below = f"/{base_path}" if base_path else ""
    edge = Middleware(Edge, hosts=names, base_path=below)
    routes = [*exhibits.routes(below), *blocks.routes(below), *presenter.routes(below)]
    app = st.App(SCRIPT, middleware=[edge], lifespan=lifespan, routes=routes)
    sys.argv = [str(SCRIPT)]  # Streamlit looks for .streamlit/config.toml beside it
    app.run(
        config={
            "server.port": port,
            "server.address": address,
            "server.baseUrlPath": base_path,
            "server.maxUploadSize": limits.FILE_BYTES >> 20,
            "logger.hideWelcomeMessage": True,  # it asks a server on the internet for this machine's address
        }
    )


def _greet(url: str) -> None:
    """Open the page; meanwhile draw Home and load torch, so that the first answers wait for neither. The port is open by now."""
    if sys.platform != "linux" or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
        webbrowser.open(url)
    from dashboard import serving

    serving.home_scene()  # before torch: it is what most people see first
    import resnet_core.inspection.inspect
    import resnet_core.networks.weights  # noqa: F401
