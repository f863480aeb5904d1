"""What do all sessions share? Networks, inspections and tables, each computed once; every `st.cache_*` is here.

What is cached as a resource is handed out itself, not a copy: read it, never change it. torch is imported inside, when it is
first needed.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
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
from resnet_core.inspection.records import FeatureMaps, Inspection
from resnet_core.training import race as race_files

if TYPE_CHECKING:
    from torch import Tensor

    from resnet_core.inspection.attribution import Attribution
    from resnet_core.inspection.gradients import GradientFlow
    from resnet_core.inspection.trust import Cascade, Curves
    from resnet_core.network import ResNet

    _Asked = tuple[str, str, int, int | None, str]  # network, photograph, class, the one it is contrasted with, method

Drawn = TypeVar("Drawn")
_SHIPPED = Path(__file__).parents[1] / "assets" / "studies"
SHOWN = 192  # pixels of a photograph under a Grad-CAM
NEW_SIDE = 32  # pixels of what a new network is shown
NEARBY, RADIANS = 12, 0.02  # inputs on a great circle, and the angle between two
RANDOM = "random order"  # of pixels, beside the orders that methods give
_KEPT = 256  # answers of a kind


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


@st.cache_resource(max_entries=64)
def _predictions(name: str, digests: tuple[str, ...], _photographs: Sequence[Photograph]) -> NDArray[np.float32]:
    import torch

    from resnet_core.weights import prepare

    images = torch.stack([prepare(photograph.pixels, checkpoint(name)) for photograph in _photographs])
    with torch.inference_mode():
        return _logits(network(name), images).softmax(1).cpu().numpy()


def _logits(lens: ResNet, images: Tensor) -> Tensor:
    """Wherever the network lives."""
    logits: Tensor = lens(images.to(next(lens.parameters()).device))
    return logits


def predictions(name: str, photographs: Sequence[Photograph]) -> NDArray[np.float32]:
    """(N, classes) probabilities."""
    return _predictions(name, tuple(photograph.digest for photograph in photographs), photographs)


@st.cache_resource(max_entries=64)
def _feature_maps(name: str, digest: str, block: str, target: int, _photograph: Photograph) -> FeatureMaps:
    from resnet_core.inspection.feature_maps import feature_maps
    from resnet_core.weights import prepare

    return feature_maps(network(name), prepare(_photograph.pixels, checkpoint(name)), block, target)


def feature_maps(names: tuple[str, str], photograph: Photograph, block: str, target: int) -> tuple[FeatureMaps, FeatureMaps]:
    """Of both networks, at every place of the block."""
    plain, residual = (_feature_maps(name, photograph.digest, block, target, photograph) for name in names)
    return plain, residual


# gradients of a batch, in trained networks and in new ones of any depth


@dataclass(frozen=True, eq=False)
class Batch:
    """Pictures that a network sees at once; `digest` stands for them as a cache key."""

    title: str
    pictures: tuple[NDArray[np.uint8], ...]  # (H, W, 3) each
    labels: tuple[int, ...] | None  # None: nobody says
    digest: str


@st.cache_resource
def digits_batch(count: int) -> Batch:
    """The first training images of the bundled digits."""
    from resnet_core.data.datasets import open_dataset

    data = open_dataset("digits")
    images = tuple(data.train.images[:count].numpy())
    return Batch(f"{count} handwritten digits", images, tuple(data.train.labels[:count].tolist()), f"digits:{count}")


def photographs_batch(photographs: Sequence[Photograph]) -> Batch:
    title = photographs[0].title if len(photographs) == 1 else f"{len(photographs)} photographs"
    pictures = tuple(photograph.pixels for photograph in photographs)
    return Batch(title, pictures, None, " ".join(photograph.digest for photograph in photographs))


def _input(name: str, batch: Batch) -> Tensor:
    """(N, 3, S, S) as the network takes it; a new one takes small images that are normalised as everybody does."""
    import torch

    from resnet_core.data.batches import network_input
    from resnet_core.weights import prepare

    if _is_trained(name):
        return torch.stack([prepare(picture, checkpoint(name)) for picture in batch.pictures])
    images = torch.from_numpy(np.stack([square(picture, NEW_SIDE) for picture in batch.pictures]))
    return network_input(images.permute(0, 3, 1, 2), NEW_SIDE, (0.5, 0.5, 0.5), (0.25, 0.25, 0.25))


def _is_trained(name: str) -> bool:
    return any(name in pair for pair in pairs().values())


def _trained_or_new(name: str, batch_norm: bool, seed: int) -> ResNet:
    from resnet_core.architectures import architecture
    from resnet_core.network import build

    return network(name) if _is_trained(name) else build(architecture(name, batch_norm=batch_norm), seed)


@st.cache_resource(max_entries=256)
def _gradient_flow(name: str, batch_norm: bool, seed: int, digest: str, _batch: Batch) -> GradientFlow:
    import torch

    from resnet_core.inspection.gradients import gradient_flow

    x = _input(name, _batch)
    labels = torch.tensor(_batch.labels or [0] * len(x))
    if _is_trained(name):  # what the residual one of the pair takes them for
        with torch.no_grad():
            labels = _logits(network(name.replace("plain", "resnet")), x).argmax(1)
    return gradient_flow(_trained_or_new(name, batch_norm, seed), x, labels)


def gradient_flow(name: str, batch_norm: bool, seed: int, batch: Batch) -> GradientFlow:
    """Of a bundled network, or of a new one of the registry, from the seed."""
    return _gradient_flow(name, batch_norm, seed, batch.digest, batch)


@st.cache_resource(max_entries=256)
def _gradient_correlation(name: str, batch_norm: bool, seed: int, digest: str, _batch: Batch) -> pd.DataFrame:
    from resnet_core.inspection.gradients import gradient_correlation, nearby_inputs

    x = _input(name, _batch)
    second = x[1] if len(x) > 1 else x[0].flip(-1)
    inputs = nearby_inputs(x[0], second, NEARBY, RADIANS)
    return gradient_correlation(_trained_or_new(name, batch_norm, seed), inputs, seed=0)


def gradient_correlation(name: str, batch_norm: bool, seed: int, batch: Batch) -> pd.DataFrame:
    """At NEARBY inputs, RADIANS apart, from the batch's first picture towards its second, or its mirror image."""
    return _gradient_correlation(name, batch_norm, seed, batch.digest, batch)


