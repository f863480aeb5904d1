"""Does a race whose files are none, or endless, keep nobody waiting?"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from threading import Thread

import pytest

from resnet_core import InputError
from resnet_core.live import race_reader
from tests.support.broken_races import whole


def pipe(path: Path) -> None:
    os.mkfifo(path)


def endless(path: Path) -> None:
    path.symlink_to("/dev/zero")


def huge(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(2**33)  # no block of it is on the disk


@pytest.mark.parametrize("name", ["race.json", "control.json", "plain/run.json", "plain/live.jsonl"])
@pytest.mark.parametrize("make", [pipe, endless, huge, Path.mkdir])
def test_it_is_refused_in_a_sentence_at_once(tmp_path: Path, name: str, make: Callable[[Path], None]) -> None:
    folder = whole(tmp_path / "broken")
    (folder / name).unlink(missing_ok=True)
    make(folder / name)
    said: list[str] = []

    def read() -> None:
        try:
            race_reader.read(folder)
        except InputError as error:
            said.append(str(error))

    reading = Thread(target=read, daemon=True)  # a pipe would keep it for ever
    reading.start()
    reading.join(timeout=20)
    (sentence,) = said
    assert sentence.startswith("broken is not a race that can be read: its ")
    assert sentence.endswith(".")
