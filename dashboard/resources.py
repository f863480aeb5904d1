"""What do all sessions share? Networks, inspections and tables, each computed once; every `st.cache_*` is here.

What is cached as a resource is handed out itself, not a copy: read it, never change it. torch is imported inside, when it is
first needed.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from types import FunctionType
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import pandas as pd
import streamlit as st
from numpy.typing import NDArray

from dashboard import recorded
from dashboard.recorded import Answers, Study
from resnet_core import InputError
from resnet_core.checkpoint import Checkpoint
from resnet_core.images import SAMPLES, decode, sample, square
from resnet_core.inspection.records import Inspection
from resnet_core.training import race as race_files

if TYPE_CHECKING:
    from resnet_core.inspection.attribution import Attribution
    from resnet_core.network import ResNet

    _Asked = tuple[str, str, int, str]  # network, photograph, class, method

Drawn = TypeVar("Drawn")
_SHIPPED = Path(__file__).parents[1] / "assets" / "studies"
SHOWN = 192  # pixels of a photograph under a Grad-CAM


@dataclass(frozen=True, eq=False)
class Photograph:
    """A picture that a person chose, decoded; `digest` stands for its pixels as a cache key."""

    title: str
    credit: str
    pixels: NDArray[np.uint8]  # (H, W, 3)
    digest: str
    own: bool  # uploaded or taken here, so no link can hold it

    @property
    def shown(self) -> NDArray[np.uint8]:
        """The central square that the networks see, (SHOWN, SHOWN, 3)."""
        return square(self.pixels, SHOWN)


@st.cache_resource
def sample_photograph(name: str) -> Photograph:
    known = SAMPLES[name]
    return Photograph(known.title, f"{known.source} {known.licence}", sample(name), f"sample:{name}", own=False)


@st.cache_resource(max_entries=32, scope="session")
def own_photograph(data: bytes) -> Photograph:
    """Raises InputError where the bytes hold no picture."""
    return Photograph("Your photograph", "", decode(data), hashlib.sha256(data).hexdigest(), own=True)


@st.cache_resource
def checkpoint(name: str) -> Checkpoint:
    """What a bundled network says of itself."""
    from resnet_core.weights import read_checkpoint

    return read_checkpoint(name)


@st.cache_resource
def pairs() -> dict[str, tuple[str, str]]:
    """The bundled matched pairs by name ("34-tiny"): the plain network, then its residual twin."""
    from resnet_core.weights import bundled

    names = bundled()
    plain = [name for name in names if name.startswith("plain")]
    twins = {name: name.replace("plain", "resnet") for name in plain}
    return {name.removeprefix("plain"): (name, twin) for name, twin in twins.items() if twin in names}


@st.cache_resource(max_entries=8)
def network(name: str) -> ResNet:
    from resnet_core.weights import load

    return load(name)


@st.cache_resource(max_entries=512)
def _inspection(name: str, digest: str, target: int | None, _photograph: Photograph) -> Inspection:
    from resnet_core.inspection.inspect import inspect
    from resnet_core.weights import prepare

    lens = network(name)
    return inspect(lens, prepare(_photograph.pixels, checkpoint(name)), target)


def inspections(pair: tuple[str, str], photograph: Photograph, target: int | None) -> tuple[Inspection, Inspection]:
    """Both networks on one photograph and one target; None: the class that the residual network finds most probable."""
    plain, residual = pair
    second = _inspection(residual, photograph.digest, target, photograph)
    return _inspection(plain, photograph.digest, second.target, photograph), second


# attributions: seconds each, so they are told how far they are, and can be stopped


@st.cache_resource
def _attributions() -> tuple[OrderedDict[_Asked, Attribution], defaultdict[_Asked, Lock]]:
    """What is known, and who is at work on what."""
    return OrderedDict(), defaultdict(Lock)


def known_attribution(name: str, photograph: Photograph, target: int, method: str) -> Attribution | None:
    """What was computed before, by anybody."""
    return _attributions()[0].get((name, photograph.digest, target, method))


def attribution(
    name: str, photograph: Photograph, target: int, method: str, tell: Callable[[float], bool] = lambda _share: True
) -> Attribution:
    """Which pixels speak for the class; computed once for all sessions. `tell` as in `attribute`; also what it raises ends it.

    A session that asks for what another one is computing waits for that.
    """
    from resnet_core.inspection.attribution import attribute
    from resnet_core.weights import prepare

    asked = (name, photograph.digest, target, method)
    known, locks = _attributions()
    lock = locks[asked]
    while not lock.acquire(timeout=0.2):
        tell(0)
    try:
        if asked not in known:
            x = prepare(photograph.pixels, checkpoint(name))
            known[asked] = attribute(network(name), x, method, target, tell)
            while len(known) > 256:
                known.popitem(last=False)
        return known[asked]
    finally:
        locks.pop(asked, None)  # who waits has it in hand
        lock.release()


# studies: folders of run directories, shipped with the project or made here


@st.cache_resource(max_entries=256)
def _study(folder: Path, name: str, changed: float) -> Study | Answers | None:
    return recorded.read(folder, name, changed)


def _all_studies() -> Iterator[Study | Answers | str]:
    """Every shipped and own study, or a sentence where it cannot be read."""
    for folder, name, changed in (*recorded.folders(_SHIPPED, ""), *recorded.folders(_own_runs(), "own/")):
        try:
            if study := _study(folder, name, changed):
                yield study
        except InputError as error:
            yield f"The study {name} is left out: {error}"


def studies() -> tuple[dict[str, Study], list[str]]:
    """Every study that trained networks by its name, and a sentence for each that cannot be read."""
    found = list(_all_studies())
    return {each.name: each for each in found if isinstance(each, Study)}, [each for each in found if isinstance(each, str)]


def answers() -> dict[str, Answers]:
    """Every study that asked networks, by its name."""
    return {each.name: each for each in _all_studies() if isinstance(each, Answers)}


def _identity(study: Study | Answers) -> tuple[str, float]:
    return study.name, study.changed


def _place(function: FunctionType) -> str:
    return f"{function.__module__}.{function.__qualname__}"


@st.cache_resource(max_entries=256, hash_funcs={Study: _identity, Answers: _identity, FunctionType: _place})
def drawn(draw: Callable[..., Drawn], study: Study | Answers, *choices: Any) -> Drawn:
    """`draw(study.table, *choices)`, once for all sessions: it takes a tenth of a second, and most people look at the same."""
    return draw(study.table, *choices)


# races: files that grow, so nothing of them is cached


def _own_runs() -> Path:
    return Path(os.environ.get("RESNET_LENS_RUNS", Path(__file__).parents[1] / "runs"))


def _races_root() -> Path:
    return _own_runs() / "races"


def warm_up_races() -> None:
    """So that a race which is started in some seconds shows its first points at once."""
    race_files.warm_up()


def races() -> list[str]:
    """The latest first."""
    return [folder.name for folder in race_files.races(_races_root())]


def start_race(settings: race_files.Settings) -> str:
    """Its name. Raises InputError while as many races run as the processors can bear."""
    limit = max(1, (os.cpu_count() or 2) // len(race_files.NETWORKS))
    latest = [race(name) for name in races()[: 4 * limit]]
    running = [each for each in latest if not each.over and not each.paused]  # a paused one leaves the processors alone
    if len(running) >= limit:
        raise InputError(f"{len(running)} of at most {limit} races run on this machine now; start yours when one is over.")
    return race_files.start(settings, _races_root()).name


def race(name: str) -> race_files.Race:
    return race_files.read(_races_root() / name)


def steer_race(name: str, control: race_files.Control) -> None:
    race_files.steer(_races_root() / name, control)


def go_on_with_race(name: str) -> None:
    race_files.go_on(_races_root() / name)


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


@st.cache_resource
def paper() -> dict[str, Any]:
    """What He et al. 2015 print: their figures by table, and the rows of Table 1."""
    folder = Path(__file__).parents[1] / "assets" / "reference"
    figures = json.loads((folder / "he2015.json").read_text())
    return {**figures, "table1": json.loads((folder / "he2015-table1.json").read_text())}
