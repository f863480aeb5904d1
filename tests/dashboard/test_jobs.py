"""Is what takes long computed once, in turn, and no longer than somebody wants it?"""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from dashboard.serving.jobs import Jobs, Progress, Waiting

LIMIT = 20.0  # seconds


class LeftError(Exception):
    """A session's script was stopped while it waited."""


def test_sessions_that_ask_at_once_get_one_computation() -> None:
    jobs, begun, go, computed = Jobs(2, 8), threading.Event(), threading.Event(), []

    def compute(_progress: Progress) -> str:
        begun.set()
        assert go.wait(LIMIT)
        computed.append(1)
        return "answer"

    with ThreadPoolExecutor(4) as sessions:
        asked = [sessions.submit(jobs.answer, "key", compute) for _ in range(4)]
        assert begun.wait(LIMIT)
        go.set()
        assert [each.result(LIMIT) for each in asked] == ["answer"] * 4
    assert computed == [1]
    assert jobs.known("key")


def test_who_waits_in_the_queue_is_told_the_place() -> None:
    jobs, go, told = Jobs(1, 8), threading.Event(), threading.Event()
    places: list[Waiting] = []

    def blocked(_progress: Progress) -> int:
        assert go.wait(LIMIT)
        return 1

    def watch(waiting: Waiting) -> None:
        places.append(waiting)
        told.set()

    with ThreadPoolExecutor(3) as sessions:
        first = sessions.submit(jobs.answer, 1, blocked)
        while not jobs._jobs or not next(iter(jobs._jobs.values())).future.running():
            pass
        second = sessions.submit(jobs.answer, 2, lambda _progress: 2)
        while 2 not in jobs._jobs:
            pass
        third = sessions.submit(jobs.answer, 3, lambda _progress: 3, watch)
        assert told.wait(LIMIT)
        go.set()
        assert [each.result(LIMIT) for each in (first, second, third)] == [1, 2, 3]
    assert places[0].place == 2


def test_a_job_that_nobody_wants_hears_it_and_is_computed_again_for_the_next() -> None:
    jobs, stopped = Jobs(1, 8), threading.Event()

    def endless(progress: Progress) -> None:
        while progress(0.5):
            pass
        stopped.set()
        raise LeftError

    def leave(waiting: Waiting) -> None:
        raise LeftError

    with pytest.raises(LeftError):
        jobs.answer("key", endless, leave)
    assert stopped.wait(LIMIT)
    assert jobs.answer("key", lambda _progress: "anew") == "anew"


def test_a_job_goes_on_while_one_of_two_still_wants_it() -> None:
    jobs, go, left = Jobs(1, 8), threading.Event(), threading.Event()

    def compute(progress: Progress) -> bool:
        assert go.wait(LIMIT)
        return progress(1.0)

    def leave(_waiting: Waiting) -> None:
        raise LeftError

    with ThreadPoolExecutor(2) as sessions:
        stays = sessions.submit(jobs.answer, "key", compute)
        while "key" not in jobs._jobs:
            pass
        goes = sessions.submit(jobs.answer, "key", compute, leave)
        with pytest.raises(LeftError):
            goes.result(LIMIT)
        left.set()
        go.set()
        assert stays.result(LIMIT) is True


def test_a_failure_reaches_all_and_is_not_kept() -> None:
    jobs = Jobs(1, 8)

    def fail(_progress: Progress) -> None:
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        jobs.answer("key", fail)
    assert not jobs.known("key")
    assert jobs.answer("key", lambda _progress: 5) == 5


def test_answers_are_bounded_and_the_longest_unused_go_first() -> None:
    jobs = Jobs(1, 2)
    for key in (1, 2, 1, 3):
        jobs.answer(key, lambda _progress: "found")
    assert [jobs.known(key) for key in (1, 2, 3)] == [True, False, True]
    jobs = Jobs(1, 2)
    with ThreadPoolExecutor(8) as sessions:
        found = list(sessions.map(lambda n: jobs.answer(n % 7, lambda _progress: n % 7), range(2000)))
    assert found == [n % 7 for n in range(2000)]
