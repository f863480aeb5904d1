"""Does a training go on where it stopped? Bit by bit."""

from __future__ import annotations

import json
import signal
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
import torch
from lightning_fabric import Fabric
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from resnet_core import runs
from resnet_core.errors import InputError
from resnet_core.networks.resnet import ResNet, build
from resnet_core.training.hardware import precision_of
from resnet_core.training.loop import train
from resnet_core.training.trainer import Trainer
from tests.support.toy_training import DATA, RECIPE, TINY, StoppedError, contents, run, silent, stop_at


@pytest.mark.parametrize("iteration", [50, 100, 120])
def test_a_stopped_run_goes_on_to_the_same_weights_and_metrics(tmp_path: Path, finished: Path, iteration: int) -> None:
    with pytest.raises(StoppedError):
        run(tmp_path / "run", progress=stop_at(iteration))
    assert runs.read_facts(tmp_path / "run")["status"] == "running"
    reports: list[int] = []
    network = run(tmp_path / "run", progress=lambda now: reports.append(now.iteration))
    assert reports == [i for i in (50, 100, 120) if i > iteration]

    tensors, metrics, facts = contents(tmp_path / "run")
    expected_tensors, expected_metrics, expected_facts = contents(finished)
    assert tensors == expected_tensors
    pd.testing.assert_frame_equal(metrics, expected_metrics, check_exact=True)
    assert facts == expected_facts
    assert not network.training


def test_a_run_may_be_stopped_twice_and_between_checkpoints(tmp_path: Path, finished: Path) -> None:
    calls = 0

    def fail_in_the_middle(module: nn.Module, _inputs: tuple[Tensor, ...]) -> None:
        nonlocal calls
        if isinstance(module, ResNet) and module.training:
            calls += 1
            if calls == 73:
                raise KeyboardInterrupt

    handle = nn.modules.module.register_module_forward_pre_hook(fail_in_the_middle)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "run")
    handle.remove()
    with pytest.raises(StoppedError):
        run(tmp_path / "run", progress=stop_at(100))
    run(tmp_path / "run")
    assert contents(tmp_path / "run")[0] == contents(finished)[0]
    pd.testing.assert_frame_equal(contents(tmp_path / "run")[1], contents(finished)[1], check_exact=True)


@pytest.mark.parametrize("iteration", [1, 40, 73, 100])
def test_a_ctrl_c_leaves_a_checkpoint_of_the_very_iteration(tmp_path: Path, finished: Path, iteration: int) -> None:
    calls = 0

    def press(module: nn.Module, _inputs: tuple[Tensor, ...]) -> None:
        nonlocal calls
        if isinstance(module, ResNet) and module.training:
            calls += 1
            if calls == iteration:
                signal.raise_signal(signal.SIGINT)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # these tests may run where it is ignored
    handle = nn.modules.module.register_module_forward_pre_hook(press)
    try:
        with pytest.raises(KeyboardInterrupt):
            run(tmp_path / "run")
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        handle.remove()
        signal.signal(signal.SIGINT, before)
    with safe_open(tmp_path / "run" / "state.safetensors", "pt") as file:
        assert json.loads(file.metadata()["iteration"]) == iteration
    run(tmp_path / "run")
    tensors, metrics, facts = contents(tmp_path / "run")
    assert (tensors, facts) == (contents(finished)[0], contents(finished)[2])
    pd.testing.assert_frame_equal(metrics, contents(finished)[1], check_exact=True)


def test_a_ctrl_c_that_is_ignored_stays_so(tmp_path: Path) -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    handle = nn.modules.module.register_module_forward_pre_hook(lambda *_: signal.raise_signal(signal.SIGINT))
    try:
        run(tmp_path / "run")
    finally:
        handle.remove()
        signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("damage", ["cut", "text", "another"])
def test_a_damaged_checkpoint_is_named(tmp_path: Path, damage: str) -> None:
    with pytest.raises(StoppedError):
        run(tmp_path / "run", progress=stop_at(50))
    state = tmp_path / "run" / "state.safetensors"
    if damage == "another":
        save_file({"network.conv1.weight": torch.zeros(3)}, state)
    else:
        state.write_bytes(state.read_bytes()[:-100] if damage == "cut" else b"hello")
    with pytest.raises(InputError, match=r"^\S+state\.safetensors is damaged \([^\n]+\); remove it to begin anew\.$"):
        run(tmp_path / "run")


