from __future__ import annotations

import os
import random
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from threading import BoundedSemaphore
from urllib.parse import quote

import numpy as np
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from dashboard.serving import limits, photographs
from dashboard.serving.networks import check_cost
from dashboard.serving.uploads import SessionFiles, Store
from resnet_core import InputError, architecture
from resnet_core.networks.architectures import REGISTRY
from resnet_core.networks.weights import save
from tests.support.cards import cards
from tests.support.checkpoints import described, trained
from tests.support.pictures import encoded
from tests.support.visitor import DEADLINE, ROOT, Visitor, eventually, served

PAGE = """
import streamlit as st
from dashboard.serving.uploads import session_files
from dashboard.parts.uploads import own_weights
st.text(own_weights(lambda uploads, _earlier: session_files().keep_only([data for _name, data in uploads])))
"""


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("weights") / "mine.safetensors"
    save(trained(), described(), path)
    return path.read_bytes()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(tmp_path)
    yield made
    made.close()


def files_in(store: Store) -> set[str]:
    return {path.name for path in store.folder.glob("*.safetensors")}


# The folder


def test_a_file_is_named_by_the_digest_of_its_bytes_in_a_folder_of_one_user(store: Store) -> None:
    (path,) = SessionFiles(store).keep_only([b"abc"])
    sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # of "abc", FIPS 180-2, appendix B.1
    assert path == store.folder / f"{sha256}.safetensors"
    assert path.read_bytes() == b"abc"
    assert stat.S_IMODE(store.folder.stat().st_mode) == 0o700


def test_two_sessions_with_the_same_bytes_do_not_delete_each_others(store: Store) -> None:
    one, other = SessionFiles(store), SessionFiles(store)
    one.keep_only([b"same", b"mine"])
    other.keep_only([b"same"])
    one.release()
    assert len(files_in(store)) == 1
    other.release()
    assert not files_in(store)


def test_what_is_taken_out_of_the_widget_is_deleted(store: Store) -> None:
    session = SessionFiles(store)
    session.keep_only([b"first", b"second"])
    session.keep_only([b"second"])
    assert [path.read_bytes() for path in store.folder.glob("*.safetensors")] == [b"second"]


def test_a_file_that_the_system_deleted_is_written_again(store: Store) -> None:
    session = SessionFiles(store)
    (path,) = session.keep_only([b"abc"])
    assert isinstance(path, Path)
    path.unlink()
    session.keep_only([b"abc"])
    assert path.read_bytes() == b"abc"


@pytest.mark.parametrize(
    ("bound", "value", "refused", "words"),
    [
        ("FILE_BYTES", 9, b"0123456789", "The file has 0 MB, more than 0 MB"),
        ("SESSION_FILES", 1, b"a second one", "A visitor may keep 1 files"),
        ("SESSION_BYTES", 10, b"0123456", "A visitor may keep"),
        ("ALL_BYTES", 10, b"0123456", "The server keeps as many files as it can"),
        ("FILE_BYTES", 9, b"", "The file is empty"),
    ],
)
def test_every_bound_refuses_with_a_sentence(
    store: Store, monkeypatch: pytest.MonkeyPatch, bound: str, value: int, refused: bytes, words: str
) -> None:
    monkeypatch.setattr(limits, bound, value)
    first, second = SessionFiles(store).keep_only([b"four", refused])
    assert isinstance(first, Path)
    assert isinstance(second, InputError)
    assert str(second).startswith(words)
    assert len(files_in(store)) == 1


def test_the_bytes_of_all_sessions_are_bounded_together(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "ALL_BYTES", 10)
    one, other = SessionFiles(store), SessionFiles(store)
    one.keep_only([b"12345678"])
    assert isinstance(other.keep_only([b"abcdefgh"])[0], InputError)
    one.release()
    assert isinstance(other.keep_only([b"abcdefgh"])[0], Path)


def test_the_next_server_removes_what_a_killed_one_left_and_nothing_else(tmp_path: Path) -> None:
    code = "import sys, time; from pathlib import Path; from dashboard.serving.uploads import *; s = Store(Path(sys.argv[1])); "
    code += "SessionFiles(s).keep_only([b'abc']); print('kept', flush=True); time.sleep(600)"
    child = subprocess.Popen([sys.executable, "-c", code, tmp_path], cwd=ROOT, stdout=subprocess.PIPE)
    try:
        assert child.stdout
        assert child.stdout.readline() == b"kept\n"
        (killed,) = tmp_path.iterdir()
        alive = Store(tmp_path)
        assert killed.is_dir()  # its server lives
        child.kill()
        child.wait(timeout=DEADLINE)
        others = tmp_path / "resnet-lens-by-hand", tmp_path / "elsewhere"
        for folder in others:
            folder.mkdir()
        (tmp_path / "resnet-lens-link").symlink_to(others[1])
        third = Store(tmp_path)
        assert not killed.exists()
        assert all(folder.is_dir() for folder in (*others, alive.folder, third.folder))
        alive.close()
        third.close()
    finally:
        child.kill()
        child.wait(timeout=DEADLINE)


