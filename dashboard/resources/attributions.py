"""Which pixels speak for a class? Seconds each, so whoever asks is told how far it is, and can stop it."""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from collections.abc import Callable
from dataclasses import replace
from threading import Lock
from typing import TYPE_CHECKING, Any, TypeVar

import streamlit as st

from dashboard.resources.networks import checkpoint, network
from dashboard.resources.photographs import Photograph

if TYPE_CHECKING:
    from resnet_core.inspection.attribution import Attribution
    from resnet_core.inspection.trust import Cascade, Curves

    _Asked = tuple[str, str, int, int | None, str]  # network, photograph, class, the one it is contrasted with, method

Found = TypeVar("Found")
RANDOM = "random order"  # of pixels, beside the orders that methods give
_KEPT = 256  # answers of a kind


@st.cache_resource
def _answers_to(question: str) -> tuple[OrderedDict[_Asked, Any], defaultdict[_Asked, Lock]]:
    """What is known of one kind ("cascade"), and who is at work on what."""
    return OrderedDict(), defaultdict(Lock)


def _once(question: str, asked: _Asked, compute: Callable[[], Found], tell: Callable[[float], bool]) -> Found:
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
