"""How are many networks trained for one figure? A study: a list of runs, each trained once, here or on a Ray cluster."""

from __future__ import annotations

import fcntl
import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from resnet_core import runs
from resnet_core.architectures import Architecture, architecture
from resnet_core.errors import InputError
from resnet_core.training.recipe import Recipe, recipe

ATTEMPTS = 3  # while workers die and no run gets finished; each goes on from the last checkpoint


@dataclass(frozen=True)
class Study:
    name: str
    question: str
    networks: tuple[str, ...]
    width: int | None  # None: the published one
    recipes: dict[str, str]  # by network; "": all others
    data: str


STUDIES = {
    study.name: study
    for study in [
        Study(
            name="race",
            question="Does depth harm a plain network, and does a residual one escape?",
            networks=("plain20-cifar", "resnet20-cifar", "plain56-cifar", "resnet56-cifar"),
            width=8,
            recipes={"": "quick"},
            data="digits",
        ),
        Study(
            name="figure6",
            question="How do training and test error develop in plain and residual networks of growing depth (Figure 6)?",
            networks=(*(f"{kind}{n}-cifar" for n in (20, 32, 44, 56) for kind in ("plain", "resnet")), "resnet110-cifar"),
            width=None,
            recipes={"": "he2015-cifar", "resnet110-cifar": "he2015-cifar-110"},
            data="cifar10",
        ),
    ]
}


@dataclass(frozen=True)
class Planned:
    """One run of a study."""

    architecture: Architecture
    recipe: Recipe
    data: str
    seed: int
    folder: Path


def study(name: str) -> Study:
    """The named study. Raises InputError for an unknown name."""
    if name not in STUDIES:
        raise InputError(f"There is no study named {name!r}; known are {', '.join(STUDIES)}.")
    return STUDIES[name]


def plan(
    chosen: Study, out: Path, seeds: Sequence[int] = (0,), only: Sequence[str] = (), scale: float = 1, data: str | None = None
) -> list[Planned]:
    """The study's runs, seed by seed; `only` names networks with or without "-cifar". Raises InputError for unknown ones."""
    known = {name.removesuffix("-cifar"): name for name in chosen.networks}
    unknown = [name for name in only if name.removesuffix("-cifar") not in known]
    if unknown:
        raise InputError(f"The study {chosen.name} has no network {unknown[0]!r}; it has {', '.join(known)}.")
    wanted = {name.removesuffix("-cifar") for name in only} or set(known)
    planned = []
    for seed in seeds:
        for short, name in known.items():
            if short not in wanted:
                continue
            row = architecture(name) if chosen.width is None else architecture(name, width=chosen.width)
            how = recipe(chosen.recipes.get(name, chosen.recipes[""])).scaled(scale)
            folder = out / (chosen.name + ("" if scale == 1 else f"-x{scale:g}")) / f"{name}-seed{seed}"
            planned.append(Planned(row, how, data or chosen.data, seed, folder))
    return planned


@contextmanager
def _alone(folder: Path) -> Iterator[bool]:
    """Whether nobody else, on any machine that shares the folder, is training this run; the lock ends with its process."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True


def is_finished(folder: Path) -> bool:
    return (folder / "run.json").exists() and runs.read_facts(folder)["status"] == "finished"


def train_planned(planned: Planned, threads: int) -> str:
    """Train one run, or go on with it. What came of it: "trained", "finished before", "elsewhere" (another process has it)."""
    import torch

    from resnet_core.data.datasets import open_dataset
    from resnet_core.training.engine import train

    if is_finished(planned.folder):
        return "finished before"
    torch.set_num_threads(threads)
    with _alone(planned.folder) as alone:
        if not alone:
            return "elsewhere"
        if is_finished(planned.folder):
            return "finished before"
        dataset = open_dataset(planned.data)
        row = replace(planned.architecture, num_classes=len(dataset.classes))
        train(row, planned.recipe, dataset, planned.seed, planned.folder, lambda _progress: None)
    return "trained"


def run_here(planned: Sequence[Planned], jobs: int, threads: int, tell: Callable[[Planned, str], None]) -> None:
    """Train the runs in `jobs` processes at once; `tell` hears what came of each.

    A worker that dies (killed, out of memory) is replaced, and its run goes on from its last checkpoint. Raises InputError where
    a run cannot be trained, or workers died ATTEMPTS times without a run finished in between.
    """
    left = {each.folder: each for each in planned}
    deaths = 0
    while left:
        with ProcessPoolExecutor(jobs, mp_context=multiprocessing.get_context("spawn")) as pool:
            futures: dict[Future[str], Planned] = {pool.submit(train_planned, each, threads): each for each in left.values()}
            try:
                while futures:
                    for future in wait(futures, return_when=FIRST_COMPLETED).done:
                        tell(futures[future], future.result())
                        del left[futures.pop(future).folder]
                        deaths = 0
            except BrokenProcessPool:
                deaths += 1
                if deaths == ATTEMPTS:
                    names = ", ".join(str(folder) for folder in list(left)[:jobs])
                    raise InputError(
                        f"Processes died {ATTEMPTS} times, the last among {names}; is there enough memory?"
                    ) from None
            except BaseException:  # also a person's Ctrl-C: what was saved last is what a later run goes on from
                pool.shutdown(wait=False, cancel_futures=True)
                for process in multiprocessing.active_children():
                    process.kill()
                raise


def run_on_ray(planned: Sequence[Planned], threads: int, tell: Callable[[Planned, str], None]) -> None:
    """The same on Ray: a local one that starts itself, or the cluster at RAY_ADDRESS, which must share the folder of runs."""
    try:
        import ray
    except ImportError:
        raise InputError("Ray is not installed; `pip install ray`, or leave out --on ray.") from None
    environment = {"env_vars": {"PYTHONPATH": str(Path(__file__).parents[2])}}
    ray.init(address=os.environ.get("RAY_ADDRESS"), log_to_driver=False, runtime_env=environment)
    remote = ray.remote(num_cpus=threads, max_retries=ATTEMPTS - 1)(train_planned)
    absolute = [replace(each, folder=each.folder.absolute()) for each in planned]
    waiting: dict[Any, Planned] = {remote.remote(each, threads): each for each in absolute}
    try:
        while waiting:
            for reference in ray.wait(list(waiting))[0]:
                tell(waiting[reference], ray.get(reference))
                del waiting[reference]
    finally:
        ray.shutdown()


def summary(table: pd.DataFrame) -> pd.DataFrame:
    """Final errors in percent, mean and sample sd over seeds: a row an architecture, from a tidy table of runs."""
    errors = table[(table.metric == "error_percent") & table.split.isin(["train", "test"]) & table.block.isna()]
    last = errors.loc[errors.groupby(["run", "split"]).step.idxmax()]
    grouped = last.groupby(["architecture", "layers", "residual", "split"]).value.agg(["mean", "std", "count"])
    return grouped.unstack("split").sort_index(level=["layers", "residual"])
