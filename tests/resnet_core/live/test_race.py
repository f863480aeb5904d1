"""Does a race do what its watcher wants, and is each lane an ordinary training? Judged by a trainer outside of any race."""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from zipfile import ZipFile

import pandas as pd
import pytest
from lightning_fabric import Fabric
from safetensors.torch import load_file

from resnet_core import runs
from resnet_core.data.sources import open_dataset
from resnet_core.device import available_cpus
from resnet_core.errors import InputError
from resnet_core.live import race_folder, race_launcher, race_reader, worker
from resnet_core.live.race_folder import Control, Settings
from resnet_core.live.race_reader import Race
from resnet_core.locks import holding
from resnet_core.networks import weights
from resnet_core.networks.resnet import build
from resnet_core.training.trainer import Trainer
from tests.support.processes import races_root

__all__ = ["races_root"]
ROOT = Path(__file__).parents[3]
SMALL = Settings(depth=8, width=2, iterations=60)
LONG = Settings(depth=8, width=2, iterations=100_000)


def wait(folder: Path, until: Callable[[Race], bool], seconds: float = 60) -> Race:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        now = race_reader.read(folder)
        if until(now):
            return now
        time.sleep(0.05)
    logs = [path.read_text() for path in folder.glob("*/worker.log")]
    raise AssertionError(f"it did not come to pass in {seconds} s; {logs}")


def at_least(iteration: int) -> Callable[[Race], bool]:
    return lambda now: min(lane.iteration for lane in now.lanes.values()) >= iteration


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Race:
    """It ends by itself."""
    return wait(race_launcher.start(SMALL, tmp_path_factory.mktemp("races")), lambda now: now.over)


@pytest.mark.slow
def test_both_lanes_finish_as_run_directories_with_the_weights_of_a_training_alone(finished: Race) -> None:
    assert {lane.status for lane in finished.lanes.values()} == {"finished"}
    for which in race_folder.NETWORKS:
        folder = finished.folder / which
        alone = Trainer(
            build(SMALL.network(which), 0), SMALL.recipe(), open_dataset("digits"), 0, Fabric(accelerator="cpu", devices=1)
        )
        for _ in range(SMALL.iterations):
            alone.step()
        saved = load_file(folder / "last.safetensors")
        for name, tensor in alone.network.state_dict().items():
            assert (saved[name].float() - tensor.float()).abs().max() <= 1e-2 * tensor.float().abs().max() + 1e-6, name  # float16
        assert weights.load(folder / "last.safetensors", "cpu").architecture.residual == (which == "residual")
        assert runs.read_facts(folder)["architecture"]["name"] == f"{'resnet' if which == 'residual' else 'plain'}8-cifar"


def test_what_is_watched_is_what_is_recorded(finished: Race) -> None:
    for which, lane in finished.lanes.items():
        recorded = runs.read_metrics(finished.folder / which)
        assert lane.iteration == 60
        assert len(lane.table) == len(recorded)
        assert lane.table.value.tolist() == pytest.approx(recorded.value.tolist())
        blocks = recorded[recorded.metric == "gradient_norm"]
        assert set(blocks.block) == {"conv2_1", "conv3_1", "conv4_1"}
        assert sorted(set(blocks.step)) == list(range(0, 60, 10))
        assert len(lane.at(60)["classes"]) == race_folder.SHOWN
        assert lane.at(31)["iteration"] == 30


def test_the_lanes_start_from_equal_weights(finished: Race) -> None:
    plain, residual = (build(SMALL.network(which), 0).state_dict() for which in race_folder.NETWORKS)
    assert all((tensor == residual[name]).all() for name, tensor in plain.items())


