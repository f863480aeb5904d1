"""Which studies are there? Networks to train, and questions to networks that are trained or new, each by its name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from resnet_core.assets import WEIGHTS
from resnet_core.errors import InputError
from resnet_core.networks.architectures import Architecture, architecture
from resnet_core.training.recipe import PAIR_RATES

if TYPE_CHECKING:
    import pandas as pd

    from resnet_core.studies.measurements import Subject


@dataclass(frozen=True)
class Study:
    """Networks to train, by the names of their runs."""

    name: str
    question: str
    networks: Mapping[str, Architecture]
    recipes: Mapping[str, str]  # by network; "": all others
    data: str


@dataclass(frozen=True)
class Measurement:
    """One question to many networks, by the names of their runs: those that a study trained, or new ones."""

    name: str
    question: str
    networks: Mapping[str, Architecture]
    trained_by: str | None  # a study, or PAIR; None: asked at initialisation
    measure: str  # a function of `measurements`: a Subject -> a table
    data: str

    @property
    def function(self) -> Callable[[Subject], pd.DataFrame]:
        from resnet_core.studies import measurements

        return getattr(measurements, self.measure)


def folder_of(name: str, scale: float) -> str:
    """Where a study's runs are: its name, with the scale of their iterations where that is not 1."""
    return name if scale == 1 else f"{name}-x{scale:g}"


def study_of(folder: str) -> str:
    """The name of the study whose runs are in a folder of that name."""
    return folder.split("-x")[0]


