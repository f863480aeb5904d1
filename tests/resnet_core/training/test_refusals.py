"""What is not trained, and is it said in one sentence that leaves everything as it was?"""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from resnet_core import runs
from resnet_core.errors import InputError
from resnet_core.networks.architectures import Architecture
from resnet_core.networks.resnet import ResNet
from resnet_core.training.loop import train
from resnet_core.training.recipe import Phase
from tests.support.toy_training import DATA, RECIPE, TINY, StoppedError, run, silent, stop_at


def test_a_finished_run_is_not_run_again(finished: Path) -> None:
    before = {path.name: path.read_bytes() for path in finished.iterdir()}
    with pytest.raises(InputError, match=r"^\S+ holds this run, finished; choose another folder\.$"):
        run(finished)
    assert {path.name: path.read_bytes() for path in finished.iterdir()} == before


@pytest.mark.parametrize(
    ("what", "changes"),
    [
        ("recipe", {"how": replace(RECIPE, learning_rate=0.1)}),
        ("architecture", {"row": TINY.twin()}),
        ("seed", {"seed": 1}),
    ],
)
def test_a_folder_with_another_run_is_refused(tmp_path: Path, what: str, changes: dict[str, Any]) -> None:
    with pytest.raises(StoppedError):
        run(tmp_path / "run", progress=stop_at(50))
    before = {path.name: path.read_bytes() for path in (tmp_path / "run").iterdir()}
    with pytest.raises(InputError, match=rf"^\S+ holds a run with another {what}; choose another folder\.$"):
        run(tmp_path / "run", **changes)
    assert {path.name: path.read_bytes() for path in (tmp_path / "run").iterdir()} == before


@pytest.mark.parametrize("row", [TINY.twin(), replace(TINY, width=5)], ids=["twin", "width"])
def test_weights_of_another_architecture_are_no_start(tmp_path: Path, finished: Path, row: Architecture) -> None:
    with pytest.raises(InputError, match=r"^[^\n]*; choose another run\.$"):
        train(row, RECIPE, DATA, 0, tmp_path / "run", silent, finished)
    assert not (tmp_path / "run").exists()


def test_a_folder_without_weights_is_no_start(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"^[^\n]*nowhere[^\n]*[.?]$"):
        train(TINY, RECIPE, DATA, 0, tmp_path / "run", silent, tmp_path / "nowhere")


def test_a_loss_that_is_not_finite_stops_the_run_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"^The loss is not finite after iteration 50[^\n]*\.$") as caught:
        run(tmp_path / "run", how=replace(RECIPE, learning_rate=1e30))
    assert runs.read_facts(tmp_path / "run")["status"] == "running"
    state = tmp_path / "run" / "state.safetensors"
    assert not state.exists()
    assert str(state) not in str(caught.value)  # do not send a person to a file that is not there


def test_a_loss_that_breaks_later_leaves_the_last_good_checkpoint(tmp_path: Path) -> None:
    how = replace(RECIPE, phases=(Phase(150, 8),), warm_up=1)
    huge = nn.modules.module.register_module_forward_hook(
        lambda module, _inputs, output: (
            output * math.inf if isinstance(module, ResNet) and (tmp_path / "run/state.safetensors").exists() else None
        )
    )
    with pytest.raises(InputError, match=r"^The loss is not finite after iteration 100[^\n]*\.$") as caught:
        run(tmp_path / "run", how=how)
    huge.remove()
    state = tmp_path / "run" / "state.safetensors"
    assert str(state) in str(caught.value)
    assert all(torch.isfinite(tensor).all() for tensor in load_file(state).values())
    run(tmp_path / "run", how=how)
