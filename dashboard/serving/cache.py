"""What takes seconds is computed once, for all sessions, and can be known not to be there yet; `st.cache_*` cannot say that."""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from collections.abc import Callable, Hashable
from threading import Lock
from typing import Any, TypeVar

import streamlit as st

Found = TypeVar("Found")
_KEPT = 256  # answers of a kind


@st.cache_resource
def _answers_to(question: str) -> tuple[OrderedDict[Hashable, Any], defaultdict[Hashable, Lock]]:
    """What is known of one kind ("cascade"), and who is at work on what."""
    return OrderedDict(), defaultdict(Lock)


def go_on(_share: float) -> bool:
    return True


def known(question: str, asked: Hashable) -> Any:
    """What was computed before, by anybody; None where nothing was."""
    return _answers_to(question)[0].get(asked)


def once(question: str, asked: Hashable, compute: Callable[[], Found], tell: Callable[[float], bool] = go_on) -> Found:
    """What `compute` gives. A session that asks for what another one is computing waits for that, and says so to `tell`."""
    answers, locks = _answers_to(question)
    lock = locks[asked]
    while not lock.acquire(timeout=0.2):
        tell(0)
    try:
        found: Found | None = answers.get(asked)
        if found is None:
            found = answers[asked] = compute()
            while len(answers) > _KEPT:
                answers.popitem(last=False)
            locks.pop(asked, None)  # who waits has it in hand, and finds the answer; after a stop it stays, for them to go on
        return found
    finally:
        lock.release()