# attributions, and what is asked of them: seconds each, so they are told how far they are, and can be stopped


@st.cache_resource
def _answers_to(question: str) -> tuple[OrderedDict[_Asked, Any], defaultdict[_Asked, Lock]]:
    """What is known of one kind ("cascade"), and who is at work on what."""
    return OrderedDict(), defaultdict(Lock)


def _once(question: str, asked: _Asked, compute: Callable[[], Drawn], tell: Callable[[float], bool]) -> Drawn:
    """What `compute` gives, for all sessions. One that asks for what another one is computing waits for that."""
    known, locks = _answers_to(question)
    lock = locks[asked]
    while not lock.acquire(timeout=0.2):
        tell(0)
    try:
        if asked not in known:
            known[asked] = compute()
            while len(known) > _KEPT:
                known.popitem(last=False)
        return known[asked]
    finally:
        locks.pop(asked, None)  # who waits has it in hand
        lock.release()


def _go_on(_share: float) -> bool:
    return True


def known_attribution(name: str, photograph: Photograph, target: int, against: int | None, method: str) -> Attribution | None:
    """What was computed before, by anybody."""
    return _answers_to("attribution")[0].get((name, photograph.digest, target, against, method))


def attribution(
    name: str, photograph: Photograph, target: int, against: int | None, method: str, tell: Callable[[float], bool] = _go_on
) -> Attribution:
    """Which pixels speak for `target`, rather than for `against` where that is not None.

    `tell` as in `attribute`; also what it raises ends it.
    """
    from resnet_core.inspection.attribution import attribute
    from resnet_core.weights import prepare

    def compute() -> Attribution:
        return attribute(network(name), prepare(photograph.pixels, checkpoint(name)), method, target, tell, against=against)

    return _once("attribution", (name, photograph.digest, target, against, method), compute, tell)


def known_trust(name: str, photograph: Photograph, target: int, against: int | None, method: str) -> bool:
    """Whether `cascade` and `curves` were computed before, by anybody."""
    asked = (name, photograph.digest, target, against, method)
    return all(asked in _answers_to(question)[0] for question in ("cascade", "curves"))


def cascade(
    name: str, photograph: Photograph, target: int, against: int | None, method: str, tell: Callable[[float], bool] = _go_on
) -> Cascade:
    """How much of the attribution outlives a randomisation of the network."""
    from resnet_core.inspection import trust
    from resnet_core.weights import prepare

    def compute() -> Cascade:
        x = prepare(photograph.pixels, checkpoint(name))
        found = trust.cascade(network(name), x, method, target, tell=tell, against=against)
        return replace(found, maps=found.maps[:1])  # no page shows the others: a megabyte

    return _once("cascade", (name, photograph.digest, target, against, method), compute, tell)


def curves(
    name: str, photograph: Photograph, target: int, against: int | None, method: str, tell: Callable[[float], bool] = _go_on
) -> Curves:
    """What deletion and insertion of the attribution's pixels do; of the method RANDOM, of pixels in random order."""
    from resnet_core.inspection import trust
    from resnet_core.weights import prepare

    def compute() -> Curves:
        x = prepare(photograph.pixels, checkpoint(name))
        if method == RANDOM:
            given = trust.random_order((x.shape[-2], x.shape[-1]), target)
        else:
            given = attribution(name, photograph, target, against, method)
        return trust.curves(network(name), x, given, tell=tell)

    return _once("curves", (name, photograph.digest, target, against, method), compute, tell)


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
