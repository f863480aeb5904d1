"""What is left of a race when a process of it is killed? Server, launcher and worker, five times each, on real processes."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from resnet_core.live import race_folder, race_launcher, race_reader
from resnet_core.live.race_folder import Control, Settings
from resnet_core.live.race_reader import Race
from resnet_core.locks import is_held
from tests.support.processes import Start, children, is_alive, kill, races_root, started, until

__all__ = ["races_root", "started"]

pytestmark = pytest.mark.slow
TIMES = 5
LONG = Settings(depth=8, width=2, iterations=100_000)
SERVER = """
import sys
from pathlib import Path
from resnet_core.live import race_folder, race_launcher, race_reader
race_launcher.start(race_folder.Settings(depth=8, width=2, iterations=100_000), Path(sys.argv[1]))
sys.stdin.readline()  # as a server, which goes on
"""


def wait(folder: Path, true: Callable[[Race], bool], what: str) -> Race:
    until(lambda: true(race_reader.read(folder)), 120, f"not {what}")
    return race_reader.read(folder)


def at_least(iteration: int) -> Callable[[Race], bool]:
    return lambda now: min(lane.iteration for lane in now.lanes.values()) >= iteration


def stop(folder: Path, workers: set[int]) -> None:
    """Stop the race; no process and no half file of it are left."""
    race_folder.steer(folder, Control("stop"))
    wait(folder, lambda now: now.over, "over")
    until(lambda: not any(map(is_alive, workers)), 30, "a worker is left")
    assert not race_launcher.at_work(folder)
    assert not list(folder.rglob("*.part"))


def workers_of(folder: Path) -> dict[str, int]:
    return {which: int((folder / which / "pid").read_text()) for which in race_folder.NETWORKS}


def test_a_race_outlives_its_server_and_the_next_one_finds_and_stops_it(races_root: Path, started: Start) -> None:
    for time in range(TIMES):
        root = races_root / str(time)
        server = started(sys.executable, "-c", SERVER, str(root), stdin=-1)
        until(lambda root=root: race_folder.races(root), 60, "no race")
        (folder,) = race_folder.races(root)
        wait(folder, at_least(5), "on its way")
        workers = set(workers_of(folder).values())
        (launcher,) = children(server.pid) - workers
        server.kill()
        server.wait(timeout=10)
        until(lambda launcher=launcher: not is_alive(launcher), 30, "the launcher outlives its server")
        now = race_reader.read(folder)
        assert {lane.status for lane in now.lanes.values()} == {"running"}
        wait(folder, at_least(now.iteration + 5), "going on")
        stop(folder, workers)


def test_a_race_whose_server_is_killed_before_its_workers_begin_is_over_or_begins(races_root: Path, started: Start) -> None:
    for time in range(TIMES):
        root = races_root / str(time)
        server = started(sys.executable, "-c", SERVER, str(root), stdin=-1)
        until(lambda root=root: race_folder.races(root), 60, "no race")
        (folder,) = race_folder.races(root)
        assert race_launcher.at_work(folder)
        left = children(server.pid)
        server.kill()
        server.wait(timeout=10)
        until(lambda left=left: not any(map(is_alive, left)), 60, "the launcher outlives its server")
        assert not is_held(folder / race_folder.STARTING)
        pids = [int(path.read_text()) for path in folder.glob("*/pid")]  # the launcher obeys what it was told before
        assert len(pids) in (0, 2)
        stop(folder, set(pids))


def test_a_race_goes_on_without_its_launcher_and_the_next_start_has_a_new_one(races_root: Path) -> None:
    for _ in range(TIMES):
        launcher = race_launcher.warm_up()
        folder = race_launcher.start(LONG, races_root)
        wait(folder, at_least(5), "on its way")
        workers = set(workers_of(folder).values())
        assert workers <= children(launcher.pid)
        launcher.kill()
        launcher.wait(timeout=10)
        wait(folder, at_least(race_reader.read(folder).iteration + 5), "going on")
        stop(folder, workers)
    assert race_launcher.warm_up() is not launcher


def test_a_launcher_that_is_killed_before_it_starts_anything_leaves_a_race_that_is_over(races_root: Path) -> None:
    race_launcher.warm_up().kill()
    race_launcher.warm_up().wait(timeout=10)
    folder = race_launcher.start(LONG, races_root)  # by a new one, which takes seconds to begin
    race_launcher.warm_up().kill()
    over = wait(folder, lambda now: now.over, "seen to be dead")
    assert {lane.status for lane in over.lanes.values()} == {"dead"}
    race_launcher.resume(folder)
    wait(folder, at_least(5), "on its way again")
    stop(folder, set(workers_of(folder).values()))


def test_a_killed_lane_is_dead_at_once_and_goes_on_later(races_root: Path) -> None:
    folder = race_launcher.start(LONG, races_root)
    wait(folder, at_least(55), "saved")
    for time in range(TIMES):
        killed, other = race_folder.NETWORKS[time % 2], race_folder.NETWORKS[1 - time % 2]
        workers = workers_of(folder)
        kill(workers[killed])
        now = wait(folder, lambda now, killed=killed: now.lanes[killed].status == "dead", "dead")
        assert now.lanes[other].status == "running"
        (folder / killed / "pid").write_text(str(os.getpid()))  # a number that another process has
        assert race_reader.read(folder).lanes[killed].status == "dead"
        stop(folder, set(workers.values()))
        race_launcher.resume(folder)
        until(lambda: not is_held(folder / race_folder.STARTING), 60, "still being started")
        again = wait(folder, at_least(now.lanes[killed].iteration), "where it was")
        assert again.lanes[killed].table.query("metric == 'loss'").step.is_unique
    stop(folder, set(workers_of(folder).values()))


def test_workers_give_way_to_the_pages(races_root: Path) -> None:
    folder = race_launcher.start(LONG, races_root)
    wait(folder, at_least(5), "on its way")
    workers = set(workers_of(folder).values())
    assert all(os.getpriority(os.PRIO_PROCESS, worker) >= 10 for worker in workers)
    stop(folder, workers)
