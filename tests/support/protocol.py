"""A visitor without a browser: one session of a Streamlit server, spoken to in its own protocol."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import requests
from google.protobuf.json_format import ParseDict
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

SECONDS = 60  # until an answer counts as lost


class Place(NamedTuple):
    """Where the server keeps an uploaded file."""

    file_id: str
    url: str


class Visitor:
    """One session.

    Attributes:
        session_id: what the server calls the session.
        deltas: the elements of the last run, in the order in which they came.
        exceptions: the messages of the exceptions that the last run shows.
        put_urls: where this visitor put files, refused ones included.
    """

    def __init__(self, socket: ClientConnection, address: str) -> None:
        self._socket, self._address = socket, address.rstrip("/")
        self._http = requests.Session()
        self._http.trust_env = False  # no proxy of the environment
        self._http.get(f"{self._address}/_stcore/health", timeout=SECONDS).raise_for_status()  # brings the XSRF cookie
        self._states: dict[str, dict[str, Any]] = {}
        self._place: dict[str, Any] = {}
        self.session_id = ""
        self.deltas: list[Any] = []
        self.put_urls: list[str] = []

    def open(self, page: str = "", query: str = "") -> None:
        """Run a page, given by its path ("feature_maps"), with the query of a link, and wait until it is drawn."""
        self._states, self._place = {}, {"pageName": page, "queryString": query}
        self.rerun()

    def set(self, key: str, **value: Any) -> None:
        """Set the widget of that key, as in `set("network", stringValue="resnet18")`, and wait until the page is drawn."""
        name = self.widget(key)
        self._states[name] = {"id": name, **value}
        self.rerun()
        if "triggerValue" in value:  # a click ends with its run
            del self._states[name]

    def widget(self, key: str) -> str:
        """Return the id of the last run's widget that was made with `key`."""
        found = re.search(rf"\$\$ID-[0-9a-f]+-{re.escape(key)}\b", "\n".join(map(str, self.deltas)))
        assert found, f"the page shows no widget with the key {key}"
        return found[0]

    def rerun(self) -> None:
        """Run the page with the widgets as they are, and wait until it is drawn."""
        self.send({"rerunScript": {**self._place, "widgetStates": {"widgets": list(self._states.values())}}})
        self.deltas = []
        for message in self._messages():
            kind = message.WhichOneof("type")
            if kind == "new_session":
                self.session_id = message.new_session.initialize.session_id
                self._place["pageScriptHash"] = message.new_session.page_script_hash
            elif kind == "navigation":
                self._place["pageScriptHash"] = message.navigation.page_script_hash
            elif kind == "delta":
                self.deltas.append(message.delta.new_element if message.delta.HasField("new_element") else message.delta)
            elif kind == "script_finished" and message.script_finished != ForwardMsg.FINISHED_EARLY_FOR_RERUN:
                return

    @property
    def exceptions(self) -> list[str]:
        return [each.exception.message for each in self.deltas if getattr(each, "exception", None) and each.exception.message]

    @property
    def text(self) -> str:
        """All that the last run sent, as text to search in."""
        return "\n".join(map(str, self.deltas))

    def send(self, message: dict[str, Any]) -> None:
        """Send a BackMsg, written as JSON."""
        self._socket.send(ParseDict(message, BackMsg()).SerializeToString())

    def place(self, name: str) -> Place:
        """Ask the server where to put a file."""
        asked = str(uuid.uuid4())
        self.send({"fileUrlsRequest": {"requestId": asked, "fileNames": [name], "sessionId": self.session_id}})
        answer = next(m for m in self._messages() if m.file_urls_response.response_id == asked).file_urls_response.file_urls[0]
        return Place(answer.file_id, self._address + answer.upload_url)

    def put(self, url: str, name: str, data: bytes, *, chunked: bool = False) -> requests.Response:
        """Send a file to a URL as a browser does, or without saying its length (`chunked`)."""
        self.put_urls.append(url)
        request = requests.Request("PUT", url, files={"file": (name, data)}, headers={"X-Xsrftoken": self._xsrf})
        ready = self._http.prepare_request(request)
        if chunked:
            body = ready.body
            assert isinstance(body, bytes)
            ready.body = (body[start : start + 2**16] for start in range(0, len(body), 2**16))  # type: ignore[assignment]
            del ready.headers["Content-Length"]
            ready.headers["Transfer-Encoding"] = "chunked"
        return self._http.send(ready, timeout=SECONDS)

    def remove(self, url: str) -> requests.Response:
        """Remove an uploaded file, as the cross beside its name does."""
        return self._http.delete(url, headers={"X-Xsrftoken": self._xsrf}, timeout=SECONDS)

    def upload(self, key: str, name: str, data: bytes) -> None:
        """Give a file to the file uploader or camera of that key, and wait until the page is drawn."""
        place = self.place(name)
        self.put(place.url, name, data).raise_for_status()
        file = {"fileId": place.file_id, "name": name, "size": len(data), "fileUrls": {"fileId": place.file_id}}
        self.set(key, fileUploaderStateValue={"uploadedFileInfo": [file]})

    @property
    def _xsrf(self) -> str:
        return self._http.cookies["_streamlit_xsrf"]

    def _messages(self) -> Iterator[ForwardMsg]:
        while True:
            message = ForwardMsg()
            frame = self._socket.recv(timeout=SECONDS)
            assert isinstance(frame, bytes)
            message.ParseFromString(frame)
            yield message


@contextmanager
def visitor(address: str) -> Iterator[Visitor]:
    """A session of the server at `address`, base path included, whose connection ends with the block."""
    stream = f"{address.rstrip('/')}/_stcore/stream".replace("http", "ws", 1)
    with connect(stream, subprotocols=[Subprotocol("streamlit")], max_size=None, open_timeout=SECONDS, proxy=None) as socket:
        yield Visitor(socket, address)