# What weights cost


def with_resolution(row: str, pixels: int, **changes: object) -> None:
    network = architecture(row, num_classes=3, **changes)
    known = described(network)
    object.__setattr__(known, "resolution", pixels)
    check_cost(known)


@pytest.mark.parametrize("row", list(REGISTRY))
def test_every_network_of_the_paper_may_be_uploaded_at_its_resolution(row: str) -> None:
    with_resolution(row, 224 if REGISTRY[row].stem == "imagenet" else 32)


@pytest.mark.parametrize(
    ("row", "pixels", "changes"),
    [
        ("resnet20-cifar", 512, {}), ("resnet20-cifar", 4096, {}), ("resnet20-cifar", 4096, {"width": 1}),
        ("resnet152", 448, {}), ("resnet20-cifar", 32, {"depths": (10**9, 1, 1)}), ("resnet34", 224, {"width": 512}),
    ],
)  # fmt: skip
def test_weights_that_would_take_the_servers_time_or_memory_are_refused_at_once(
    row: str, pixels: int, changes: dict[str, object]
) -> None:
    with pytest.raises(InputError, match="server"):
        with_resolution(row, pixels, **changes)


# Through the pages


def page(**query: str) -> AppTest:
    at = AppTest.from_file(str(ROOT / "dashboard" / "app.py"), default_timeout=DEADLINE)
    for name, value in query.items():
        at.query_params[name] = value
    return at.switch_page("views/compare.py").run()


def errors(at: AppTest) -> list[str]:
    assert not at.exception
    return [each.value for each in at.error]


def test_files_that_cannot_be_used_get_a_sentence_each_and_the_page_stays() -> None:
    at = page(pair="any-two")
    at.file_uploader(key="weights").set_value([("empty.safetensors", b"", ""), ("text.safetensors", b"a text", "")]).run()
    empty, text = errors(at)
    assert empty == "empty.safetensors\\: The file is empty; choose one that ResNet Lens saved."
    assert text.startswith("text.safetensors is not a whole safetensors file")
    at.file_uploader(key="weights").set_value([]).run()
    for data, words in ((b"", "The file is empty"), (b"a text", "The file is not a JPEG")):
        at.file_uploader(key="upload-0").set_value(("photo.png", data, "image/png")).run()
        (said,) = errors(at)
        assert said.startswith(words)
        assert said.endswith("Until then you see the sample “coffee”.")


def test_weights_of_a_gigantic_resolution_get_a_sentence(tmp_path: Path) -> None:
    known = described()
    object.__setattr__(known, "resolution", 4096)
    save(trained(), known, tmp_path / "huge.safetensors")
    at = page(pair="any-two")
    at.file_uploader(key="weights").set_value([("huge.safetensors", (tmp_path / "huge.safetensors").read_bytes(), "")]).run()
    (said,) = errors(at)
    assert "At 4096 pixels the network takes more than" in said
    assert "huge.safetensors" not in at.selectbox(key="left").options


def test_own_weights_are_a_choice_by_the_name_of_their_file(weights: bytes) -> None:
    at = page(pair="any-two")
    at.file_uploader(key="weights").set_value([("mine.safetensors", weights, "")]).run()
    at.selectbox(key="left").set_value("mine.safetensors").run()
    assert not errors(at)
    assert {"strip-mine.safetensors", "strip-ResNet-34"} <= {card["name"] for card in cards(at)}
    assert any("mine.safetensors says " in each.proto.body for each in at.get("html"))


def test_decoded_photographs_of_all_sessions_are_bounded_until_their_sessions_end(monkeypatch: pytest.MonkeyPatch) -> None:
    st.cache_resource.clear()  # sessions of earlier tests give back their room now, not while this one counts
    monkeypatch.setattr(photographs, "_ROOM", BoundedSemaphore(2))
    files = [(f"{i}.png", encoded(np.full((600, 900, 3), i, np.uint8)), "image/png") for i in range(3)]
    at = page().switch_page("views/predictions.py").run()
    at.get("file_uploader")[0].set_value(files).run()
    (said,) = errors(at)
    assert said.startswith("2.png\\: The server keeps as many photographs as it can")
    st.cache_resource.clear()  # as at the end of a session
    at.get("file_uploader")[0].set_value(files[2:]).run()
    assert not errors(at)


