"""How is one lane of a race trained? By a process of its own, on Linux forked from one which has imported everything."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import traceback
from pathlib import Path
from typing import NoReturn

import torch
from lightning_fabric import Fabric

from resnet_core import runs
from resnet_core.atomic import replacing
from resnet_core.data.sources import open_dataset
from resnet_core.live import race
from resnet_core.locks import holding
from resnet_core.networks.resnet import build
from resnet_core.training.description import begin, describe
from resnet_core.training.loop import finish
from resnet_core.training.trainer import Trainee

REPORT_EVERY = 5  # iterations
SAVE_EVERY = 50  # iterations
NICENESS = 10  # the pages come first
FAREWELL = 10  # seconds in which a lane's worker before this one may end
PATIENCE = 900  # seconds of a pause, after which the race is stopped: two processes are too much to wait for nobody


def work(folder: Path, which: str) -> None:
    """Train one lane as the control file wants, until the race's last iteration or a stop."""
    settings, _ = race.read_settings(folder)
    fabric = Fabric(accelerator="cpu", devices=1)  # so small a network is no faster on a GPU
    row, how, dataset = settings.network(which), settings.recipe(), open_dataset(race.DATA)
    trainee = Trainee(build(row, settings.seed), how, dataset, settings.seed, fabric)
    lane, state = folder / which, folder / which / "state.safetensors"
    facts = begin(lane, describe(row, how, dataset, settings.seed, None, fabric), fabric) | {"status": "running"}
    runs.write_facts(lane, facts)
    if state.exists():
        trainee.restore(state)
    watched, _ = next(dataset.test.test_batches(race.SHOWN, how.resolution))
    with (lane / "live.jsonl").open("w") as live:
        written, told = 0, trainee.iteration

        def publish() -> None:
            nonlocal written
            probabilities, classes = trainee.predict(watched).max(1)
            line = {"iteration": trainee.iteration, "rows": trainee.rows[written:]}
            line |= {"classes": classes.tolist(), "probabilities": [round(p, 4) for p in probabilities.tolist()]}
            live.write(json.dumps(line) + "\n")
            live.flush()
            written = len(trainee.rows)

        def tell() -> None:
            """What has happened since it was told last. Raises FloatingPointError on a loss of nan or inf."""
            nonlocal told
            if trainee.iteration > told:
                trainee.report()
                publish()
                told = trainee.iteration

        publish()
        status = "stopped"
        control, read_at, paused_at = race.Control(), 0, None
        clock = time.perf_counter()
        try:
            while trainee.iteration < how.iterations:
                changed = (folder / "control.json").stat().st_mtime_ns
                if changed != read_at:
                    (_, control), read_at = race.read_settings(folder), changed
                if control.wish == "stop":
                    break
                pause = control.wish == "pause" or (control.until is not None and trainee.iteration >= control.until)
                if pause and trainee.iteration % REPORT_EVERY == 0:  # where all that has happened is told
                    paused_at = paused_at or time.monotonic()
                    if time.monotonic() > paused_at + PATIENCE:
                        break
                    time.sleep(0.03)
                    continue
                paused_at = None
                trainee.step(control.learning_rate)
                if trainee.iteration % REPORT_EVERY == 0 or trainee.iteration == how.iterations:
                    tell()
                if trainee.iteration % SAVE_EVERY == 0:
                    trainee.save(state)
            tell()
        except FloatingPointError:
            status = "diverged"
        facts["seconds"] += time.perf_counter() - clock
        # in each case the status changes last: who reads it takes what was published for all there is
        if trainee.iteration == how.iterations and status == "stopped":
            test = trainee.examine()
            publish()
            finish(trainee, test, lane, facts)
            state.unlink(missing_ok=True)
            return
        publish()
        if status == "stopped":  # otherwise the last good checkpoint stays
            trainee.save(state)
        runs.write_metrics(lane, trainee.rows)
        runs.write_facts(lane, {**facts, "status": status})


def _be_worker(folder: Path, which: str) -> NoReturn:
    """Work in this process, whose output goes to the lane's worker.log, and end it. Holds the lane's lock until its end."""
    log = os.open(folder / which / "worker.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for stream in (1, 2):
        os.dup2(log, stream)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    try:
        if hasattr(os, "nice"):
            os.nice(NICENESS)
        with holding(folder / which / race.LOCK, FAREWELL) as alone:
            if alone:
                with replacing(folder / which / "pid") as beside:
                    beside.write_text(str(os.getpid()))  # says that it has begun; the number itself decides nothing
                work(folder, which)
            os._exit(0)
    except BaseException:
        traceback.print_exc()
        os._exit(1)


def _start_workers(fork: bool) -> None:
    """One for every line on the standard input: a fork of this process, which has prepared all that it needs, or a new Python."""
    if fork:
        torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1)  # imports a third of torch
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for a worker
    for line in sys.stdin:
        folder, which = json.loads(line)
        if not fork:
            subprocess.Popen([sys.executable, "-m", "resnet_core.live.worker", folder, which])
        elif os.fork() == 0:
            _be_worker(Path(folder), which)


if __name__ == "__main__":
    if sys.argv[1:]:
        _be_worker(Path(sys.argv[1]), sys.argv[2])
    _start_workers(fork=sys.platform == "linux")  # what macOS's libraries have begun does not survive a fork
