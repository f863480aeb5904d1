"""Which pixels speak for a class, and can it be believed? Seconds each: computed once for all, in turn, and with a way out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from dashboard.serving.jobs import Jobs, Progress, Waiting, quick, slow
from dashboard.serving.networks import checkpoint, network
from dashboard.serving.photographs import Photograph
from resnet_core.inspection.attribution.catalogue import METHODS

if TYPE_CHECKING:
    from torch import Tensor

    from resnet_core.inspection.attribution.methods import Attribution
    from resnet_core.inspection.attribution.sanity_checks import DeletionInsertion, RandomisationTest

SLOW = 20  # inspections that a method may cost at most to be computed unasked
OnWait = Callable[[Waiting], object]


def _ignore(_waiting: Waiting) -> None: ...


def _input(name: str, photograph: Photograph) -> Tensor:
    from resnet_core.pictures.network_input import prepare

    return prepare(photograph.pixels, checkpoint(name))


def is_slow(method: str) -> bool:
    """Whether a person must ask for the method, as it takes seconds."""
    return METHODS[method].cost > SLOW


def _jobs(method: str) -> Jobs:
    return slow() if is_slow(method) else quick()


def known_attribution(name: str, photograph: Photograph, target: int, against: int | None, method: str) -> bool:
    """Whether `attribution` was computed before, by anybody."""
    return _jobs(method).known(("attribution", name, photograph.digest, target, against, method))


def attribution(
    name: str, photograph: Photograph, target: int, against: int | None, method: str, on_wait: OnWait = _ignore
) -> Attribution:
    """Which pixels speak for `target`, rather than for `against` where that is not None."""
    lens, x = network(name), _input(name, photograph)

    def compute(progress: Progress) -> Attribution:
        from resnet_core.inspection.attribution.methods import attribute

        return attribute(lens, x, method, target, progress, against=against)

    return _jobs(method).answer(("attribution", name, photograph.digest, target, against, method), compute, on_wait)


def known_trust(name: str, photograph: Photograph, target: int, against: int | None, method: str) -> bool:
    """Whether `randomisation_test` and `deletion_insertion` were computed before, by anybody."""
    asked = (name, photograph.digest, target, against, method)
    return slow().known(("cascade", *asked)) and slow().known(("curves", *asked))


def randomisation_test(
    name: str, photograph: Photograph, target: int, against: int | None, method: str, on_wait: OnWait = _ignore
) -> RandomisationTest:
    """How much of the attribution outlives a randomisation of the network."""
    lens, x = network(name), _input(name, photograph)

    def compute(progress: Progress) -> RandomisationTest:
        from resnet_core.inspection.attribution import sanity_checks

        found = sanity_checks.randomisation_test(lens, x, method, target, on_progress=progress, against=against)
        return replace(found, maps=found.maps[:1])  # no page shows the others: a megabyte

    return slow().answer(("cascade", name, photograph.digest, target, against, method), compute, on_wait)


def deletion_insertion(
    name: str, photograph: Photograph, target: int, against: int | None, method: str, on_wait: OnWait = _ignore
) -> DeletionInsertion:
    """What deletion and insertion of the attribution's pixels do."""
    lens, x = network(name), _input(name, photograph)
    found = attribution(name, photograph, target, against, method, on_wait)  # here: a job that waits for another would block it

    def compute(progress: Progress) -> DeletionInsertion:
        from resnet_core.inspection.attribution import sanity_checks

        return sanity_checks.deletion_insertion(lens, x, found, on_progress=progress)

    return slow().answer(("curves", name, photograph.digest, target, against, method), compute, on_wait)


def random_baseline(name: str, photograph: Photograph, target: int, on_wait: OnWait = _ignore) -> list[DeletionInsertion]:
    """The same of pixels in random orders."""
    lens, x = network(name), _input(name, photograph)

    def compute(progress: Progress) -> list[DeletionInsertion]:
        from resnet_core.inspection.attribution import sanity_checks

        return sanity_checks.random_baseline(lens, x, target, on_progress=progress)

    return slow().answer(("random curves", name, photograph.digest, target), compute, on_wait)
