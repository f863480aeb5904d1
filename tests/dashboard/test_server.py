"""The server's edge, asked over real connections, and the command that starts it."""

from __future__ import annotations

import http.client
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from dashboard import server
from dashboard.__main__ import main, serve_command
from dashboard.serving import limits
from tests.support.protocol import Visitor, visitor
from tests.support.server import ROOT, free_port, small_site

MEGABYTE = 2**20
BOUNDS = {
    "FILE_BYTES": 2 * MEGABYTE, "SESSION_BYTES": 3 * MEGABYTE, "ALL_BYTES": 4 * MEGABYTE,
    "SESSION_FILES": 4, "SESSIONS": 6, "LOST_SESSION_SECONDS": 1, "SWEEP_SECONDS": 0.1,
}  # fmt: skip


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    """A server below a base path, whose lost sessions end after a second."""
    with small_site("lens", BOUNDS, {"RESNET_LENS_HOSTS": "lens.school.example, other.example"}) as address:
        yield address


def ask(address: str, path: str, host: str | None = None, **headers: str) -> tuple[int, dict[str, str], str]:
    """Status, headers and text of a GET with exactly these headers."""
    parts = urlsplit(address)
    connection = http.client.HTTPConnection(parts.netloc, timeout=30)
    try:
        connection.putrequest("GET", parts.path + path, skip_host=True)
        for name, value in {"Host": host or parts.netloc, **headers}.items():
            connection.putheader(name.replace("_", "-"), value)
        connection.endheaders()
        answer = connection.getresponse()
        text = answer.read().decode(errors="replace") if answer.status != 101 else ""
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, text
    finally:
        connection.close()


def handshake(address: str, host: str | None = None, **headers: str) -> int:
    """The status of the answer to a websocket's handshake."""
    asked = {
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
    }
    return ask(address, "/_stcore/stream", host, **asked, **headers)[0]


@pytest.fixture
def guest(site: str) -> Iterator[Visitor]:
    with visitor(site) as opened:
        opened.open()
        yield opened
        for url in opened.put_urls:
            opened.remove(url)


def test_every_answer_carries_the_security_headers(site: str, guest: Visitor) -> None:
    media = re.search(r"/media/\w+\.\w+", guest.text)
    assert media
    for path in ("/", "/some/page", "/_stcore/health", media[0], "/_stcore/none", "/_stcore/upload_file/a/b"):
        status, headers, _ = ask(site, path)
        assert headers["x-content-type-options"] == "nosniff", path
        assert headers["x-frame-options"] == "SAMEORIGIN", path
        assert headers["referrer-policy"] == "no-referrer", path
        assert "frame-ancestors 'self'" in headers["content-security-policy"], path
        assert status in (200, 404, 405), path
    assert ask(site, media[0])[2] == "to take away"


def test_the_policy_lets_no_inline_script_of_a_stranger_run(site: str) -> None:
    policy = dict(part.split(" ", 1) for part in ask(site, "/")[1]["content-security-policy"].split("; "))
    assert "unsafe" not in policy["script-src"]
    assert "http" not in policy["img-src"] + policy["connect-src"].replace(urlsplit(site).netloc, "")


def test_metrics_answer_this_machine_alone(site: str) -> None:
    assert ask(site, "/_stcore/metrics")[0] == 200
    assert ask(site, "/_stcore/metrics", X_Forwarded_For="127.0.0.1")[0] == 404
    assert ask(site, "/_stcore/metrics", X_Real_IP="127.0.0.1")[0] == 404
    assert ask(site, "/_stcore/metrics", host="lens.school.example")[0] == 404  # a proxy that says nothing of itself


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8501", "127.0.0.1.evil.example", "user@localhost", "localhost:x", "a b"]
)
def test_a_name_that_is_not_the_servers_is_refused(site: str, host: str) -> None:
    assert ask(site, "/", host)[0] == 400
    assert handshake(site, host, Origin=f"http://{host}") == 403


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:8501", "127.0.0.1", "[::1]:8501", "192.168.1.7:8501", "lens.school.example", "other.example"]
)
def test_names_of_the_server_and_addresses_are_served(site: str, host: str) -> None:
    assert ask(site, "/", host)[0] == 200
    assert handshake(site, host, Origin=f"http://{host}") == 101


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://localhost:3000", "http://[", ""])
def test_a_page_of_another_site_opens_no_websocket(site: str, origin: str) -> None:
    assert handshake(site, Origin=origin) == 403