@pytest.mark.parametrize("path", ["compare", "predictions", "gradient_flow"])
def test_without_uploads_no_page_offers_them(monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    monkeypatch.setenv(limits.UPLOADS, "0")
    at = page(pair="any-two")
    at = at.switch_page(f"views/{path}.py").run()
    assert not at.exception
    assert not at.get("file_uploader")
    assert not [block for block in at.get("popover") if "own" in block.proto.popover.label]


# Through the real routes

SPECIAL = [
    ".", "..", "...", "%2e", "%2E%2e", "..%2f..", "%2fetc%2fpasswd", "/etc/passwd", "//", "\\..\\..", "~", "~root", "a/../..",
    "%00", "x%00.safetensors", "%0d%0a", "\u202e", "💣", "x" * 5000, "CON", "*", "?", "#", "%25%32%65", "%252e%252e", "-rf", " ",
]  # fmt: skip


def ids(count: int) -> list[str]:
    """File and session ids that nobody should send, mutated from a seed."""
    found, generator = list(SPECIAL), random.Random(0)
    while len(found) < count:
        parts = generator.choices([*SPECIAL, "..", "/", "%2f", "..%2f", "tmp", "é", chr(generator.randrange(1, 0xD800))], k=3)
        found.append("".join(parts)[:2000])
    return found[:count]


def snapshot(folder: Path) -> dict[str, object]:
    """Everything below but the server's private folder."""
    paths = (path for path in folder.rglob("*") if not path.relative_to(folder).parts[0].startswith("resnet-lens-"))
    return {str(path): path.read_bytes() if path.is_file() else "folder" for path in paths}


@pytest.fixture
def sandbox(tmp_path: Path) -> Path:
    """A folder for temporary files in which other programs have theirs."""
    folder = tmp_path / "sandbox"
    for number in range(6):
        (folder / f"other{number}").mkdir(parents=True)
        for name in ("a.txt", "b.safetensors", "c.bin"):
            (folder / f"other{number}" / name).write_text(f"{number} {name}")
    return folder


def environment(sandbox: Path) -> dict[str, str]:
    return {**os.environ, "TMPDIR": str(sandbox), "OMP_NUM_THREADS": "1"}


@pytest.fixture
def script(tmp_path: Path) -> Path:
    path = tmp_path / "page.py"
    path.write_text(PAGE)
    return path


def private(sandbox: Path) -> list[str]:
    return sorted(path.name for path in sandbox.glob("resnet-lens-*/*.safetensors"))


@pytest.mark.parametrize("count", [60, pytest.param(500, marks=pytest.mark.slow)])
def test_no_id_that_a_visitor_sends_reaches_a_file(sandbox: Path, script: Path, weights: bytes, count: int) -> None:
    before = snapshot(sandbox)
    taken = 0
    with served(script, environment(sandbox)) as (_, port):
        visitor = Visitor(port)
        for i, each in enumerate(ids(count)):
            raw = quote(each, safe="%/.~*\\-") if i % 2 else quote(each, safe="")
            taken += visitor.put(f"{visitor.session}/{raw}", weights) == 204
            assert visitor.put(f"{raw}/{raw}", weights) >= 300  # a session of somebody else
            visitor.rerun([(each, "mine.safetensors"), (raw, "..%2f.safetensors")])
            assert not any("exception" in text for text in visitor.texts)
        assert taken > count / 4  # most are possible ids of Streamlit's
        assert len(private(sandbox)) <= 1
        assert snapshot(sandbox) == before
        visitor.leave()


def test_a_visitors_files_go_when_the_last_one_who_has_them_leaves(sandbox: Path, script: Path, weights: bytes) -> None:
    with served(script, environment(sandbox)) as (_, port):
        visitors = [Visitor(port) for _ in range(2)]
        for visitor in visitors:
            assert visitor.put(f"{visitor.session}/id", weights) == 204
            visitor.rerun([("id", "mine.safetensors")])
            assert ".safetensors" in visitor.texts[0]
        assert len(private(sandbox)) == 1
        visitors[0].leave()
        visitors[1].rerun([("id", "mine.safetensors")])
        assert ".safetensors" in visitors[1].texts[0]
        visitors[1].leave()
        assert eventually(lambda: not private(sandbox))


def test_the_folder_goes_with_the_server_and_after_a_kill_with_the_next(sandbox: Path, script: Path, weights: bytes) -> None:
    before = snapshot(sandbox)
    for how in (signal.SIGKILL, signal.SIGTERM):
        with served(script, environment(sandbox)) as (process, port):
            visitor = Visitor(port)
            visitor.put(f"{visitor.session}/id", weights)
            visitor.rerun([("id", "mine.safetensors")])
            assert len(list(sandbox.glob("resnet-lens-*"))) == 1  # also where another one was killed
            process.send_signal(how)
            process.wait(timeout=DEADLINE)
            assert bool(list(sandbox.glob("resnet-lens-*"))) == (how == signal.SIGKILL)
    assert snapshot(sandbox) == before
