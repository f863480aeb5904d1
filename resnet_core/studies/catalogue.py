"""Which studies are there? Networks to train, and questions to networks that are trained or new, each by its name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from importlib import import_module
from typing import TYPE_CHECKING, Any

from resnet_core.errors import InputError
from resnet_core.networks.architectures import Architecture, architecture
from resnet_core.runs.table import CORRELATION, COUNT, FLAG, NUMBER, PERCENT, PLACE, SIZE, TEXT, Column
from resnet_core.training.recipe import PAIR_RATES

if TYPE_CHECKING:
    import pandas as pd

    from resnet_core.studies.subject import Subject


@dataclass(frozen=True, kw_only=True)
class StudyPlan:
    """Networks to train, by the names of their runs.

    Attributes:
        name: Its key, everywhere: of its folder of runs, its figures (dashboard/figures/studies/), its section of STUDIES.md.
        title: What headings and pages call it.
        question: What it asks; the first words of its section answer it.
        source: The paper that asked it first, or what it is for.
        seconds: Median time of one network's shipped run on a CPU, at the scale that was shipped; None: none was shipped.
        recipes: By network; "": of all others.
    """

    name: str
    title: str
    question: str
    source: str
    seconds: float | None
    networks: Mapping[str, Architecture]
    recipes: Mapping[str, str]
    data: str


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """One measurement of several networks, trained by a study or freshly initialised.

    Attributes:
        name, title, question, source, seconds: As of a StudyPlan.
        trained_by: The study that trained the networks, or PAIR; None: they are new.
        measure: The file in studies/measurements that measures one network.
        columns: What the table that it returns holds, by name.
    """

    name: str
    title: str
    question: str
    source: str
    seconds: float | None
    networks: Mapping[str, Architecture]
    trained_by: str | None
    measure: str
    columns: Mapping[str, Column]
    data: str

    @property
    def function(self) -> Callable[[Subject], pd.DataFrame]:
        """Import and return the function that measures one network; importing the catalogue alone needs no torch."""
        function: Callable[[Subject], pd.DataFrame] = import_module(f"resnet_core.studies.measurements.{self.measure}").measure
        return function


def _pairs(*depths: int, **changes: Any) -> dict[str, Architecture]:
    """The paper's CIFAR networks of these depths (6n + 2), plain and residual; also of depths that the paper does not have."""
    rows = [(f"{kind}20-cifar", f"{kind}{depth}-cifar", depth) for depth in depths for kind in ("plain", "resnet")]
    return {name: replace(architecture(base), name=name, depths=((depth - 2) // 6,) * 3, **changes) for base, name, depth in rows}


def _squares(*depths: int, **changes: Any) -> dict[str, Architecture]:
    """Batch norm x shortcut: `_pairs` with batch norm, and without."""
    without = _pairs(*depths, batch_norm=False, **changes)
    return {**_pairs(*depths, **changes), **{f"{name}-without-bn": network for name, network in without.items()}}


PAIR = "the bundled pair"
_TRAINED = _pairs(20, 56)
_PAIR_NETWORKS = {
    "plain34": architecture("plain34", width=32),
    "resnet34": architecture("resnet34", width=32, shortcut="A"),
}
# runs are called by network and rate: plain34-rate-0.05
_PAIR_BY_RATE = {f"{name}-rate-{rate:g}": network for rate in PAIR_RATES for name, network in _PAIR_NETWORKS.items()}
_RATE_OF = {f"{name}-rate-{rate:g}": f"{rate:g}" for rate in PAIR_RATES for name in _PAIR_NETWORKS}

_ALL: list[StudyPlan | Measurement] = [
    StudyPlan(
        name="race",
        title="Race",
        question="Does depth harm a plain network, and does a residual one escape?",
        source="a small version of Figure 6 of He et al. 2015, for a lecture",
        seconds=33,
        networks=_pairs(20, 56, width=8),
        recipes={"": "quick"},
        data="digits",
    ),
    StudyPlan(
        name="race-long",
        title="Long race",
        question="Does depth still harm a plain network once it has learnt all it will, at its own best learning rate?",
        source="a control of the study `race`: enough iterations, and each network's own best rate",
        seconds=530,
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
    StudyPlan(
        name="figure4",
        title="Depth on Tiny-ImageNet",
        question="Does depth harm plain networks of the ImageNet shape (Figure 4)?",
        source="He et al. 2015, Figure 4 and Table 2",
        seconds=620,
        networks={
            name: architecture(name, width=32, shortcut="A" if name.startswith("resnet") else None)
            for name in ("plain18", "plain34", "resnet18", "resnet34")
        },
        recipes={"": "short"},
        data="tiny-imagenet",
    ),
    StudyPlan(
        name="pair-rates",
        title="The pair's learning rates",
        question="Which learning rate suits a plain network of 34 layers, and which its residual twin?",
        source="after He et al. 2015, section 3.4, who give both networks one rate",
        seconds=None,
        networks=_PAIR_BY_RATE,
        recipes={name: f"pair-pilot-{rate}" for name, rate in _RATE_OF.items()},
        data="everyday-held-out",
    ),
    StudyPlan(
        name="pair",
        title="The matched pair",
        question="How far do a plain network of 34 layers and its residual twin get, each at its own best learning rate?",
        source="the networks that the pages show",
        seconds=None,
        networks=_PAIR_BY_RATE,
        recipes={name: f"pair-{rate}" for name, rate in _RATE_OF.items()},
        data="everyday",
    ),
    StudyPlan(
        name="figure6",
        title="Depth",
        question="How do training and test error develop in plain and residual networks of growing depth (Figure 6)?",
        source="He et al. 2015, Figure 6 and Table 6",
        seconds=2200,
        networks={**_pairs(20, 32, 44, 56), "resnet110-cifar": architecture("resnet110-cifar")},
        recipes={"": "he2015-cifar", "resnet110-cifar": "he2015-cifar-110"},
        data="cifar10",
    ),
    StudyPlan(
        name="gradients",
        title="Gradients during training",
        question="What do batch norm and shortcuts each do to the gradients of 56 layers in training (section 4.1)?",
        source="He et al. 2015, section 4.1",
        seconds=57,
        networks=_squares(56, width=8),
        recipes={"": "quick"},
        data="digits",
    ),
    StudyPlan(
        name="shortcuts",
        title="Kinds of shortcut",
        question="How do shortcuts of option A, B, C and none compare (Table 3)?",
        source="He et al. 2015, Table 3",
        seconds=1000,
        networks={
            **_pairs(20),
            **{f"resnet20-cifar-{option}": architecture("resnet20-cifar", shortcut=option) for option in "BC"},
        },
        recipes={"": "he2015-cifar"},
        data="cifar10",
    ),
    StudyPlan(
        name="rates",
        title="Learning rates",
        question="Does the learning rate at the start hold a deep residual network back (section 4.2)?",
        source="He et al. 2015, section 4.2",
        seconds=1300,
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
        title="Responses",
        question="How strong are the responses of the layers, plain and residual (Figure 7)?",
        source="He et al. 2015, Figure 7",
        seconds=3,
        networks=_TRAINED,
        trained_by="figure6",
        measure="responses",
        columns={"layer": TEXT, "place": COUNT, "response_sd": SIZE},
        data="cifar10",
    ),
    Measurement(
        name="depth",
        title="Depth before training",
        question="How do signal and gradient pass through 20 to 1202 layers before training?",
        source="He et al. 2015, section 4.1; He et al. 2016 (identity mappings)",
        seconds=0.85,
        networks=_squares(20, 56, 110, 1202),
        trained_by=None,
        measure="flow",
        columns={"place": COUNT, "block": TEXT, "gradient_norm": SIZE, "response_sd": SIZE, "output_rms": SIZE},
        data="cifar10",
    ),
    Measurement(
        name="shattering",
        title="Shattered gradients",
        question="How alike are the gradients at nearby inputs, by depth, at initialisation (Balduzzi et al. 2017)?",
        source="Balduzzi et al. 2017",
        seconds=12,
        networks=_squares(8, 14, 20, 32, 56, 110),
        trained_by=None,
        measure="shattering",
        columns={"block": TEXT, "lag": COUNT, "correlation": CORRELATION, "radians": SIZE},
        data="cifar10",
    ),
    Measurement(
        name="agreement",
        title="Agreement of minibatches",
        question="Do the gradients of two minibatches point the same way, by depth, at initialisation?",
        source="the conjecture of He et al. 2015, section 4.1, on exponentially low convergence rates",
        seconds=44,
        networks=_squares(20, 56, 110),
        trained_by=None,
        measure="agreement",
        columns={"place": COUNT, "layer": TEXT, "cosine": CORRELATION, "gradient_norm": SIZE, "relative_gradient": SIZE},
        data="cifar10",
    ),
    Measurement(
        name="precision",
        title="Precision of the first gradient",
        question="Does the first gradient in bfloat16 point where the one in float32 points, by depth?",
        source="a control of the trainings in bfloat16",
        seconds=57,
        networks=_pairs(20, 56, 110),
        trained_by=None,
        measure="precision",
        columns={"place": COUNT, "layer": TEXT, "cosine": CORRELATION, "gradient_norm": SIZE, "relative_gradient": SIZE},
        data="cifar10",
    ),
    Measurement(
        name="lesion",
        title="Missing blocks",
        question="What happens when blocks are removed or exchanged after training (Veit et al. 2016)?",
        source="Veit et al. 2016",
        seconds=1100,
        networks=_pairs(56),
        trained_by="figure6",
        measure="lesions",
        columns={"lesion": TEXT, "blocks": TEXT, "count": COUNT, "draw": COUNT, "reestimated": FLAG, "error_percent": PERCENT},
        data="cifar10",
    ),
    Measurement(
        name="paths",
        title="Paths of every length",
        question="Through paths of which length does the gradient pass (Veit et al. 2016)?",
        source="Veit et al. 2016",
        seconds=100,
        networks={name: network for name, network in _TRAINED.items() if network.residual},
        trained_by="figure6",
        measure="paths",
        columns={"length": COUNT, "draw": COUNT, "gradient_norm": SIZE},
        data="cifar10",
    ),
    Measurement(
        name="landscape",
        title="Loss landscape",
        question="How does the loss look around the trained weights (Li et al. 2018)?",
        source="Li et al. 2018",
        seconds=480,
        networks=_TRAINED,
        trained_by="figure6",
        measure="landscape",
        columns={"alpha": PLACE, "beta": PLACE, "loss": NUMBER, "error_percent": PERCENT, "directions": TEXT, "statistics": TEXT},
        data="cifar10",
    ),
    Measurement(
        name="similarity",
        title="Likeness of blocks",
        question="Which blocks of two networks compute alike (CKA; Kornblith et al. 2019)?",
        source="Kornblith et al. 2019",
        seconds=13,
        networks=_TRAINED,
        trained_by="figure6",
        measure="similarity",
        columns={"block": TEXT, "other_block": TEXT, "cka": CORRELATION, "other": TEXT},
        data="cifar10",
    ),
    Measurement(
        name="sanity",
        title="Trust in attributions",
        question="Which attributions outlive what a network has learnt (Adebayo et al. 2018)?",
        source="Adebayo et al. 2018",
        seconds=350,
        networks={
            "plain34-tiny": architecture("plain34", width=32),
            "resnet34-tiny": architecture("resnet34", width=32, shortcut="A"),
        },
        trained_by=PAIR,
        measure="sanity",
        columns={
            "image": COUNT,
            "method": TEXT,
            "layer": COUNT,
            "random_down_to": TEXT,
            "absolute": CORRELATION,
            "signed": CORRELATION,
        },
        data="tiny-imagenet",
    ),
]
STUDIES = {study.name: study for study in _ALL}


def study(name: str) -> StudyPlan | Measurement:
    """The named study. Raises InputError for an unknown name."""
    if name not in STUDIES:
        raise InputError(f"There is no study named {name!r}; known are {', '.join(STUDIES)}.")
    return STUDIES[name]
