"""Which races are there, and how do they stand? Files that grow, so nothing of them is cached."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st
from numpy.typing import NDArray

from dashboard.resources.runs import own_runs
from resnet_core import InputError
from resnet_core.processors import processors
from resnet_core.training import race as race_files


def _races_root() -> Path:
    return own_runs() / "races"


def warm_up_races() -> None:
    """So that a race which is started in some seconds shows its first points at once."""
    race_files.warm_up()


def races() -> list[str]:
    """The latest first."""
    return [folder.name for folder in race_files.races(_races_root())]


def start_race(settings: race_files.Settings) -> str:
    """Its name. Raises InputError while as many races run, or wait, as the machine can bear."""
    limit = max(1, processors() // len(race_files.NETWORKS))
    most_paused = 4 * limit  # which leave the processors alone, but not the memory
    latest = [race(name) for name in races()[: limit + most_paused]]
    running, paused = ([each for each in latest if not each.over and each.paused == waits] for waits in (False, True))
    if len(running) >= limit:
        raise InputError(f"{len(running)} of at most {limit} races run on this machine now; start yours when one is over.")
    if len(paused) >= most_paused:
        raise InputError(f"{len(paused)} races are paused on this machine, as many as it can keep; stop one, then start yours.")
    return race_files.start(settings, _races_root()).name


def race(name: str) -> race_files.Race:
    return race_files.read(_races_root() / name)


def steer_race(name: str, control: race_files.Control) -> None:
    race_files.steer(_races_root() / name, control)


def go_on_with_race(name: str) -> None:
    race_files.go_on(_races_root() / name)


def packed_race(name: str) -> bytes:
    """A zip of its folder."""
    return race_files.packed(_races_root() / name)


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
    from resnet_core.data.datasets import open_dataset

    data = open_dataset(race_files.DATA)
    images, labels = next(data.test.test_batches(race_files.SHOWN, data.test.side))
    return Digits(images.permute(0, 2, 3, 1).numpy(), labels.tolist(), data.classes)
