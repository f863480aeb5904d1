"""Is every run of a study trained once, whatever happens? Judged by killing its processes, and by the run directories."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from safetensors.torch import load_file

from resnet_core import runs
from resnet_core.errors import InputError
from resnet_core.networks.architectures import architecture
from resnet_core.studies import plan as studies
from resnet_core.studies.catalogue import study
from resnet_core.studies.plan import Job, TrainingJob, plan, run_here
from resnet_core.training.recipe import Phase, recipe
from tests.support.processes import Start, children, is_alive, started, until

__all__ = ["started"]

QUICK = replace(recipe("quick"), phases=(Phase(60, 16),), blocks_every=None)


def small(out: Path, seeds: int = 1, iterations: int = 60) -> list[Job]:
    rows = [architecture(name, depths=(1, 1, 1), width=2) for name in ("plain20-cifar", "resnet20-cifar")]
    how = replace(QUICK, phases=(Phase(iterations, 16),))
    return [TrainingJob(row, how, "digits", seed, out / f"{row.name}-{seed}") for seed in range(seeds) for row in rows]


def heard(planned: list[Job], jobs: int = 2) -> dict[str, str]:
    told: dict[str, str] = {}
    run_here(planned, jobs, 1, lambda each, what: told.__setitem__(each.folder.name, what))
    return told


def test_a_study_trains_every_run_once(tmp_path: Path) -> None:
    planned = small(tmp_path)
    assert set(heard(planned).values()) == {"done"}
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert set(heard(planned).values()) == {"finished before"}
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


@pytest.mark.slow
def test_two_studies_at_once_never_train_one_run_twice(tmp_path: Path) -> None:
    planned = small(tmp_path, iterations=150)
    told: list[dict[str, str]] = [{}, {}]
    threads = [threading.Thread(target=lambda i=i: told[i].update(heard(planned, jobs=1))) for i in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=120)
    for name in told[0]:
        assert sorted(each[name] for each in told) in (["done", "elsewhere"], ["done", "finished before"])


@pytest.mark.slow
def test_a_killed_worker_is_replaced_and_its_run_goes_on_to_the_same_weights(tmp_path: Path) -> None:
    whole, killed = small(tmp_path / "whole", iterations=200)[:1], small(tmp_path / "killed", iterations=200)[:1]
    heard(whole, jobs=1)

    def kill_after_the_first_checkpoint() -> None:
        until((killed[0].folder / "state.safetensors").exists, 120, "no checkpoint")
        for child in multiprocessing.active_children():
            child.kill()

    thread = threading.Thread(target=kill_after_the_first_checkpoint, daemon=True)
    thread.start()
    assert set(heard(killed, jobs=1).values()) == {"done"}
    thread.join(timeout=60)
    expected, found = (load_file(each[0].folder / "last.safetensors") for each in (whole, killed))
    assert all((found[name] == tensor).all() for name, tensor in expected.items())
    pd.testing.assert_frame_equal(runs.read_metrics(killed[0].folder), runs.read_metrics(whole[0].folder), check_exact=True)


@pytest.mark.slow
def test_a_terminated_study_leaves_no_worker_behind(tmp_path: Path, started: Start) -> None:
    words = ["study", "race", "--only", "plain20", "--jobs", "1", "--out", str(tmp_path)]
    environment = {**os.environ, "RESNET_LENS_COMPILE": "0", "OMP_NUM_THREADS": "1"}
    study_process = started(sys.executable, "-m", "resnet_core", *words, stdout=subprocess.DEVNULL, env=environment)
    state = tmp_path / "race/plain20-cifar-seed0/state.safetensors"
    until(state.exists, 120, "no checkpoint")
    workers = children(study_process.pid)
    study_process.terminate()
    assert study_process.wait(timeout=20) == 143
    until(lambda: not any(map(is_alive, workers)), 20, "a worker goes on training")
    assert state.exists()


def test_figure6_is_the_nine_networks_of_the_paper_with_its_recipe(tmp_path: Path) -> None:
    planned = plan(study("figure6"), tmp_path, seeds=[0, 1])
    assert len(planned) == 18
    assert sorted(each.architecture.layers for each in planned[:9]) == sorted([20, 32, 44, 56] * 2 + [110])
    assert {each.recipe.iterations for each in planned} == {64_000}
    assert {each.recipe.name for each in planned if each.architecture.layers == 110} == {"he2015-cifar-110"}


def test_only_and_scale(tmp_path: Path) -> None:
    planned = plan(study("figure6"), tmp_path, only=["plain56", "resnet56-cifar"], scale=0.1)
    assert [each.architecture.name for each in planned] == ["plain56-cifar", "resnet56-cifar"]
    assert planned[0].recipe.drops == (3200, 4800)
    with pytest.raises(InputError, match=r"^The study figure6 has no network 'vgg'; it has plain20, [^\n]+\.$"):
        plan(study("figure6"), tmp_path, only=["vgg"])
    with pytest.raises(InputError, match=r"^There is no study named 'figure8'; known are race, race-long, figure4, [^\n]+\.$"):
        study("figure8")


def test_a_run_that_cannot_be_trained_says_why(tmp_path: Path) -> None:
    planned = [replace(small(tmp_path)[0], data="mnist")]
    with pytest.raises(InputError, match="no dataset named 'mnist'"):
        heard(planned, jobs=1)
    assert studies.is_finished(planned[0]) is False


def test_a_finished_run_of_something_else_is_not_taken_for_this_one(tmp_path: Path) -> None:
    planned = small(tmp_path)[0]
    heard([planned], jobs=1)
    assert studies.is_finished(planned)
    for other, what in (
        (replace(planned, data="synthetic"), "data"),
        (replace(planned, seed=7), "seed"),
        (replace(planned, recipe=replace(planned.recipe, learning_rate=0.5)), "recipe"),
        (replace(planned, architecture=replace(planned.architecture, width=5)), "architecture"),
    ):
        with pytest.raises(InputError, match=rf"holds a finished run with another {what}; choose another folder of runs\.$"):
            studies.run_job(other, threads=1)
    assert studies.is_finished(replace(planned, recipe=replace(planned.recipe, note="In other words.")))
