"""What may a step of a tour ask for? Of every page: the parameters of its link, their values, and the keys of its exhibits."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import get_args

from dashboard.figures.degradation import Axis, Shown
from dashboard.figures.feature_maps import PLACES, SORTS
from dashboard.figures.overlay import SCALES
from dashboard.figures.trust import RANKED
from dashboard.scenes.feature_maps import Colours
from dashboard.scenes.operations import LOOKS
from resnet_core.assets import STUDIES
from resnet_core.inspection.attribution.catalogue import METHODS
from resnet_core.live.race_folder import LEARNING_RATES, SHORTCUTS
from resnet_core.networks.architectures import REGISTRY
from resnet_core.pictures.samples import SAMPLES

Values = Collection[str] | range | None  # None: any text, as only the page knows its values


@dataclass(frozen=True)
class PageWords:
    """What the link of a page understands, and what the page shows.

    Args:
        parameters: values by the parameter's name; "*" in a name stands for any text.
        exhibits: keys of all exhibits that the page has in any of its states; "*" as above.
    """

    parameters: Mapping[str, Values]
    exhibits: tuple[str, ...]

    def has_exhibit(self, key: str) -> bool:
        """Return whether the page has an exhibit of that key."""
        return any(fnmatchcase(key, pattern) for pattern in self.exhibits)

    def values_of(self, parameter: str) -> Values:
        """Return the values of a parameter.

        Raises:
            KeyError: the page has no such parameter.
        """
        for pattern, values in self.parameters.items():
            if fnmatchcase(parameter, pattern):
                return values
        raise KeyError(parameter)


def allows(values: Values, value: str) -> bool:
    """Return whether the value is among the values."""
    if isinstance(values, range):
        return value.isdecimal() and int(value) in values
    return values is None or value in values


_BOOLEAN = ("true", "false")
_STUDIES = sorted(folder.name for folder in STUDIES.iterdir() if folder.is_dir())
_NETWORKS: dict[str, Values] = {"pair": None, "left": None, "right": None}
_LOOKED_AT: dict[str, Values] = _NETWORKS | {"sample": tuple(SAMPLES), "target": None}

VOCABULARY: dict[str, PageWords] = {
    "home": PageWords({}, ("home-*",)),
    "architectures": PageWords(
        {"network": tuple(REGISTRY), "stage": ("conv2_x", "conv3_x", "conv4_x", "conv5_x"), "first": _BOOLEAN},
        ("block-diagram*", "stages"),
    ),
    "degradation": PageWords(
        {"study": _STUDIES, "depths-*": None, "error": get_args(Shown), "over": get_args(Axis), "ask": _BOOLEAN},
        ("prediction", "degradation-plain", "degradation-residual", "degradation-ends", "degradation-schedules"),
    ),
    "train_live": PageWords(
        {
            "depth": ("20", "32", "44", "56", "110"),
            "width": ("4", "8", "16"),
            "rate": [f"{rate:g}" for rate in LEARNING_RATES],
            "shortcut": tuple(SHORTCUTS),
            "bn": _BOOLEAN,
            "seed": range(10_000),
            "race": None,
            "pinned": None,
            "upto": range(5, 100_000),
            "ask": _BOOLEAN,
        },
        ("prediction", "race-errors", "race-predictions", "race-gradient_norm", "race-response_sd"),
    ),
    "gradient_flow": PageWords(
        {
            "networks": None,
            "layers": ("20", "32", "44", "56", "110", "1202"),
            "bn": _BOOLEAN,
            "seed": range(1000),
            "images": ("digits", "samples", *SAMPLES),
            "study": _STUDIES,
            "depth": range(1, 2000),
            "of": range(10_000),
            "ask": _BOOLEAN,
        },
        ("prediction", "gradient-norm-of-batch", "correlation", "gradient-norm-recorded", "evolution", "training-summary"),
    ),
    "lesion": PageWords({"study": _STUDIES, "statistics": ("anew", "stored"), "missing": None, "ask": _BOOLEAN}, ("lesion-*",)),
    "landscape": PageWords({"pair-layers": None, "turn": range(361), "why": _BOOLEAN}, ("landscape-*",)),
    "likeness": PageWords({"other": None, "pair-layers": None, "block": None}, ("likeness-*",)),
    "myths": PageWords({"myth": None, "says-*": None}, ("myth-*",)),
    "compare": PageWords(
        _LOOKED_AT | {"scale": tuple(SCALES), "difference": _BOOLEAN, "block": None},
        ("strip-*", "classes-*", "gradient-norm", "response", "maps-*"),
    ),
    "feature_maps": PageWords(
        _LOOKED_AT
        | {
            "block": None,
            "place": ("residual-function", *(place for place in PLACES if place != "F(x)")),
            "sort": SORTS,
            "channel": range(4096),
            "colours": get_args(Colours),
        },
        ("grid-*", "equation-*", "channel-*"),
    ),
    "operations": PageWords(
        _LOOKED_AT
        | {
            "block": None,
            "channel": range(4096),
            "look": tuple(LOOKS),
            "scope": ("block", "all"),
            "pixel": None,
            "through": None,
        },
        (),
    ),
    "attribution": PageWords(
        _LOOKED_AT
        | {
            "against": None,
            "methods": (*METHODS, "none"),
            "trust": ("plain", "residual"),
            "side": ("left", "right"),
            "ranks": tuple(RANKED),
            "opacity": range(101),
            "threshold": range(101),
            "ask": _BOOLEAN,
        },
        (*(f"{method}-*" for method in METHODS), "cascade-*", "deletion-insertion-*"),
    ),
    "predictions": PageWords(_NETWORKS, ("confidence",)),
    "studies": PageWords(
        {"show": ("runs", "measurements"), "measurement": _STUDIES, "asked": None, "run": None},
        ("run-*", *(f"{name.partition('-')[0]}-*" for name in _STUDIES), "facts"),
    ),
}
