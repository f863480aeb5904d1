"""Do eight visitors who press Start at once get as many races as there is room for? With threads, and with eight servers."""

from __future__ import annotations

import json
import sys
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from pathlib import Path

import pytest

from resnet_core import InputError
from resnet_core.live import race_folder, race_launcher, race_reader
from resnet_core.live.race_folder import Control, Settings
from tests.support.broken_races import whole
from tests.support.processes import Start, races_root, started

racing = import_module("dashboard.serving.races")  # the folder's own name `races` is a function

__all__ = ["races_root", "started"]

PRESS = """
import sys, time
from dashboard.serving import start_race
from resnet_core import InputError
from resnet_core.live.race_folder import Settings
print("ready", flush=True)
sys.stdin.readline()
try:
    print(start_race(Settings(depth=8, width=2, iterations=60)), flush=True)
except InputError as error:
    print(error, flush=True)
sys.stdin.readline()  # as a server, which goes on
"""


class Launcher:
    """One that never brings a worker."""

    def poll(self) -> None:
        return None


@pytest.fixture
def races(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RESNET_LENS_RUNS", str(tmp_path))
    monkeypatch.setenv("RESNET_LENS_RACES", "1")
    monkeypatch.setattr(race_launcher, "_launch", lambda _lane: Launcher())
    return tmp_path / "races"


def press(_number: int) -> str:
    try:
        return racing.start_race(Settings())
    except InputError as error:
        return str(error)


def release(races: Path) -> None:
    """Let the starters go: each worker says that it has begun."""
    for lane in races.glob("*/*/"):
        (lane / "pid").touch()


def test_eight_threads_start_one_race(races: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(press, range(8)))
    refusals = [words for words in answers if "1 of at most 1 races run on this machine now" in words]
    assert len(refusals) == 7
    assert len(list(races.glob("*/race.json"))) == 1
    release(races)


def test_a_race_that_nobody_works_on_blocks_no_start(races: Path) -> None:
    whole(races / "dead", "running")
    for which in race_folder.NETWORKS:
        (races / "dead" / which / "pid").write_text("1")
    assert press(0) in racing.known_races()[0]
    release(races)


def test_a_race_at_work_counts_although_it_cannot_be_read(races: Path) -> None:
    (whole(races / "broken") / "race.json").write_text("[")
    with racing.holding(races / "broken" / "plain" / race_folder.LOCK):
        assert press(0).startswith("1 of at most 1 races run")


def test_a_paused_race_wakes_only_where_there_is_room(races: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(racing, "_only_this_machine", lambda: True)
    for name in ("one", "two"):
        race_folder.steer(whole(races / name, "running"), Control("pause" if name == "one" else "run"))
    with racing.holding(races / "one" / "plain" / race_folder.LOCK):
        with racing.holding(races / "two" / "plain" / race_folder.LOCK):
            racing.steer_race("one", Control("pause", learning_rate=0.2))  # wakes nobody
            with pytest.raises(InputError, match="1 of at most 1 races run"):
                racing.steer_race("one", Control("run", until=25))
        assert race_reader.read(races / "one").control == Control("pause", learning_rate=0.2)
        racing.steer_race("one", Control("run"))
        assert race_reader.read(races / "one").control == Control("run")


def test_a_server_without_races_says_so(races: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RESNET_LENS_RACES", "0")
    assert press(0).startswith("No races are run on this server")


@pytest.mark.slow
def test_eight_servers_start_one_race(races_root: Path, monkeypatch: pytest.MonkeyPatch, started: Start) -> None:
    monkeypatch.setenv("RESNET_LENS_RUNS", str(races_root))
    monkeypatch.setenv("RESNET_LENS_RACES", "1")
    servers = [started(sys.executable, "-c", PRESS, stdin=-1, stdout=-1, stderr=-3) for _ in range(8)]
    for server in servers:
        assert server.stdout
        assert server.stdout.readline() == "ready\n"
    for server in servers:
        assert server.stdin
        server.stdin.write("\n")
        server.stdin.flush()
    answers = [server.stdout.readline() for server in servers if server.stdout]
    assert sum(words.startswith("1 of at most 1 races run") for words in answers) == 7, answers
    (folder,) = race_folder.races(races_root / "races")
    assert json.loads((folder / "race.json").read_text())["depth"] == 8
