"""Who may steer a race? Whoever started it; everybody on a lecturer's own laptop. Tried with sessions of their own."""

from __future__ import annotations

import io
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from zipfile import ZipFile

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from resnet_core import InputError
from resnet_core.live import race_folder, race_launcher, race_reader
from resnet_core.live.race_folder import Control, Settings
from tests.support.broken_races import whole

racing = import_module("dashboard.serving.races")  # the folder's own name `races` is a function

APP = Path(__file__).parents[2] / "dashboard" / "app.py"
NAME = "20261128-race"


class Headers(dict[str, str]):
    def get_all(self, name: str) -> list[str]:
        return [self[name]] if name in self else []


@pytest.fixture(autouse=True)
def races(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A public server's folder of races; a race that is started there has three reports and no process."""
    monkeypatch.setenv("RESNET_LENS_RUNS", str(tmp_path))
    monkeypatch.setattr(race_launcher, "start", lambda _settings, root: whole(root / NAME))
    monkeypatch.setattr(race_launcher, "warm_up", lambda: None)
    reached(monkeypatch, "0.0.0.0", Host="lens.example.org", Origin="https://lens.example.org")
    return tmp_path / "races"


def reached(monkeypatch: pytest.MonkeyPatch, address: str | None, **headers: str) -> None:
    monkeypatch.setattr(st, "context", SimpleNamespace(headers=Headers({k.replace("_", "-"): v for k, v in headers.items()})))
    monkeypatch.setattr(st, "get_option", {"server.address": address, "server.baseUrlPath": ""}.get)


@pytest.fixture
def visit(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Become another visitor."""
    return lambda: monkeypatch.setattr(st, "session_state", {})


def test_only_the_starter_steers_and_others_change_nothing(races: Path, visit: Callable[[], None]) -> None:
    visit()
    racing.start_race(Settings())
    assert racing.own_race() == NAME
    assert racing.may_steer(NAME)
    racing.steer_race(NAME, Control("pause"))

    visit()
    assert not racing.may_steer(NAME)
    before = {path: path.read_bytes() for path in races.rglob("*.json")}
    for tried in (
        lambda: racing.steer_race(NAME, Control("stop")),
        lambda: racing.steer_race(NAME, Control(learning_rate=0.2)),
        lambda: racing.resume_race(NAME),
    ):
        with pytest.raises(InputError, match=r"^Somebody else started this race[^\n]+\.$"):
            tried()
    assert {path: path.read_bytes() for path in races.rglob("*.json")} == before
    assert race_reader.read(races / NAME).control == Control("pause")


def test_a_race_of_a_terminal_is_nobodys_on_a_public_server(races: Path) -> None:
    whole(races / NAME)
    assert not racing.may_steer(NAME)


def test_neither_the_folder_nor_the_download_tells_the_token(races: Path, visit: Callable[[], None]) -> None:
    visit()
    racing.start_race(Settings())
    token = st.session_state["race_token"].encode()
    assert len(token) >= 32
    assert not any(token in path.read_bytes() for path in races.rglob("*") if path.is_file())
    digest = (races / NAME / racing.OWNER).read_bytes()
    with ZipFile(io.BytesIO(racing.packed_race(NAME))) as archive:
        assert {Path(name).name for name in archive.namelist()} == {"race.json", "control.json", "run.json", "live.jsonl"}
        assert not any(digest in archive.read(name) for name in archive.namelist())


LOCAL = {"Host": "localhost:8501", "Origin": "http://localhost:8501"}


@pytest.mark.parametrize(
    ("address", "headers", "all_may"),
    [
        ("127.0.0.1", LOCAL, True),
        ("localhost", {"Host": "127.0.0.1:8501", "Origin": "http://127.0.0.1:8501"}, True),
        ("::1", {"Host": "[::1]:8501", "Origin": "http://[::1]:8501"}, True),
        ("0.0.0.0", LOCAL, False),
        (None, LOCAL, False),
        ("192.168.1.5", LOCAL, False),
        ("127.0.0.1", LOCAL | {"Origin": "https://lens.example.org"}, False),
        ("127.0.0.1", LOCAL | {"Host": "lens.example.org"}, False),
        ("127.0.0.1", LOCAL | {"Origin": "null"}, False),
        ("127.0.0.1", LOCAL | {"X_Forwarded_For": "10.0.0.7"}, False),
        ("127.0.0.1", LOCAL | {"Forwarded": "for=10.0.0.7"}, False),
        ("127.0.0.1", LOCAL | {"Host": "127.0.0.1.example.org"}, False),
    ],
)
def test_everybody_steers_where_only_this_machine_reaches_the_server(
    races: Path, monkeypatch: pytest.MonkeyPatch, address: str | None, headers: dict[str, str], all_may: bool
) -> None:
    whole(races / NAME)
    reached(monkeypatch, address, **headers)
    assert racing.may_steer(NAME) == all_may


@pytest.mark.parametrize("setting", ["name", "base path"])
def test_a_server_with_a_public_name_or_a_base_path_is_behind_a_proxy(
    races: Path, monkeypatch: pytest.MonkeyPatch, setting: str
) -> None:
    whole(races / NAME)
    reached(monkeypatch, "127.0.0.1", **LOCAL)
    if setting == "name":
        monkeypatch.setenv("RESNET_LENS_HOSTS", "lens.example.org")
    else:
        monkeypatch.setattr(st, "get_option", {"server.address": "127.0.0.1", "server.baseUrlPath": "lens"}.get)
    assert not racing.may_steer(NAME)


def test_the_page_of_another_visitor_has_no_controls(races: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """AppTest's sessions are at no address: only the rule of the token is left."""
    monkeypatch.undo()
    monkeypatch.setenv("RESNET_LENS_RUNS", str(races.parent))
    monkeypatch.setattr(race_launcher, "warm_up", lambda: None)
    monkeypatch.setattr(racing, "_only_this_machine", lambda: False)
    monkeypatch.setenv("RESNET_LENS_RACES", "2")  # one is what this test holds the lock of
    monkeypatch.setattr(race_launcher, "start", lambda _settings, root: whole(root / NAME, status="running"))

    starter, other = (AppTest.from_file(str(APP), default_timeout=120).switch_page("views/train_live.py").run() for _ in range(2))
    with racing.holding(races / NAME / "plain" / race_folder.LOCK):
        next(button for button in starter.button if button.label == "Start").click().run()
        other.query_params["race"] = NAME
        other.run()
        labels = [{button.label for button in page.button} for page in (starter, other)]
    assert not starter.exception
    assert not other.exception
    assert labels[0] >= {"Pause", "10 steps", "Stop"}
    assert not labels[1] & {"Pause", "Resume", "10 steps", "Stop"}
    assert "Somebody else started this race; you watch it." in [caption.value for caption in other.caption]


def test_a_visitor_lands_on_the_own_race_and_others_on_a_recorded_one(races: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    monkeypatch.setenv("RESNET_LENS_RUNS", str(races.parent))
    monkeypatch.setattr(race_launcher, "warm_up", lambda: None)
    whole(races / "20260101-mine")
    whole(races / "20261231-latest")
    for own in ("20260101-mine", None, "gone"):
        page = AppTest.from_file(str(APP), default_timeout=120).switch_page("views/train_live.py")
        page.session_state["own_race"] = own
        page.run()
        assert not page.exception
        recorded = any(caption.value.startswith("This race was recorded.") for caption in page.caption)
        assert recorded == (own != "20260101-mine")
