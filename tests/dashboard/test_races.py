"""How many races may a hall start at once?"""

from __future__ import annotations

import json
from contextlib import AbstractContextManager, ExitStack
from dataclasses import asdict
from importlib import import_module
from pathlib import Path

import pytest

from dashboard.serving.limits import most_races
from resnet_core import InputError
from resnet_core.live import race_folder
from resnet_core.live.race_folder import Control, Settings
from resnet_core.locks import holding

racing = import_module("dashboard.serving.races")  # the folder's own name `races` is a function


def going_on(root: Path, name: str, control: Control) -> AbstractContextManager[bool]:
    """A race whose worker lives as long as the context: this process stands for it."""
    folder = root / "races" / name
    folder.mkdir(parents=True)
    race_folder.steer(folder, control)
    (folder / "race.json").write_text(json.dumps(asdict(Settings())))
    return holding(folder / "plain" / race_folder.LOCK)


@pytest.mark.parametrize(
    ("control", "most", "sentence"),
    [
        (Control(), most_races(), "races run on this machine now; start yours when one is over."),
        (Control("pause"), 4 * most_races(), "races are paused on this machine, as many as it can keep; stop one"),
    ],
)
def test_one_more_than_the_machine_bears_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, control: Control, most: int, sentence: str
) -> None:
    monkeypatch.setenv("RESNET_LENS_RUNS", str(tmp_path))
    with ExitStack() as workers:
        for i in range(most):
            workers.enter_context(going_on(tmp_path, f"race-{i}", control))
        with pytest.raises(InputError, match=sentence):
            racing.start_race(Settings())
    assert len(racing.known_races()[0]) == most
