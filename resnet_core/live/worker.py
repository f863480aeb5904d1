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
from typing import Any, NoReturn

import torch
from lightning_fabric import Fabric

from resnet_core.atomic import replacing
from resnet_core.data.sources import open_dataset
from resnet_core.live import race_folder
from resnet_core.networks.resnet import build
from resnet_core.runs.provenance import provenance
from resnet_core.runs.run import Run
from resnet_core.training.description import describe
from resnet_core.training.loop import describe_checkpoint, finish
from resnet_core.training.recipe import RECIPE_DEFAULTS
from resnet_core.training.trainer import Trainer

REPORT_EVERY = 5  # iterations
SAVE_EVERY = 50  # iterations
NICENESS = 10  # the pages come first
PATIENCE = 900  # seconds of a pause, after which the race is stopped: two processes are too much to wait for nobody


def work(run: Run, folder: Path, lane: str) -> None:
    """Train one lane into its run directory as the control file wants, until the race's last iteration or a stop."""
    settings, _ = race_folder.read_settings(folder)
    fabric = Fabric(accelerator="cpu", devices=1)  # so small a network is no faster on a GPU
    architecture, recipe, dataset = settings.network(lane), settings.recipe(), open_dataset(race_folder.DATA)
    made_with = provenance(fabric.device)
    checkpoint = describe_checkpoint(architecture, recipe, dataset, settings.seed, lane, made_with["commit"])
    trainer = Trainer(build(architecture, settings.seed), recipe, dataset, settings.seed, fabric)
    run.begin(describe(architecture, recipe, dataset, settings.seed, None, fabric), made_with, RECIPE_DEFAULTS)
    run.mark("running")
    earlier = []
    if saved := run.restore():
        trainer.restore(saved)
        earlier = run.rows
    watched, _ = next(dataset.test.test_batches(race_folder.SHOWN, recipe.resolution))
    with (run.folder / "live.jsonl").open("w") as live:
        reported = trainer.iteration

        def publish(rows: list[dict[str, Any]]) -> None:
            probabilities, classes = trainer.predict(watched).max(1)
            line = {"iteration": trainer.iteration, "rows": rows}
            line |= {"classes": classes.tolist(), "probabilities": [round(p, 4) for p in probabilities.tolist()]}
            live.write(json.dumps(line) + "\n")
            live.flush()

        def publish_new() -> None:
            rows = trainer.take_rows()
            run.append(rows)
            publish(rows)

        def report() -> None:
            """Publish what has happened since the last report. Raises FloatingPointError on a loss of nan or inf."""
            nonlocal reported
            if trainer.iteration > reported:
                trainer.report()
                publish_new()
                reported = trainer.iteration

        publish(earlier)
        status = "stopped"
        control, read_at, paused_at = race_folder.Control(), 0, None
        clock = time.perf_counter()
        try:
            while trainer.iteration < recipe.iterations:
                changed = (folder / "control.json").stat().st_mtime_ns
                if changed != read_at:
                    (_, control), read_at = race_folder.read_settings(folder), changed
                if control.wish == "stop":
                    break
                pause = control.wish == "pause" or (control.until is not None and trainer.iteration >= control.until)
                if pause and trainer.iteration % REPORT_EVERY == 0:  # where all that has happened is published
                    paused_at = paused_at or time.monotonic()
                    if time.monotonic() > paused_at + PATIENCE:
                        break
                    time.sleep(0.03)
                    continue
                paused_at = None
                trainer.step(control.learning_rate)
                if trainer.iteration % REPORT_EVERY == 0 or trainer.iteration == recipe.iterations:
                    report()
                if trainer.iteration % SAVE_EVERY == 0:
                    run.checkpoint(*trainer.state())
            report()
        except FloatingPointError:
            status = "diverged"
        run.add_seconds(time.perf_counter() - clock)
        # in each case the status changes last: who reads it takes what was published for all there is
        if trainer.iteration == recipe.iterations and status == "stopped":
            test = trainer.examine()
            publish_new()
            finish(run, trainer, test, checkpoint)
            return
        publish_new()
        if status == "stopped":  # otherwise the last good checkpoint stays
            run.checkpoint(*trainer.state())
        run.stop(status)


def _be_worker(folder: Path, lane: str) -> NoReturn:
    """Work in this process, whose output goes to the lane's worker.log, and end it. Holds the lane's lock until its end."""
    log = os.open(folder / lane / "worker.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for stream in (1, 2):
        os.dup2(log, stream)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    try:
        if hasattr(os, "nice"):
            os.nice(NICENESS)
        with Run.open(folder / lane, patience=race_folder.FAREWELL) as run:
            with replacing(run.folder / "pid") as beside:
                beside.write_text(str(os.getpid()))  # says that it has begun; the number itself decides nothing
            work(run, folder, lane)
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
        folder, lane = json.loads(line)
        if not fork:
            subprocess.Popen([sys.executable, "-m", "resnet_core.live.worker", folder, lane])
        elif os.fork() == 0:
            _be_worker(Path(folder), lane)


if __name__ == "__main__":
    if sys.argv[1:]:
        _be_worker(Path(sys.argv[1]), sys.argv[2])
    _start_workers(fork=sys.platform == "linux")  # what macOS's libraries have begun does not survive a fork