def test_a_run_that_goes_on_elsewhere_says_where(tmp_path: Path) -> None:
    with pytest.raises(StoppedError):
        run(tmp_path / "run", progress=stop_at(50))
    facts = runs.read_facts(tmp_path / "run")
    runs.write_facts(tmp_path / "run", {**facts, "commit": "before", "hardware": {**facts["hardware"], "threads": 99}})
    with pytest.raises(StoppedError):
        run(tmp_path / "run", progress=stop_at(100))
    run(tmp_path / "run")
    after = runs.read_facts(tmp_path / "run")
    assert (after["commit"], after["hardware"]["threads"]) == ("before", 99)
    assert [each["iteration"] for each in after["resumed"]] == [50]  # from 100 on, nothing was other than before
    assert after["resumed"][0]["commit"] == facts["commit"]
    assert after["resumed"][0]["hardware"] == facts["hardware"]


def test_other_images_under_the_same_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(StoppedError):
        run(tmp_path / "run", progress=stop_at(50))
    with pytest.raises(
        InputError, match=r"holds a run on other data; put its data back as they were, or choose another folder\.$"
    ):
        train(TINY, RECIPE, replace(DATA, train=DATA.train.subset(torch.arange(59))), 0, tmp_path / "run", silent)


def test_half_a_file_beside_a_checkpoint_is_no_obstacle(tmp_path: Path, finished: Path) -> None:
    """What a killed process leaves."""
    with pytest.raises(StoppedError):
        run(tmp_path / "run", progress=stop_at(50))
    (tmp_path / "run" / ".state.safetensors.1.part").write_bytes(b"half")
    run(tmp_path / "run")
    assert contents(tmp_path / "run")[0] == contents(finished)[0]


def test_a_run_from_other_weights_goes_on_to_the_same_weights(tmp_path: Path, finished: Path) -> None:
    train(TINY, RECIPE, DATA, 0, tmp_path / "whole", silent, finished)
    with pytest.raises(StoppedError):
        train(TINY, RECIPE, DATA, 0, tmp_path / "stopped", stop_at(50), finished)
    with pytest.raises(InputError, match=r"holds a run with another start; choose another folder\.$"):
        train(TINY, RECIPE, DATA, 0, tmp_path / "stopped", silent)
    train(TINY, RECIPE, DATA, 0, tmp_path / "stopped", silent, finished)
    assert contents(tmp_path / "stopped")[0] == contents(tmp_path / "whole")[0]


def test_a_run_that_an_earlier_version_began_goes_on(tmp_path: Path, finished: Path) -> None:
    """Before recipes knew of colours, of which this one has none."""
    with pytest.raises(StoppedError):
        run(tmp_path / "run", progress=stop_at(50))
    facts = runs.read_facts(tmp_path / "run")
    assert facts["recipe"].pop("colour") == 0
    runs.write_facts(tmp_path / "run", facts)
    run(tmp_path / "run")
    assert contents(tmp_path / "run")[0] == contents(finished)[0]


def half_precision() -> Fabric:
    return Fabric(accelerator="cpu", devices=1, precision="bf16-mixed")


def test_in_bfloat16_a_stopped_run_goes_on_bit_by_bit_too(tmp_path: Path) -> None:
    how = replace(RECIPE, bfloat16=True, blocks_every=25)
    train(TINY, how, DATA, 0, tmp_path / "whole", silent, fabric=half_precision())
    with pytest.raises(StoppedError):
        train(TINY, how, DATA, 0, tmp_path / "run", stop_at(50), fabric=half_precision())
    assert precision_of(RECIPE, runs.read_run(tmp_path / "run")) == "bf16-mixed"  # whatever this machine would choose
    train(TINY, how, DATA, 0, tmp_path / "run", silent, fabric=half_precision())
    whole, resumed = contents(tmp_path / "whole"), contents(tmp_path / "run")
    assert resumed[0] == whole[0]
    pd.testing.assert_frame_equal(resumed[1], whole[1], check_exact=True)
    assert resumed[2] == whole[2]
    assert whole[2]["precision"] == "bf16-mixed"


def test_in_bfloat16_the_first_step_is_that_of_float32_but_for_rounding() -> None:
    """The first alone: how far rounding drives the later ones apart depends on the processor's kernels."""
    losses = []
    for fabric in (half_precision(), Fabric(accelerator="cpu", devices=1)):
        trainer = Trainer(build(TINY, 0), RECIPE, DATA, 0, fabric)
        trainer.step()
        losses.append(trainer.report()["loss"])
    assert losses[0] == pytest.approx(losses[1], rel=2**-7)  # twice bfloat16's unit of rounding
    assert losses[0] != losses[1]


def test_a_run_does_not_change_its_precision_midway(tmp_path: Path) -> None:
    with pytest.raises(StoppedError):
        run(tmp_path / "run", progress=stop_at(50))
    with pytest.raises(InputError, match="another precision"):
        train(TINY, RECIPE, DATA, 0, tmp_path / "run", silent, fabric=half_precision())


def test_a_recipe_in_float32_stays_in_it() -> None:
    assert precision_of(RECIPE) == "32-true"
