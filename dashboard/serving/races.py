"""Which races are there, how do they stand, and who may steer one?

Whoever started a race steers it; the others watch. The session of the starter holds a random token, of which the race's folder
keeps the SHA-256 digest, in a file that no download contains. A reload is a new session and has no token. So where only people at
this machine can reach the server, as on a lecturer's laptop, everybody who can reach it may steer every race: the server listens
on a loopback address, the browser asked for one, and nothing says that a proxy stands in between. The check is here, not in the
page's buttons. A race that was started in a terminal is steered there, and on such a laptop.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pandas as pd
import streamlit as st
from numpy.typing import NDArray

from dashboard.serving import limits
from dashboard.serving.studies import own_runs
from resnet_core import InputError
from resnet_core.atomic import replacing
from resnet_core.live import race_folder, race_launcher, race_reader
from resnet_core.locks import holding

FRESH = 0.3  # seconds for which what was read of a race is shown to its other watchers, too
OWNER = ".owner"  # the file with the digest
PROXY_NAMES = "RESNET_LENS_HOSTS"  # environment variable: under which other names the server is known
PROXY_HEADERS = ("Forwarded", "Via", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-Ip")
PATIENCE = 20  # seconds in which those who pressed Start earlier have their turn


def _races_root() -> Path:
    return own_runs() / "races"


def warm_up_races() -> None:
    """So that a race which is started in some seconds shows its first points at once."""
    race_launcher.warm_up()


def known_races() -> tuple[list[str], list[str]]:
    """Return the names of the races, the latest first, and a sentence for each folder that is left out as it is broken."""
    names, sentences = [], []
    for folder in race_folder.races(_races_root()):
        try:
            race_folder.read_settings(folder)
            names.append(folder.name)
        except InputError as error:
            sentences.append(f"Left out: {error}")
    return names, sentences


@st.cache_resource(max_entries=64)
def _reader(folder: Path) -> race_reader.Reader:
    """One for all sessions: each line is parsed once, however many watch."""
    return race_reader.Reader(folder)


def race(name: str) -> race_reader.Race:
    """Return the race as it is, or was FRESH seconds ago. Raises InputError where its folder is broken."""
    return _reader(_races_root() / name).read(FRESH)


@contextmanager
def _room_for_one_more(besides: str | None = None) -> Iterator[None]:
    """Hold back all other starts, of all servers on this folder of runs, while there is room for another race.

    Raises InputError while as many races run, or wait, as the machine can bear. besides: a race that does not count.
    """
    limit = limits.most_races()
    if not limit:
        raise InputError("No races are run on this server; run the dashboard on your own machine to start one.")
    most_paused = 4 * limit  # which leave the processors alone, but not the memory
    root = _races_root()
    with holding(root / ".start", PATIENCE) as my_turn:
        if not my_turn:
            raise InputError("Too many people start races at this moment; press the button again.")
        at_work = [folder for folder in root.iterdir() if folder.name != besides and race_launcher.at_work(folder)]
        paused = sum(map(_is_paused, at_work))
        running = len(at_work) - paused
        if running >= limit:
            raise InputError(f"{running} of at most {limit} races run on this machine now; start yours when one is over.")
        if paused >= most_paused:
            raise InputError(f"{paused} races are paused on this machine, as many as it can keep; stop one, then start yours.")
        yield


def _is_paused(folder: Path) -> bool:
    try:
        return _reader(folder).read().paused
    except InputError:  # whatever it is, it is at work
        return False


def start_race(settings: race_folder.Settings) -> str:
    """Start a race that this visitor owns; return its name. Raises InputError where there is no room for it."""
    with _room_for_one_more():
        folder = race_launcher.start(settings, _races_root())
        with replacing(folder / OWNER) as beside:
            beside.write_text(_digest())
    st.session_state["own_race"] = folder.name
    return folder.name


def own_race() -> str | None:
    """Return the name of the race that this visitor started last; None if there is none."""
    name: str | None = st.session_state.get("own_race")
    return name


def _digest() -> str:
    """Of this session's token, which never leaves the server."""
    token: str = st.session_state.setdefault("race_token", secrets.token_urlsafe(32))
    return sha256(token.encode()).hexdigest()


def may_steer(name: str) -> bool:
    """Return whether this visitor may steer the race: its owner, and everybody where only this machine reaches the server."""
    if _only_this_machine():
        return True
    try:
        owner = (_races_root() / name / OWNER).read_bytes()
    except OSError:  # started in a terminal, where it is steered
        return False
    return secrets.compare_digest(owner, _digest().encode())


def _only_this_machine() -> bool:
    """Return whether this session's browser, and everybody else who can reach the server, is at this machine.

    A proxy that serves strangers has told the server its public name or its base path, or it adds a header. Browsers cannot forge
    the headers Host and Origin.
    """
    headers = st.context.headers
    if os.environ.get(PROXY_NAMES) or st.get_option("server.baseUrlPath") or any(name in headers for name in PROXY_HEADERS):
        return False
    hosts = [st.get_option("server.address")]
    hosts += [urlsplit(f"//{host}").hostname for host in headers.get_all("Host")]
    hosts += [urlsplit(origin).hostname for origin in headers.get_all("Origin")]
    return all(map(_is_loopback, hosts))


def _is_loopback(host: str | None) -> bool:
    try:
        return host == "localhost" or (host is not None and ip_address(host).is_loopback)
    except ValueError:
        return False


def _check_may_steer(name: str) -> None:
    if not may_steer(name):
        raise InputError("Somebody else started this race, so you can only watch it; start one of your own.")


def steer_race(name: str, control: race_folder.Control) -> None:
    """Tell the race's workers what its owner wants.

    Raises InputError for everybody else, and where a race that pauses is to go on and there is no room for it.
    """
    _check_may_steer(name)
    folder = _races_root() / name
    now = race_reader.read(folder)
    wakes = now.paused and control.wish == "run" and (control.until is None or control.until > now.iteration)
    if wakes:
        with _room_for_one_more(besides=name):
            race_folder.steer(folder, control)
    else:
        race_folder.steer(folder, control)
    _reader(folder).forget()


def resume_race(name: str) -> None:
    """Start the workers of the owner's race again. Raises InputError for everybody else, and where there is no room for it."""
    _check_may_steer(name)
    folder = _races_root() / name
    with _room_for_one_more(besides=name):
        race_launcher.resume(folder)
    _reader(folder).forget()


def packed_race(name: str) -> bytes:
    """Return a zip of its folder."""
    return race_folder.packed(_races_root() / name)


@dataclass(frozen=True, eq=False)
class Digits:
    """The test images whose predictions a race follows."""

    images: NDArray[np.uint8]  # (N, 8, 8, 3)
    labels: list[int]
    classes: tuple[str, ...]

    def table(self, guesses: Mapping[str, Mapping[str, Any]]) -> pd.DataFrame:
        rows = [
            {"network": which, "image": i, "label": self.labels[i], "prediction": found, "probability": probability}
            for which, guess in guesses.items()
            for i, (found, probability) in enumerate(zip(guess["classes"], guess["probabilities"], strict=True))
        ]
        return pd.DataFrame(rows)


@st.cache_resource
def watched_digits() -> Digits:
    from resnet_core.data.sources import open_dataset

    data = open_dataset(race_folder.DATA)
    images, labels = next(data.test.test_batches(race_folder.SHOWN, data.test.side))
    return Digits(images.permute(0, 2, 3, 1).numpy(), labels.tolist(), data.classes)
