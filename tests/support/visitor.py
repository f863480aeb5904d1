"""A visitor without a browser, who may send what no browser sends: Streamlit's websocket, and its upload route."""

from __future__ import annotations

import http.client
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import connect

ROOT = Path(__file__).parents[2]
DEADLINE = 60  # seconds
BOUNDARY = "----boundary"


def eventually(fact: Callable[[], bool], seconds: float = DEADLINE) -> bool:
    """Whether it comes true before the deadline."""
    end = time.monotonic() + seconds
    while not fact():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


@contextmanager
def served(script: Path, environment: Mapping[str, str]) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """A server of the script and its port; it is ended at the end of the block, if it still lives."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = ["--server.port", str(port), "--server.address", "127.0.0.1", "--server.headless", "true"]
    process = subprocess.Popen(
        [sys.executable, "-m", "streamlit", "run", script, *options, "--server.fileWatcherType", "none"],
        cwd=ROOT,
        env={**environment, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )

    def answers() -> bool:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=1).close()
        except OSError:
            return False
        return True

    try:
        assert eventually(answers)
        yield process, port
    finally:
        process.kill()
        process.wait(timeout=DEADLINE)


class Visitor:
    """One session. Its page has drawn `texts`, and its upload widgets have the ids `uploaders`."""

    def __init__(self, port: int) -> None:
        self._port = port
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=DEADLINE) as answer:
            self._cookie = answer.headers["Set-Cookie"].split(";")[0]
        self._token = self._cookie.partition("=")[2]
        origin = f"http://127.0.0.1:{port}"
        self._open = ExitStack()
        self._socket = self._open.enter_context(
            connect(
                f"ws://127.0.0.1:{port}/_stcore/stream", subprotocols=["streamlit", self._token], origin=origin,  # type: ignore
                additional_headers={"Cookie": self._cookie}, max_size=None,
            )
        )  # fmt: skip
        self.session = ""
        self.uploaders: list[str] = []
        self.texts: list[str] = []
        self.rerun()

    def rerun(self, files: Sequence[tuple[str, str]] = ()) -> None:
        """Run the page with these files (id and name) in its first upload widget, and wait until it is drawn."""
        message = BackMsg()
        message.rerun_script.query_string = ""
        if files:
            widget = message.rerun_script.widget_states.widgets.add()
            widget.id = self.uploaders[0]
            for file_id, name in files:
                widget.file_uploader_state_value.uploaded_file_info.add(file_id=file_id, name=name, size=1)
        self._socket.send(message.SerializeToString())
        self.uploaders, self.texts = [], []
        while True:
            answer = ForwardMsg()
            answer.ParseFromString(self._socket.recv(timeout=DEADLINE))  # type: ignore[arg-type]
            kind = answer.WhichOneof("type")
            if kind == "new_session":
                self.session = answer.new_session.initialize.session_id or self.session
            elif kind == "delta":
                element = answer.delta.new_element
                if element.WhichOneof("type") == "file_uploader":
                    self.uploaders.append(element.file_uploader.id)
                elif element.WhichOneof("type") in ("text", "alert", "exception"):
                    self.texts.append(str(getattr(element, element.WhichOneof("type"))))
            elif kind == "script_finished":
                return

    def put(self, path: str, data: bytes, name: str = "mine.safetensors") -> int:
        """The status of an upload to `path`, as it is, below the route of uploads."""
        head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'
        body = head.encode() + data + f"\r\n--{BOUNDARY}--\r\n".encode()
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=DEADLINE)
        connection._validate_path = lambda _path: None  # type: ignore[attr-defined]
        headers = {
            "Content-Type": f"multipart/form-data; boundary={BOUNDARY}", "Cookie": self._cookie, "X-Xsrftoken": self._token,
        }  # fmt: skip
        try:
            connection.request("PUT", f"/_stcore/upload_file/{path}", body, headers)
            return connection.getresponse().status
        except (OSError, http.client.HTTPException):  # the server hangs up at once at a line that is no HTTP
            return 400
        finally:
            connection.close()

    def leave(self) -> None:
        self._open.close()