def test_sessions_are_bounded(site: str) -> None:
    with ExitStack() as opened:
        for _ in range(BOUNDS["SESSIONS"]):
            opened.enter_context(visitor(site))
        assert handshake(site) == 403
    deadline = time.monotonic() + 20
    while handshake(site) != 101:
        assert time.monotonic() < deadline, "places are not free again"


def test_an_upload_arrives_and_is_gone_when_it_is_removed(site: str, guest: Visitor) -> None:
    guest.upload("files", "a.bin", b"x" * MEGABYTE)
    assert f"{MEGABYTE} bytes in 1 files" in guest.text
    place = guest.place("b.bin")
    for _ in range(3):  # each would not fit beside the last
        assert guest.put(place.url, "b.bin", b"x" * (2 * MEGABYTE - 4096)).status_code == 204
        assert guest.remove(place.url).status_code == 204


@pytest.mark.parametrize("chunked", [False, True])
def test_a_file_that_is_too_large_is_refused(guest: Visitor, chunked: bool) -> None:
    place = guest.place("a.bin")
    assert guest.put(place.url, "a.bin", b"x" * (4 * MEGABYTE), chunked=chunked).status_code in (413, 429)
    assert guest.put(place.url, "a.bin", b"x" * MEGABYTE, chunked=chunked).status_code == 204