def _pairs(*depths: int, **changes: Any) -> dict[str, Architecture]:
    """The paper's CIFAR networks of these depths (6n + 2), plain and residual; also of depths that the paper does not have."""
    rows = [(f"{kind}20-cifar", f"{kind}{depth}-cifar", depth) for depth in depths for kind in ("plain", "resnet")]
    return {name: replace(architecture(base), name=name, depths=((depth - 2) // 6,) * 3, **changes) for base, name, depth in rows}


def _squares(*depths: int, **changes: Any) -> dict[str, Architecture]:
    """Batch norm x shortcut: `_pairs` with batch norm, and without."""
    without = _pairs(*depths, batch_norm=False, **changes)
    return {**_pairs(*depths, **changes), **{f"{name}-without-bn": row for name, row in without.items()}}


PAIR = "the bundled pair"
_TRAINED = _pairs(20, 56)
_PAIR_NETWORKS = {
    "plain34": architecture("plain34", width=32),
    "resnet34": architecture("resnet34", width=32, shortcut="A"),
}
# runs are called by network and rate: plain34-rate-0.05
_PAIR_BY_RATE = {f"{name}-rate-{rate:g}": network for rate in PAIR_RATES for name, network in _PAIR_NETWORKS.items()}
_RATE_OF = {f"{name}-rate-{rate:g}": f"{rate:g}" for rate in PAIR_RATES for name in _PAIR_NETWORKS}

_ALL: list[Study | Measurement] = [
    Study(
        name="race",
        question="Does depth harm a plain network, and does a residual one escape?",
        networks=_pairs(20, 56, width=8),
        recipes={"": "quick"},
        data="digits",
    ),
    Study(
        name="race-long",
        question="Does depth still harm a plain network once it has learnt all it will, at its own best learning rate?",
        networks={
            **_pairs(20, 56, width=8),
            **{f"{name}-rate-{rate}": network for rate in ("0.02", "0.1") for name, network in _pairs(20, 56, width=8).items()},
        },
        recipes={
            "": "digits-long",
            **{f"{name}-rate-{rate}": f"digits-long-{rate}" for rate in ("0.02", "0.1") for name in _pairs(20, 56)},
        },
        data="digits",
    ),
    Study(
        name="figure4",
        question="Does depth harm plain networks of the ImageNet shape (Figure 4)?",
        networks={
            name: architecture(name, width=32, shortcut="A" if name.startswith("resnet") else None)
            for name in ("plain18", "plain34", "resnet18", "resnet34")
        },
        recipes={"": "short"},
        data="tiny-imagenet",
    ),
    Study(
        name="pair-rates",
        question="Which learning rate suits a plain network of 34 layers, and which its residual twin?",
        networks=_PAIR_BY_RATE,
        recipes={name: f"pair-pilot-{rate}" for name, rate in _RATE_OF.items()},
        data="everyday-held-out",
    ),
    Study(
        name="pair",
        question="How far do a plain network of 34 layers and its residual twin get, each at its own best learning rate?",
        networks=_PAIR_BY_RATE,
        recipes={name: f"pair-{rate}" for name, rate in _RATE_OF.items()},
        data="everyday",
    ),
    Study(
        name="figure6",
        question="How do training and test error develop in plain and residual networks of growing depth (Figure 6)?",
        networks={**_pairs(20, 32, 44, 56), "resnet110-cifar": architecture("resnet110-cifar")},
        recipes={"": "he2015-cifar", "resnet110-cifar": "he2015-cifar-110"},
        data="cifar10",
    ),
    Study(
        name="gradients",
        question="What do batch norm and shortcuts each do to the gradients of 56 layers in training (section 4.1)?",
        networks=_squares(56, width=8),
        recipes={"": "quick"},
        data="digits",
    ),
    Study(
        name="shortcuts",
        question="How do shortcuts of option A, B, C and none compare (Table 3)?",
        networks={
            **_pairs(20),
            **{f"resnet20-cifar-{option}": architecture("resnet20-cifar", shortcut=option) for option in "BC"},
        },
        recipes={"": "he2015-cifar"},
        data="cifar10",
    ),
    Study(
        name="rates",
        question="Does the learning rate at the start hold a deep residual network back (section 4.2)?",
        networks={
            f"resnet{depth}-cifar{ending}": architecture(f"resnet{depth}-cifar")
            for depth in (20, 56)
            for ending in ("", "-warm-up", "-low-rate")
        },
        recipes={
            "": "he2015-cifar",
            **{f"resnet{depth}-cifar-warm-up": "he2015-cifar-110" for depth in (20, 56)},
            **{f"resnet{depth}-cifar-low-rate": "he2015-cifar-low-rate" for depth in (20, 56)},
        },
        data="cifar10",
    ),
    Measurement(
        name="figure7",
        question="How strong are the responses of the layers, plain and residual (Figure 7)?",
        networks=_TRAINED,
        trained_by="figure6",
        measure="responses",
        data="cifar10",
    ),
    Measurement(
        name="depth",
        question="How do signal and gradient pass through 20 to 1202 layers before training?",
        networks=_squares(20, 56, 110, 1202),
        trained_by=None,
        measure="flow",
        data="cifar10",
    ),
    Measurement(
        name="shattering",
        question="How alike are the gradients at nearby inputs, by depth, at initialisation (Balduzzi et al. 2017)?",
        networks=_squares(8, 14, 20, 32, 56, 110),
        trained_by=None,
        measure="shattering",
        data="cifar10",
    ),
    Measurement(
        name="agreement",
        question="Do the gradients of two minibatches point the same way, by depth, at initialisation?",
        networks=_squares(20, 56, 110),
        trained_by=None,
        measure="agreement",
        data="cifar10",
    ),
    Measurement(
        name="precision",
        question="Does the first gradient in bfloat16 point where the one in float32 points, by depth?",
        networks=_pairs(20, 56, 110),
        trained_by=None,
        measure="precision",
        data="cifar10",
    ),
    Measurement(
        name="lesion",
        question="What happens when blocks are removed or exchanged after training (Veit et al. 2016)?",
        networks=_pairs(56),
        trained_by="figure6",
        measure="lesions",
        data="cifar10",
    ),
    Measurement(
        name="paths",
        question="Through paths of which length does the gradient pass (Veit et al. 2016)?",
        networks={name: row for name, row in _TRAINED.items() if row.residual},
        trained_by="figure6",
        measure="paths",
        data="cifar10",
    ),
    Measurement(
        name="landscape",
        question="How does the loss look around the trained weights (Li et al. 2018)?",
        networks=_TRAINED,
        trained_by="figure6",
        measure="landscape",
        data="cifar10",
    ),
    Measurement(
        name="similarity",
        question="Which blocks of two networks compute alike (CKA; Kornblith et al. 2019)?",
        networks=_TRAINED,
        trained_by="figure6",
        measure="similarity",
        data="cifar10",
    ),
    Measurement(
        name="sanity",
        question="Which attributions outlive what a network has learnt (Adebayo et al. 2018)?",
        networks={
            "plain34-tiny": architecture("plain34", width=32),
            "resnet34-tiny": architecture("resnet34", width=32, shortcut="A"),
        },
        trained_by=PAIR,
        measure="sanity",
        data="tiny-imagenet",
    ),
]
STUDIES = {study.name: study for study in _ALL}


def weights_of(study_folder: Path, network: str, seed: int) -> Path:
    """Where a study leaves what it trained; the bundled pair lies in a folder of its own."""
    if study_folder == WEIGHTS:
        return study_folder / f"{network}.safetensors"
    return study_folder / f"{network}-seed{seed}" / "last.safetensors"


def study(name: str) -> Study | Measurement:
    """The named study. Raises InputError for an unknown name."""
    if name not in STUDIES:
        raise InputError(f"There is no study named {name!r}; known are {', '.join(STUDIES)}.")
    return STUDIES[name]
