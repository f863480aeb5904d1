"""How is one lane of a race trained? By a process that is forked from one which has imported everything."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
import traceback
from pathlib import Path

import torch
from lightning_fabric import Fabric

from resnet_core import runs
from resnet_core.data.datasets import open_dataset
from resnet_core.network import build
from resnet_core.training import race
from resnet_core.training.engine import begin, describe, finish
from resnet_core.training.trainee import Trainee

REPORT_EVERY = 5  # iterations
SAVE_EVERY = 50  # iterations


def work(folder: Path, which: str) -> None:
    """Train one lane as the control file wants, until the race's last iteration or a stop."""
    settings = race.read(folder).settings
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
        written = 0

        def publish() -> None:
            nonlocal written
            probabilities, classes = trainee.predict(watched).max(1)
            line = {"iteration": trainee.iteration, "rows": trainee.rows[written:]}
            line |= {"classes": classes.tolist(), "probabilities": [round(p, 4) for p in probabilities.tolist()]}
            live.write(json.dumps(line) + "\n")
            live.flush()
            written = len(trainee.rows)

        publish()
        status = "stopped"
        control, read_at = race.Control(), 0
        clock = time.perf_counter()
        while trainee.iteration < how.iterations:
            changed = (folder / "control.json").stat().st_mtime_ns
            if changed != read_at:
                control, read_at = race.Control(**json.loads((folder / "control.json").read_text())), changed
            if control.wish == "stop":
                break
            if control.wish == "pause" or (control.until is not None and trainee.iteration >= control.until):
                time.sleep(0.03)
                continue
            trainee.step(control.learning_rate)
            if trainee.iteration % REPORT_EVERY == 0 or trainee.iteration == how.iterations:
                try:
                    trainee.report()
                except FloatingPointError:
                    status = "diverged"
                    break
                publish()
            if trainee.iteration % SAVE_EVERY == 0:
                trainee.save(state)
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


def _fork_workers() -> None:
    """Prepare what a worker needs, then fork one for every line on the standard input."""
    torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1)  # imports a third of torch
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for a worker
    for line in sys.stdin:
        folder, which = json.loads(line)
        if os.fork() == 0:
            lane = Path(folder) / which
            log = os.open(lane / "worker.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            for stream in (1, 2):
                os.dup2(log, stream)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            (lane / "pid").write_text(str(os.getpid()))
            try:
                work(Path(folder), which)
            except BaseException:
                traceback.print_exc()
                os._exit(1)
            os._exit(0)


if __name__ == "__main__":
    _fork_workers()