@pytest.mark.parametrize("chunked", [False, True])
def test_the_files_of_one_session_are_bounded(guest: Visitor, chunked: bool) -> None:
    data = b"x" * (MEGABYTE + MEGABYTE // 4)
    answers = [guest.put(guest.place("a.bin").url, "a.bin", data, chunked=chunked) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [204, 204, 429]
    assert answers[-1].text == "Your files together are larger than 3 MB, the most a visitor may keep here; remove some first."


def test_the_number_of_files_of_one_session_is_bounded(guest: Visitor) -> None:
    answers = [guest.put(guest.place("a.bin").url, "a.bin", b"x").status_code for _ in range(5)]
    assert answers == [204] * 4 + [429]


@pytest.mark.parametrize("chunked", [False, True])
def test_the_files_of_all_sessions_are_bounded_and_end_with_them(site: str, guest: Visitor, chunked: bool) -> None:
    data = b"x" * (MEGABYTE + MEGABYTE // 4)
    with visitor(site) as other:
        other.open()
        for each in (guest, other):
            assert each.put(each.place("a.bin").url, "a.bin", data).status_code == 204
        assert guest.put(guest.place("b.bin").url, "b.bin", data, chunked=chunked).status_code == 204
        refused = other.put(other.place("b.bin").url, "b.bin", data, chunked=chunked)
        assert refused.status_code == 429
        assert "try again in some minutes" in refused.text
    deadline = time.monotonic() + 30
    while guest.put(guest.place("c.bin").url, "c.bin", b"x" * (MEGABYTE // 4)).status_code != 204:
        assert time.monotonic() < deadline, "the files of a visitor who left still count"


@pytest.mark.parametrize(
    "file", [".", "..", "%2e", "%2e%2e", "%2e%2e%2fa", "%2Fetc%2Fpasswd", "a", "x" * 36, "A" * 8 + "-" + "0" * 4]
)
def test_a_file_is_put_only_under_an_id_as_the_server_gives_them(site: str, guest: Visitor, file: str) -> None:
    parts = urlsplit(site)
    connection = http.client.HTTPConnection(parts.netloc, timeout=30)
    cookie = guest._http.cookies["_streamlit_xsrf"]
    body = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nx\r\n--b--\r\n'
    headers = {"X-Xsrftoken": cookie, "Cookie": f"_streamlit_xsrf={cookie}", "Content-Type": "multipart/form-data; boundary=b"}
    try:
        connection.request("PUT", f"{parts.path}/_stcore/upload_file/{guest.session_id}/{file}", body, headers)
        assert connection.getresponse().status in (400, 404, 405)
    finally:
        connection.close()


def test_one_visitor_cannot_clear_the_caches_of_all(guest: Visitor) -> None:
    before = re.search(r"cached at \d+", guest.text)
    guest.send({"clearCache": True})
    guest.send({"backendOperationRequest": {"requestId": "1", "sessionId": guest.session_id, "installSkills": {}}})
    guest.rerun()
    assert before
    assert before[0] in guest.text


def test_no_uploads_means_no_uploads() -> None:
    with small_site(environment={"RESNET_LENS_UPLOADS": "0"}) as address, visitor(address) as guest:
        guest.open()
        answer = guest.put(guest.place("a.bin").url, "a.bin", b"x")
    assert (answer.status_code, answer.text) == (403, "Uploads are switched off on this server.")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--port", "70000"], "A port must be 1 to 65535, not 70000; 8501 is the usual one."),
        (["--port", "0"], "A port must be 1 to 65535"),
        (["--port", "many"], "should be a valid integer"),
        (["--address", "nowhere.invalid"], "This machine has no address 'nowhere.invalid'"),
        (["--address", "192.0.2.1"], "This machine has no address '192.0.2.1'"),
        (["--base-path", "a?b"], "A base path must be words such as lens or teaching/lens, not 'a?b'."),
        (["--runs", "pyproject.toml"], "pyproject.toml is a file; --runs must be a folder."),
        (["--races", "-1"], "should be greater than or equal to 0"),
        (["--colour", "red"], "No such option"),
    ],
)
def test_a_bad_option_is_refused_in_one_sentence(
    words: list[str], said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(sys, "argv", ["dashboard", *words])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    printed = capsys.readouterr()
    assert said in printed.err
    assert len(printed.err.strip().splitlines()) == 1
    assert not printed.out


def test_a_port_that_is_taken_is_refused_in_one_sentence() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        command = [sys.executable, "-m", "dashboard", "--port", str(port)]
        ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert (ended.returncode, ended.stderr) == (2, f"Port {port} is taken by another program; choose another with --port.\n")


def test_the_command_is_imported_without_streamlit_and_torch() -> None:
    code = "import sys, dashboard.__main__; print({'streamlit', 'torch', 'pandas'} & set(sys.modules))"
    assert subprocess.check_output([sys.executable, "-c", code], cwd=ROOT, text=True, timeout=60).strip() == "set()"


def test_options_reach_the_pages_by_the_environment(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("RESNET_LENS_RUNS", "RESNET_LENS_UPLOADS", "RESNET_LENS_RACES"):
        monkeypatch.setenv(name, "")
    told: list[tuple[object, ...]] = []
    monkeypatch.setattr(server, "serve", lambda *words: told.append(words))
    port = free_port()
    serve_command(port=port, address="0.0.0.0", base_path="/lens/", runs=Path("here"), uploads=False, races=3)
    assert told == [(f"http://localhost:{port}/lens", port, "0.0.0.0", "lens")]
    assert os.environ["RESNET_LENS_RUNS"] == str(Path("here").absolute())
    assert not limits.uploads_allowed()
    assert limits.most_races() == 3
    warning = capsys.readouterr().err
    assert "no password" in warning
    assert "upload" not in warning


def test_nothing_is_warned_of_on_loopback(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("RESNET_LENS_RUNS", "")
    monkeypatch.setattr(server, "serve", lambda *words: None)
    serve_command(port=free_port(), address="127.0.0.1", base_path="", runs=Path("runs"), uploads=True, races=None)
    assert not capsys.readouterr().err


def test_the_guide_names_the_bounds() -> None:
    guide = (ROOT / "docs" / "serving.md").read_text()
    for bound in (
        f"{limits.FILE_BYTES >> 20} MB (a photograph: {limits.PHOTOGRAPH_BYTES // 10**6} MB and",
        f"{limits.PHOTOGRAPH_PIXELS // 10**6} megapixels",
        f"{limits.SESSION_FILES} files, {limits.SESSION_BYTES >> 20} MB",
        f"{limits.ALL_BYTES >> 20:,} MB",
        f"{limits.WEIGHTS_MULTIPLY_ADDS // 10**9} billion multiply-adds",
        f"{limits.SESSIONS} connections",
    ):
        assert bound in guide
    assert limits.LOST_SESSION_SECONDS == 120
    assert "two minutes after the browser is closed" in guide