@pytest.mark.slow
def test_pause_step_learning_rate_and_stop_reach_both_workers(races_root: Path) -> None:
    folder = race_launcher.start(LONG, races_root)
    wait(folder, at_least(5))
    race_folder.steer(folder, Control("pause"))
    time.sleep(0.5)
    paused = race_reader.read(folder)
    time.sleep(0.5)
    assert [lane.iteration for lane in race_reader.read(folder).lanes.values()] == [
        lane.iteration for lane in paused.lanes.values()
    ]

    goal = paused.iteration // 5 * 5 + 20
    race_folder.steer(folder, Control("run", until=goal, learning_rate=0.123))
    there = wait(folder, at_least(goal))
    assert [lane.iteration for lane in there.lanes.values()] == [goal, goal]
    for lane in there.lanes.values():
        rates = lane.table[lane.table.metric == "learning_rate"]
        assert rates.value.iloc[-1] == pytest.approx(0.123)

    race_folder.steer(folder, Control("run", until=goal + 7))  # of which no worker reports: they pause at the next report
    time.sleep(0.5)
    paused = wait(folder, at_least(goal + 10))
    assert [lane.iteration for lane in paused.lanes.values()] == [goal + 10, goal + 10]
    assert paused.paused

    race_folder.steer(folder, Control("stop"))
    over = wait(folder, lambda now: now.over)
    assert {lane.status for lane in over.lanes.values()} == {"stopped"}
    for which, lane in over.lanes.items():
        assert lane.table[lane.table.metric == "loss"].step.iloc[-1] == goal + 10
        assert len(runs.read_metrics(folder / which)) == len(lane.table)


def not_begun(settings: Settings, folder: Path) -> Path:
    """A race to which no worker has come."""
    folder.mkdir(parents=True)
    race_folder.steer(folder, Control())
    (folder / "race.json").write_text(json.dumps(asdict(settings)))
    for which in race_folder.NETWORKS:
        (folder / which).mkdir()
    return folder


def test_a_race_is_being_started_as_long_as_its_starter_lives(tmp_path: Path) -> None:
    folder = not_begun(SMALL, tmp_path / "race")
    for clock in (-8 * 3600, 0, 8 * 3600):  # of another machine: no clock is asked
        written = time.time() + clock
        os.utime(folder / "control.json", (written, written))
        with holding(folder / race_folder.STARTING):
            assert {lane.status for lane in race_reader.read(folder).lanes.values()} == {"starting"}
            assert race_launcher.at_work(folder)
        assert race_reader.read(folder).over
        assert not race_launcher.at_work(folder)


def test_a_reused_process_number_is_no_worker(finished: Race, tmp_path: Path) -> None:
    folder = tmp_path / "race"
    shutil.copytree(finished.folder, folder)
    for which in race_folder.NETWORKS:
        facts = runs.read_facts(folder / which)
        runs.write_facts(folder / which, facts | {"status": "running"})
        (folder / which / "pid").write_text(str(os.getpid()))
    assert {lane.status for lane in race_reader.read(folder).lanes.values()} == {"dead"}
    assert not race_launcher.at_work(folder)


