"""Is what takes seconds computed once, whoever asks, and however many?"""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest

from dashboard.serving import cache as module
from dashboard.serving.cache import known, once


@pytest.fixture
def question() -> str:
    """A kind of its own: answers are kept for the process."""
    return str(uuid4())


def test_sessions_that_ask_at_once_wait_for_one_computation(question: str) -> None:
    computed, waiting, all_wait = [], set(), threading.Event()

    def wait(_share: float) -> bool:
        waiting.add(threading.get_ident())
        if len(waiting) == 3:
            all_wait.set()
        return True

    def compute() -> str:
        assert all_wait.wait(60)
        computed.append(threading.get_ident())
        return "answer"

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: once(question, "asked", compute, wait), range(4)))
    assert found == ["answer"] * 4
    assert len(computed) == 1
    assert waiting.isdisjoint(computed)
    assert known(question, "asked") == "answer"


def test_after_a_stop_one_of_those_who_wait_computes(question: str) -> None:
    began, second_waits, third_waits, computed = threading.Event(), threading.Event(), threading.Event(), []

    def stopped() -> str:
        began.set()
        assert second_waits.wait(60)
        raise RuntimeError

    def compute() -> str:
        assert third_waits.wait(60)
        computed.append(1)
        return "answer"

    with ThreadPoolExecutor(3) as pool:
        first = pool.submit(once, question, "asked", stopped)
        assert began.wait(60)
        second = pool.submit(once, question, "asked", compute, lambda _share: not second_waits.set())
        with pytest.raises(RuntimeError):
            first.result()
        third = pool.submit(once, question, "asked", compute, lambda _share: not third_waits.set())  # while the second is at work
        assert (second.result(), third.result()) == ("answer", "answer")
    assert len(computed) == 1


def test_what_others_crowd_out_is_computed_again(question: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_KEPT", 2)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda n: once(question, n % 7, lambda: n % 7 + 1), range(5000)))
    assert found == [n % 7 + 1 for n in range(5000)]
    assert len(module._answers_to(question)[0]) <= 2
