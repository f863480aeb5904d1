"""Does a broken race harm anybody but itself? Named faults and 300 seeded ones, read and shown by the page itself."""

from __future__ import annotations

import random
from importlib import import_module
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from dashboard.plain import plain
from resnet_core import InputError
from resnet_core.live import race_folder, race_launcher, race_reader
from tests.support.broken_races import FAULTS, mutate, whole

racing = import_module("dashboard.serving.races")  # the folder's own name `races` is a function

APP = Path(__file__).parents[2] / "dashboard" / "app.py"
GOOD = "20200101-000000-000000-good"


@pytest.fixture
def races(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of races, one good one in it; no process starts. The server's address is the one that it usually has."""
    options = {"server.address": "127.0.0.1"}
    known = st.get_option
    monkeypatch.setattr(st, "get_option", lambda key: options.get(key) or known(key))
    monkeypatch.setenv("RESNET_LENS_RUNS", str(tmp_path))
    monkeypatch.setattr(race_launcher, "warm_up", lambda: None)
    whole(tmp_path / "races" / GOOD)
    return tmp_path / "races"


def read(folder: Path) -> race_reader.Race | str:
    """The race, or the sentence that says why it is none; whatever else is raised fails the test."""
    try:
        return racing.race(folder.name)
    except InputError as error:
        return str(error)


def is_sentence(words: str) -> bool:
    return "\n" not in words and words.endswith(".") and "is not a race that can be read: its " in words


def shown(name: str | None = None) -> AppTest:
    page = AppTest.from_file(str(APP), default_timeout=120)
    page.switch_page("views/train_live.py")
    if name:
        page.query_params["race"] = name
    return page.run()


@pytest.mark.parametrize(("readable", "fault"), FAULTS.values(), ids=FAULTS)
def test_a_named_fault_is_said_in_a_sentence_and_blocks_no_start(
    races: Path, readable: bool, fault: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = whole(races / "broken", status="running")
    fault(folder)  # type: ignore[operator]
    found = read(folder)
    if readable:
        assert isinstance(found, race_reader.Race)
        assert found.over
    else:
        assert isinstance(found, str)
        assert is_sentence(found)
    names, sentences = racing.known_races()
    assert GOOD in names
    assert all(map(is_sentence, sentences))
    monkeypatch.setattr(race_launcher, "start", lambda _settings, root: whole(root / "new"))
    assert racing.start_race(race_folder.Settings()) == "new"


def test_the_page_leaves_broken_races_out_and_shows_the_good_one(races: Path) -> None:
    for name, fault in (("z-control", "another version's control"), ("z-line", "a line that is none")):
        FAULTS[fault][1](whole(races / name))
    page = shown("z-line")
    assert not page.exception
    assert [box.value.split(" is ")[0] for box in page.warning] == [plain("Left out: z-control")]
    assert [box.value.split(" is ")[0] for box in page.error] == ["z-line"]
    assert len(page.selectbox(key="race").options) == 3  # a recorded one, which stands in; z-line; the good one


@pytest.mark.parametrize("status", ["stopped", "running"])
def test_a_rate_that_is_not_in_the_list_is_shown(races: Path, status: str) -> None:
    folder = whole(races / "z-rate", status=status)
    FAULTS["a rate that is not in the list"][1](folder)
    with racing.holding(folder / "plain" / race_folder.LOCK):
        page = shown("z-rate")
    assert not page.exception
    if status == "running":
        assert page.selectbox(key="rate-z-rate").value == 0.123


def test_three_hundred_mutated_races_are_read_or_left_out_in_a_sentence(races: Path) -> None:
    left_out = 0
    for seed in range(300):
        folder = whole(races / f"mutated-{seed}", status=("stopped", "running")[seed % 2])
        done = mutate(folder, random.Random(seed))
        found = read(folder)
        assert not isinstance(found, str) or is_sentence(found) or not (folder / "race.json").exists(), (seed, done, found)
        left_out += isinstance(found, str)
    assert 100 < left_out < 290  # the mutations are neither harmless nor all fatal
    names, sentences = racing.known_races()
    assert GOOD in names
    assert len(names) + len(sentences) == len(list(races.glob("*/race.json")))


@pytest.mark.slow
def test_the_page_bears_thirty_of_them(races: Path) -> None:
    for seed in range(0, 300, 10):
        folder = whole(races / f"mutated-{seed}", status=("stopped", "running")[seed // 10 % 2])
        done = mutate(folder, random.Random(seed))
        page = shown(folder.name)
        assert not page.exception, (seed, done, page.exception)
        assert page.button
