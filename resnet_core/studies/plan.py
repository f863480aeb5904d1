"""How are many networks trained for one figure? A study: a list of runs, each trained once, here or on a Ray cluster."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from functools import lru_cache
from multiprocessing.connection import wait as wait_for_end
from pathlib import Path
from typing import TYPE_CHECKING, Any

from resnet_core import runs
from resnet_core.assets import WEIGHTS
from resnet_core.errors import InputError
from resnet_core.networks.architectures import Architecture
from resnet_core.runs.run import FinishedError, LockedError, Run, mismatch
from resnet_core.studies.catalogue import PAIR, Measurement, StudyPlan
from resnet_core.studies.folders import study_folder_name, weights_path
from resnet_core.training.description import describe_data, describe_plan, describe_weights
from resnet_core.training.recipe import RECIPE_DEFAULTS, Recipe, recipe

if TYPE_CHECKING:
    from resnet_core.data.sources import Dataset

ATTEMPTS = 3  # while workers die and no run gets finished; each goes on from the last checkpoint


@lru_cache(maxsize=1)
def _dataset(name: str) -> Dataset:
    """Decoded once in each worker, for all its runs."""
    from resnet_core.data.sources import open_dataset

    return open_dataset(name)


@dataclass(frozen=True)
class TrainingJob:
    """A network to be trained into a run directory."""

    architecture: Architecture
    recipe: Recipe
    data: str
    seed: int
    folder: Path
    keep: int = 0  # times that the weights are kept on the way

    @property
    def facts(self) -> dict[str, Any]:
        """Return the facts that identify the run, without those that need its data."""
        return describe_plan(self.architecture, self.recipe, self.seed, None)

    def execute(self, run: Run) -> None:
        """Train the network into its run directory, which is open."""
        from resnet_core.training.loop import train_in

        dataset = _dataset(self.data)
        architecture = replace(self.architecture, num_classes=len(dataset.classes))
        train_in(run, architecture, self.recipe, dataset, self.seed, lambda _progress: None, keep=self.keep)


@dataclass(frozen=True)
class MeasurementJob:
    """A measurement of one network, whose table goes into a run directory."""

    measurement: Measurement
    label: str
    data: str
    seed: int
    folder: Path
    trained: Path | None  # the folder of the study that trained the network; None: it is new

    @property
    def facts(self) -> dict[str, Any]:
        """Return the facts that identify the run, without those that need its data."""
        start = describe_weights(weights_path(self.trained, self.label, self.seed)) if self.trained else {}
        return {"measurement": self.measurement.name, "seed": self.seed, **start}

    def execute(self, run: Run) -> None:
        """Measure the network, and write the table into its run directory, which is open."""
        from resnet_core.studies.measure import run_measurement

        run_measurement(self.measurement, self.label, _dataset(self.data), self.seed, self.trained, run)


Job = TrainingJob | MeasurementJob


def _chosen(study: StudyPlan | Measurement, only: Sequence[str]) -> list[str]:
    known = {name.replace("-cifar", ""): name for name in study.networks}
    unknown = [name for name in only if name.replace("-cifar", "") not in known]
    if unknown:
        raise InputError(f"The study {study.name} has no network {unknown[0]!r}; it has {', '.join(known)}.")
    wanted = {name.replace("-cifar", "") for name in only} or set(known)
    return [name for short, name in known.items() if short in wanted]


def plan(
    study: StudyPlan | Measurement,
    out: Path,
    seeds: Sequence[int] = (0,),
    only: Sequence[str] = (),
    scale: float = 1,
    data: str | None = None,
    keep: int = 0,
) -> list[Job]:
    """Return the study's jobs, seed by seed.

    A measurement of trained networks takes them from the study that trained them, in `out` and of the same scale.

    Args:
        only: names of networks, with or without "-cifar"; empty: all.
        keep: how many times trained weights are kept on the way.

    Raises:
        InputError: For unknown networks, and where trained ones are missing.
    """
    names, data, folder = _chosen(study, only), data or study.data, out / study_folder_name(study.name, scale)
    places = [(name, seed, folder / f"{name}-seed{seed}") for seed in seeds for name in names]
    if isinstance(study, StudyPlan):
        recipes = {name: recipe(study.recipes[name if name in study.recipes else ""]).scaled(scale) for name in names}
        return [TrainingJob(study.networks[name], recipes[name], data, seed, place, keep) for name, seed, place in places]
    if study.trained_by is None:
        return [MeasurementJob(study, name, data, seed, place, None) for name, seed, place in places]
    if study.trained_by == PAIR:
        if len(seeds) > 1:
            raise InputError(f"{study.name} asks the bundled pair, which was trained with one seed; leave out --seeds.")
        return [MeasurementJob(study, name, data, seed, place, WEIGHTS) for name, seed, place in places]
    trained = out / study_folder_name(study.trained_by, scale)
    for name, seed, _ in places:
        weights = weights_path(trained, name, seed)
        if not weights.exists():
            options = ("" if scale == 1 else f" --scale {scale:g}") + ("" if len(seeds) == 1 else f" --seeds {len(seeds)}")
            options += f" --out {out}" + ("" if data == study.data else f" --data {data}")
            raise InputError(
                f"{study.name} asks trained networks, and {weights} does not exist; "
                f"`python -m resnet_core study {study.trained_by}{options}` trains it."
            )
    return [MeasurementJob(study, name, data, seed, place, trained) for name, seed, place in places]


def is_finished(job: Job) -> bool:
    """Return whether the run is finished. Opens its data, since their digest identifies them, not their name.

    Raises:
        InputError: A finished run of something else is in its place.
    """
    if not (job.folder / "run.json").exists() or (facts := runs.read_run(job.folder)).status != "finished":
        return False
    recorded = {**facts.recorded, "measurement": facts.measurement}
    other = mismatch(job.facts, recorded, RECIPE_DEFAULTS)
    other = other or mismatch({"data": describe_data(_dataset(job.data))}, recorded, {})
    if other:
        raise InputError(f"{job.folder} holds a finished run with another {other}; choose another folder of runs.")
    return True


def run_job(job: Job, threads: int) -> str:
    """Train or measure, or resume. Returns "done", "finished before", or "elsewhere": another process has the run."""
    import torch

    if is_finished(job):
        return "finished before"
    torch.set_num_threads(threads)
    try:
        with Run.open(job.folder) as run:
            job.execute(run)
    except LockedError:
        return "elsewhere"
    except FinishedError:  # since it was looked at
        return "finished before"
    return "done"


def _end_with_parent() -> None:
    """End this worker as soon as the process of the study has ended, even if that was killed. Called first in each worker."""
    parent = multiprocessing.parent_process()
    assert parent

    def wait_for_parent() -> None:
        wait_for_end([parent.sentinel])
        os._exit(1)

    threading.Thread(target=wait_for_parent, daemon=True).start()


def run_here(planned: Sequence[Job], jobs: int, threads: int, on_result: Callable[[Job, str], None]) -> None:
    """Run the planned jobs in `jobs` processes at once, and pass the result of every job to `on_result`.

    A worker that dies (killed, out of memory) is replaced, and its run goes on from its last checkpoint. Raises InputError where
    a run cannot be carried out, or workers died ATTEMPTS times without a run finished in between.
    """
    left = {job.folder: job for job in planned}
    deaths = 0
    while left:
        spawn = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(jobs, spawn, initializer=_end_with_parent) as pool:
            futures: dict[Future[str], Job] = {pool.submit(run_job, job, threads): job for job in left.values()}
            try:
                while futures:
                    for future in wait(futures, return_when=FIRST_COMPLETED).done:
                        on_result(futures[future], future.result())
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


def _absolute(job: Job) -> Job:
    """Return the job with absolute paths, for a worker in another working directory."""
    kind, colon, path = job.data.partition(":")
    data = f"{kind}:{Path(path).expanduser().absolute()}" if colon else job.data
    if isinstance(job, MeasurementJob) and job.trained:
        job = replace(job, trained=job.trained.absolute())
    return replace(job, folder=job.folder.absolute(), data=data)


def run_on_ray(planned: Sequence[Job], threads: int, on_result: Callable[[Job, str], None]) -> None:
    """Run the planned jobs on Ray: a local one that starts itself, or the cluster at RAY_ADDRESS, which must share the folder."""
    try:
        import ray
    except ImportError:
        raise InputError("Ray is not installed; `pip install ray`, or leave out --on ray.") from None
    environment, address = {"env_vars": {"PYTHONPATH": str(Path(__file__).parents[2])}}, os.environ.get("RAY_ADDRESS")
    try:
        ray.init(address=address, log_to_driver=False, runtime_env=environment)
    except (ConnectionError, ValueError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"Ray cannot be had at {address or 'this machine'} ({reason}); start it, or set RAY_ADDRESS.") from None
    remote = ray.remote(num_cpus=threads, max_retries=ATTEMPTS - 1)(run_job)
    waiting: dict[Any, Job] = {remote.remote(job, threads): job for job in map(_absolute, planned)}
    try:
        while waiting:
            for reference in ray.wait(list(waiting))[0]:
                try:
                    came = ray.get(reference)
                except ray.exceptions.RayTaskError as error:
                    raise error.cause from None
                except ray.exceptions.RayError as error:  # the worker or its machine died each time
                    folder, reason = waiting[reference].folder, (str(error).splitlines() or [type(error).__name__])[0]
                    raise InputError(
                        f"The worker of {folder} died {ATTEMPTS} times ({reason}); give it more memory, and try again."
                    ) from None
                on_result(waiting[reference], came)
                del waiting[reference]
    finally:
        ray.shutdown()
