"""What does the server refuse before Streamlit sees it? One ASGI middleware around the whole site; no page knows of it."""

from __future__ import annotations

import ipaddress
import re
from base64 import b64encode
from collections.abc import Collection
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from urllib.parse import urlsplit

import streamlit
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.runtime import get_instance
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager

from dashboard.serving import limits

LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})
_UPLOAD = re.compile(r"/_stcore/upload_file/([^/]+)/([^/]+)")
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_FORWARDED = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via")
# What a page sends. Left out: clear_cache, which empties the caches of all visitors, and what only a developer needs.
_WANTED = {"rerun_script", "stop_script", "file_urls_request", "app_heartbeat", "deferred_file", "dataframe_chunk"}


def _inline_scripts() -> str:
    """Return the hashes of the scripts inside Streamlit's index.html, as a Content-Security-Policy lists them."""
    index = (Path(streamlit.__file__).parent / "static" / "index.html").read_text()
    scripts = re.findall(r"<script>(.*?)</script>", index, re.DOTALL)
    return " ".join(f"'sha256-{b64encode(sha256(script.encode()).digest()).decode()}'" for script in scripts)


# Styles are inline in Streamlit and Plotly, and the script of a component is a blob. `{host}`: some browsers do not count a
# websocket of the page's own host as 'self'.
_POLICY = (
    f"default-src 'self'; script-src 'self' blob: {_inline_scripts()}; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; media-src 'self' blob:; worker-src 'self' blob:; "
    "connect-src 'self' ws://{host} wss://{host}; object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'self'"
)
_HEADERS = {
    "X-Frame-Options": "SAMEORIGIN",  # for browsers that do not know frame-ancestors
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


@dataclass
class _Arriving:
    """An upload that is being received."""

    session: str
    file: str
    received: int = 0  # bytes


class Edge:
    """Checks every request and adds the security headers to every answer.

    Args:
        hosts: names by which browsers may call the server, besides IP addresses.
        base_path: "" or "/lens": what stands in front of every path.
    """

    def __init__(self, app: ASGIApp, hosts: Collection[str], base_path: str) -> None:
        self._app = app
        self._hosts = LOCAL.union(host.lower() for host in hosts)
        self._base_path = base_path
        self._arriving: list[_Arriving] = []
        self._connected = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await self._http(scope, receive, send)
        elif scope["type"] == "websocket":
            await self._websocket(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers, path = Headers(scope=scope), scope["path"].removeprefix(self._base_path)
        known = self._known(headers.get("host"))
        send = _with_headers(send, headers["host"] if known else "localhost")
        try:
            if not known:
                raise HTTPException(
                    400, "This server does not go by that name; its operator can allow it with RESNET_LENS_HOSTS."
                )
            if path == "/_stcore/metrics" and not _local(scope, headers):
                raise HTTPException(404)
            if scope["method"] != "PUT" or not (upload := _UPLOAD.fullmatch(path)):
                return await self._app(scope, receive, send)
            arriving = _Arriving(session=upload[1], file=upload[2])
            self._arriving.append(arriving)
            try:
                return await self._app(scope, self._counted(arriving, headers, receive), send)
            finally:
                self._arriving.remove(arriving)
        except HTTPException as refused:
            await PlainTextResponse(refused.detail, refused.status_code)(scope, receive, send)

    def _counted(self, upload: _Arriving, headers: Headers, receive: Receive) -> Receive:
        """Return a `receive` that checks the upload at every chunk, as its Content-Length may be absent or false.

        Raises:
            HTTPException: the upload is refused at once.
        """
        if not limits.uploads_allowed():
            raise HTTPException(403, "Uploads are switched off on this server.")
        if not _UUID.fullmatch(upload.file):
            raise HTTPException(400, "The file's id is not one that this server gave.")
        announced = headers.get("content-length", "")
        self._check_room(upload, int(announced) if announced.isdecimal() else 0)

        async def counted() -> Message:
            message = await receive()
            upload.received += len(message.get("body", b""))
            self._check_room(upload, 0)
            return message

        return counted

    def _check_room(self, upload: _Arriving, announced: int) -> None:
        """Raise HTTPException if the upload, its `announced` bytes included, does not fit beside what Streamlit keeps already."""
        manager = get_instance().uploaded_file_mgr
        assert isinstance(manager, MemoryUploadedFileManager)
        kept = {
            session: {name: len(file.data) for name, file in files.items()} for session, files in manager.file_storage.items()
        }
        own = [each for each in self._arriving if each.session == upload.session]
        names = {each.file for each in own}.union(kept.get(upload.session, {}))
        if len(names) > limits.SESSION_FILES:
            raise HTTPException(
                429, f"You uploaded {limits.SESSION_FILES} files, the most a visitor may; reload the page to start again."
            )
        if sum(kept.get(upload.session, {}).values()) + sum(each.received for each in own) + announced > limits.SESSION_BYTES:
            most = limits.SESSION_BYTES >> 20
            raise HTTPException(
                429, f"Your files together are larger than {most} MB, the most a visitor may keep here; remove some first."
            )
        everything = sum(sum(files.values()) for files in kept.values()) + sum(each.received for each in self._arriving)
        if everything + announced > limits.ALL_BYTES:
            raise HTTPException(429, "The visitors of this server keep as many files as it can hold; try again in some minutes.")

    async def _websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        host, origin = headers.get("host"), headers.get("origin")
        stranger = not self._known(host) or (origin is not None and origin.partition("://")[2] != host)
        if stranger or self._connected >= limits.SESSIONS:
            await send({"type": "websocket.close", "code": 1008 if stranger else 1013})
            return

        async def wanted() -> Message:
            while True:
                message = await receive()
                if not message.get("bytes") or _wanted(message["bytes"]):
                    return message

        self._connected += 1
        try:
            await self._app(scope, wanted, send)
        finally:
            self._connected -= 1

    def _known(self, host: str | None) -> bool:
        """Return whether browsers may call this server `host`: a stranger's site can point its name here, but no IP address."""
        name = _name(host)
        return name in self._hosts or _is_ip(name)


def _with_headers(send: Send, host: str) -> Send:
    async def add(message: Message) -> None:
        if message["type"] == "http.response.start":
            policy = {"Content-Security-Policy": _POLICY.replace("{host}", host)}
            MutableHeaders(scope=message).update(_HEADERS | policy)
        await send(message)

    return add


def _wanted(frame: bytes) -> bool:
    """Return whether Streamlit shall see the frame. It closes the connection of one that it cannot read."""
    message = BackMsg()
    try:
        message.ParseFromString(frame)
    except DecodeError:
        return True
    kind = message.WhichOneof("type")
    return (message.backend_operation_request.WhichOneof("payload") if kind == "backend_operation_request" else kind) in _WANTED


def _local(scope: Scope, headers: Headers) -> bool:
    """Return whether the request comes from this machine, and not through a proxy on it."""
    client = scope.get("client")
    from_here = client is not None and _is_ip(client[0]) and ipaddress.ip_address(client[0]).is_loopback
    return from_here and _name(headers.get("host")) in LOCAL and not any(name in headers for name in _FORWARDED)


def _name(host: str | None) -> str:
    """Return the name in a Host header, without its port; "" if the header is none."""
    try:
        parts = urlsplit(f"//{host or ''}")
        return (parts.hostname or "") if parts.netloc == host and parts.port != 0 and "@" not in parts.netloc else ""
    except ValueError:
        return ""


def _is_ip(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return "%" not in name  # an IPv6 zone may be any text, and the name goes into a header