@pytest.mark.slow
def test_a_worker_that_is_no_fork_trains_the_same_network(finished: Race, tmp_path: Path) -> None:
    folder = not_begun(SMALL, tmp_path / "race")
    code = "from resnet_core.live.worker import _start_workers; _start_workers(fork=False)"
    line = json.dumps([str(folder), "residual"])
    threads = {"OMP_NUM_THREADS": str(max(1, available_cpus() // 2))}  # as those of a race
    subprocess.run([sys.executable, "-c", code], input=line, text=True, cwd=ROOT, env=os.environ | threads, check=True)
    lane = wait(folder, lambda now: now.lanes["residual"].status == "finished").lanes["residual"]
    pd.testing.assert_frame_equal(lane.table, finished.lanes["residual"].table)


@pytest.mark.slow
def test_a_race_that_is_paused_for_long_stops_and_can_go_on(races_root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "PATIENCE", 0.2)
    folder = not_begun(SMALL, races_root / "race")
    race_folder.steer(folder, Control("run", until=12))
    with runs.Run.open(folder / "plain") as run:
        worker.work(run, folder, "plain")
    lane = race_reader.read(folder).lanes["plain"]
    assert (lane.status, lane.iteration) == ("stopped", 15)
    race_launcher.resume(folder)
    assert wait(folder, lambda now: now.over).lanes["plain"].status == "finished"


def test_two_watchers_may_steer_at_once(tmp_path: Path) -> None:
    folder = not_begun(SMALL, tmp_path / "race")
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda n: race_folder.steer(folder, Control(until=n)), range(400)))
    assert race_reader.read(folder).control.until in range(400)
    assert not list(folder.glob(".*.part"))


@pytest.mark.slow
def test_a_killed_lane_is_seen_to_be_dead_and_goes_on_from_what_it_saved(races_root: Path) -> None:
    folder = race_launcher.start(LONG, races_root)
    wait(folder, at_least(60))
    os.kill(int((folder / "plain" / "pid").read_text()), signal.SIGKILL)
    now = wait(folder, lambda now: now.lanes["plain"].status == "dead")
    assert now.lanes["residual"].status == "running"
    assert not now.over
    race_folder.steer(folder, Control("stop"))
    wait(folder, lambda now: now.over)
    race_launcher.resume(folder)
    again = wait(folder, lambda now: now.lanes["plain"].status == "running" and now.lanes["plain"].iteration >= 65)
    steps = again.lanes["plain"].table.query("metric == 'loss'").step
    assert steps.is_unique  # nothing is told twice
    race_folder.steer(folder, Control("stop"))
    wait(folder, lambda now: now.over)


@pytest.mark.slow
def test_a_loss_that_is_no_number_ends_the_lane_and_keeps_the_last_good_checkpoint(races_root: Path) -> None:
    folder = race_launcher.start(LONG, races_root)
    wait(folder, at_least(55))
    race_folder.steer(folder, Control(learning_rate=1e30))
    over = wait(folder, lambda now: now.over)
    assert {lane.status for lane in over.lanes.values()} == {"diverged"}
    for which in race_folder.NETWORKS:
        state = load_file(folder / which / "state.safetensors")
        assert all(tensor.isfinite().all() for tensor in state.values())


def test_a_packed_race_is_the_same_race_elsewhere(finished: Race, tmp_path: Path) -> None:
    with ZipFile(io.BytesIO(race_folder.packed(finished.folder))) as archive:
        archive.extractall(tmp_path)
    found = race_reader.read(tmp_path / finished.folder.name)
    assert (found.settings, found.control, found.over) == (finished.settings, finished.control, True)
    for which, lane in finished.lanes.items():
        pd.testing.assert_frame_equal(found.lanes[which].table, lane.table)
        assert (found.folder / which / "last.safetensors").read_bytes() == (
            finished.folder / which / "last.safetensors"
        ).read_bytes()


def test_a_reader_reads_on_and_begins_anew_with_its_file(finished: Race, tmp_path: Path) -> None:
    folder = tmp_path / "race"
    shutil.copytree(finished.folder, folder)
    path = folder / "plain" / "live.jsonl"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[:3]) + lines[3][:40])  # half of it is still being written
    reader = race_reader.Reader(folder)
    assert reader.read().lanes["plain"].iteration == json.loads(lines[2])["iteration"]
    with path.open("a") as file:
        file.write(lines[3][40:] + "".join(lines[4:]))
    pd.testing.assert_frame_equal(reader.read().lanes["plain"].table, finished.lanes["plain"].table)
    path.write_text("".join(lines[5:]) * 3)  # another file, longer than what was read
    assert len(reader.read().lanes["plain"].predictions) == 3 * len(lines[5:])
    path.unlink()
    assert reader.read().lanes["plain"].iteration == 0


@pytest.mark.parametrize(
    "changes",
    [
        {"depth": 21},
        {"depth": 2},
        {"width": 0},
        {"learning_rate": 0},
        {"seed": -1},
        {"depth": 20.0},
        {"width": True},
        {"shortcut": "D"},
        {"batch_norm": 1},
        {"learning_rate": float("nan")},
        {"seed": 10**400},
    ],
)
def test_what_cannot_be_raced_is_refused_in_one_sentence(changes: dict[str, float]) -> None:
    with pytest.raises(InputError, match=r"^[^\n]+\.$"):
        Settings(**changes)


def test_a_folder_without_a_race_is_refused_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"is not a race[^\n]+\.$"):
        race_reader.read(tmp_path)
