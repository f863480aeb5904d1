"""Who computes what takes long? A few workers for all sessions: one computation for however many ask, a queue, and a way out."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYet
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, TypeVar

import streamlit as st

from resnet_core.device import available_cpus

Answer = TypeVar("Answer")
Progress = Callable[[float], bool]  # told the fraction that is done; answers whether to go on
TICK = 0.2  # seconds between two looks at a job that somebody waits for


@dataclass(frozen=True)
class Waiting:
    """How a job stands: its place in the queue, from 1 (0: it runs), and the fraction of it that is done."""

    place: int
    fraction: float


@dataclass(eq=False)
class _Job:
    future: Future[Any] = field(init=False)
    watchers: int = 0
    fraction: float = 0.0
    wanted: bool = True

    def progress(self, fraction: float) -> bool:
        self.fraction = fraction
        return self.wanted


@dataclass(frozen=True)
class _Kept:
    answer: Any


class Jobs:
    """Answers by key, each computed once; at most `kept` of them stay, the longest unused go first.

    Any number of sessions may ask. A job that nobody waits for any more ends: it is taken out of the queue, or hears from its
    progress callback that it shall stop. What a job raises reaches all who wait, and is not kept.
    """

    def __init__(self, workers: int, kept: int) -> None:
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="job")
        self._kept_most = kept
        self._answers: OrderedDict[Hashable, Any] = OrderedDict()
        self._jobs: OrderedDict[Hashable, _Job] = OrderedDict()  # queued and running, the oldest first
        self._lock = Lock()

    def known(self, key: Hashable) -> bool:
        """Whether the answer is there."""
        with self._lock:
            return key in self._answers

    def answer(
        self, key: Hashable, compute: Callable[[Progress], Answer], on_wait: Callable[[Waiting], object] = lambda _waiting: None
    ) -> Answer:
        """Return the answer to `key`: the kept one, or what `compute` returns, now or for somebody who asked before.

        Args:
            compute: runs on a worker; it should call its argument with the fraction that is done, and end where that is False.
            on_wait: called in this thread every TICK seconds until the answer is there. What it raises ends the waiting.
        """
        return self.answers({key: compute}, on_wait)[0]

    def answers(
        self,
        asked: Mapping[Hashable, Callable[[Progress], Answer]],
        on_wait: Callable[[Waiting], object] = lambda _waiting: None,
    ) -> list[Answer]:
        """Return the answers to several keys, computed side by side as far as there are workers; otherwise as `answer`."""
        joined = {key: self._join(key, compute) for key, compute in asked.items()}
        try:
            return [self._result(key, job, on_wait) if isinstance(job, _Job) else job.answer for key, job in joined.items()]
        finally:
            for key, job in joined.items():
                if isinstance(job, _Job):
                    self._leave(key, job)

    def _result(self, key: Hashable, job: _Job, on_wait: Callable[[Waiting], object]) -> Any:
        while True:
            try:
                return job.future.result(timeout=TICK)
            except NotYet:
                if job.future.done():
                    raise
                on_wait(self._standing(key, job))

    def _join(self, key: Hashable, compute: Callable[[Progress], Any]) -> _Job | _Kept:
        """Return the kept answer, or the running or a new job, with one watcher more."""
        with self._lock:
            if key in self._answers:
                self._answers.move_to_end(key)
                return _Kept(self._answers[key])
            job = self._jobs.get(key)
            if job is None or not job.wanted:
                job = _Job()
                job.future = self._pool.submit(self._run, key, job, compute)
                self._jobs[key] = job
            job.watchers += 1
            return job

    def _run(self, key: Hashable, job: _Job, compute: Callable[[Progress], Any]) -> Any:
        try:
            found = compute(job.progress)
        except BaseException:
            self._forget(key, job)
            raise
        with self._lock:
            self._answers[key] = found
            while len(self._answers) > self._kept_most:
                self._answers.popitem(last=False)
        self._forget(key, job)
        return found

    def _forget(self, key: Hashable, job: _Job) -> None:
        with self._lock:
            if self._jobs.get(key) is job:
                del self._jobs[key]

    def _leave(self, key: Hashable, job: _Job) -> None:
        with self._lock:
            job.watchers -= 1
            if job.watchers or job.future.done():
                return
            job.wanted = False
            if job.future.cancel() and self._jobs.get(key) is job:
                del self._jobs[key]

    def _standing(self, key: Hashable, job: _Job) -> Waiting:
        with self._lock:
            queued = [other for other, each in self._jobs.items() if not each.future.running()]
        return Waiting(queued.index(key) + 1 if key in queued else 0, job.fraction)


@st.cache_resource
def quick() -> Jobs:
    """For answers that take up to a second: as many workers as a pair needs, so that no long one stands in their way."""
    return Jobs(workers=2, kept=256)


@st.cache_resource
def large() -> Jobs:
    """For answers of up to 20 MB each that take up to a second."""
    return Jobs(workers=2, kept=24)


@st.cache_resource
def slow() -> Jobs:
    """For answers that take seconds to minutes; half of the processors stay free for the others."""
    return Jobs(workers=max(1, available_cpus() // 2), kept=256)
