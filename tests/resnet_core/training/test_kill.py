"""Is a training that is killed at any instant as good as one that never was? Bit by bit, after twenty kills."""

from __future__ import annotations

import multiprocessing
import random
import time
from pathlib import Path

import pandas as pd
import pytest
from safetensors import safe_open
from safetensors.torch import load_file

from resnet_core import runs
from resnet_core.data.sources import open_dataset
from resnet_core.networks.architectures import architecture
from resnet_core.training import loop
from resnet_core.training.loop import train
from resnet_core.training.recipe import Phase, Recipe

KILLS = 20
EVERY = 10  # iterations between checkpoints
ROW = architecture("resnet20-cifar", depths=(1, 1, 1), width=4)
HOW = Recipe(
    name="kill", phases=(Phase(1000, 8),), batch_size=16, learning_rate=0.05, warm_up=5, drops=None, momentum=0.9, nesterov=True,
    weight_decay=1e-4, pad=1, mirror=True, clip_norm=5.0, bfloat16=False, evaluate_every=70, blocks_every=30, note="A toy.",
)  # fmt: skip


def run(folder: Path) -> None:
    train(ROW, HOW, open_dataset("digits"), 0, folder, lambda _progress: None)


@pytest.mark.slow
def test_twenty_kills_change_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "RECORD_EVERY", EVERY)
    start = time.perf_counter()
    run(tmp_path / "whole")
    seconds = time.perf_counter() - start

    fork = multiprocessing.get_context("fork")
    folder, chance = tmp_path / "killed", random.Random(0)
    kills = in_writing = 0
    reached = [0]
    while kills < KILLS:
        process = fork.Process(target=run, args=(folder,))
        process.start()
        deadline = time.perf_counter() + chance.uniform(0, 1.2 * seconds / KILLS)
        wants_writing = kills % 2 == 0
        while process.is_alive() and time.perf_counter() < deadline + seconds / 10:
            parts = list(folder.glob(".*.part")) if wants_writing else []
            if parts or (not wants_writing and time.perf_counter() >= deadline):
                in_writing += bool(parts)
                break
        if not process.is_alive():
            break
        process.kill()
        process.join()
        kills += 1
        state = folder / "state.safetensors"
        if state.exists():  # whole, whatever happened, and never behind what it was
            with safe_open(state, "pt") as file:
                reached.append(int(file.metadata()["iteration"]))
            assert reached[-1] >= reached[-2]
    assert kills == KILLS, "the training was over before it had been killed often enough"
    assert in_writing >= 3
    run(folder)

    expected, found = (load_file(tmp_path / name / "last.safetensors") for name in ("whole", "killed"))
    assert all((found[name] == tensor).all() for name, tensor in expected.items())
    pd.testing.assert_frame_equal(runs.read_metrics(folder), runs.read_metrics(tmp_path / "whole"), check_exact=True)
    assert sorted(path.name for path in folder.iterdir()) == [".lock", "last.safetensors", "metrics.parquet", "run.json"]
