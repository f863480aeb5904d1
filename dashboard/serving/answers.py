"""Which pixels speak for a class? Seconds each, so whoever asks is told how far it is, and can stop it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from dashboard.serving.cache import go_on, known, once
from dashboard.serving.networks import checkpoint, network
from dashboard.serving.photographs import Photograph

if TYPE_CHECKING:
    from resnet_core.inspection.attribution.methods import Attribution
    from resnet_core.inspection.attribution.sanity_checks import Cascade, Curves


def known_attribution(name: str, photograph: Photograph, target: int, against: int | None, method: str) -> Attribution | None:
    """What was computed before, by anybody."""
    found: Attribution | None = known("attribution", (name, photograph.digest, target, against, method))
    return found


def attribution(
    name: str, photograph: Photograph, target: int, against: int | None, method: str, tell: Callable[[float], bool] = go_on
) -> Attribution:
    """Which pixels speak for `target`, rather than for `against` where that is not None.

    `tell` as in `attribute`; also what it raises ends it.
    """
    from resnet_core.inspection.attribution.methods import attribute
    from resnet_core.networks.weights import prepare

    def compute() -> Attribution:
        return attribute(network(name), prepare(photograph.pixels, checkpoint(name)), method, target, tell, against=against)

    return once("attribution", (name, photograph.digest, target, against, method), compute, tell)


def known_trust(name: str, photograph: Photograph, target: int, against: int | None, method: str) -> bool:
    """Whether `cascade` and `curves` were computed before, by anybody."""
    asked = (name, photograph.digest, target, against, method)
    return all(known(question, asked) is not None for question in ("cascade", "curves"))


def cascade(
    name: str, photograph: Photograph, target: int, against: int | None, method: str, tell: Callable[[float], bool] = go_on
) -> Cascade:
    """How much of the attribution outlives a randomisation of the network."""
    from resnet_core.inspection.attribution import sanity_checks
    from resnet_core.networks.weights import prepare

    def compute() -> Cascade:
        x = prepare(photograph.pixels, checkpoint(name))
        found = sanity_checks.cascade(network(name), x, method, target, tell=tell, against=against)
        return replace(found, maps=found.maps[:1])  # no page shows the others: a megabyte

    return once("cascade", (name, photograph.digest, target, against, method), compute, tell)


def curves(
    name: str, photograph: Photograph, target: int, against: int | None, method: str, tell: Callable[[float], bool] = go_on
) -> Curves:
    """What deletion and insertion of the attribution's pixels do."""
    from resnet_core.inspection.attribution import sanity_checks
    from resnet_core.networks.weights import prepare

    def compute() -> Curves:
        x = prepare(photograph.pixels, checkpoint(name))
        return sanity_checks.curves(network(name), x, attribution(name, photograph, target, against, method), tell=tell)

    return once("curves", (name, photograph.digest, target, against, method), compute, tell)


def random_curves(name: str, photograph: Photograph, target: int, tell: Callable[[float], bool] = go_on) -> list[Curves]:
    """The same of pixels in random orders."""
    from resnet_core.inspection.attribution import sanity_checks
    from resnet_core.networks.weights import prepare

    def compute() -> list[Curves]:
        x = prepare(photograph.pixels, checkpoint(name))
        return sanity_checks.random_curves(network(name), x, target, tell=tell)

    return once("random curves", (name, photograph.digest, target), compute, tell)
