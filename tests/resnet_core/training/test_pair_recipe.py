"""Does the recipe of the pair do what its fields say?"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from lightning_fabric import Fabric

from resnet_core import runs
from resnet_core.networks.resnet import build
from resnet_core.networks.weights import load
from resnet_core.studies.catalogue import STUDIES, StudyPlan
from resnet_core.training.loop import kept_at, open_run, train_in
from resnet_core.training.recipe import PAIR, PAIR_PILOT, RECIPES
from resnet_core.training.trainer import Trainer
from tests.support.toy_training import DATA, RECIPE, TINY

CLIPPED = replace(RECIPE, name="clipped", clip_norm=1.0, decay_vectors=False, reestimate=True)


def trainer(recipe=CLIPPED) -> Trainer:
    return Trainer(build(TINY, 0), recipe, DATA, 0, Fabric(accelerator="cpu", devices=1, precision="32-true"))


def test_weight_decay_is_on_kernels_only() -> None:
    """With a gradient of zero, decay alone moves a parameter: by rate x decay of itself."""
    training = trainer(replace(CLIPPED, momentum=0.0, nesterov=False))
    before = {name: p.detach().clone() for name, p in training.network.named_parameters()}
    for parameter in training.network.parameters():
        parameter.grad = torch.zeros_like(parameter)
    training.optimizer.step()
    for name, parameter in training.network.named_parameters():
        factor = 1 - CLIPPED.learning_rate * CLIPPED.weight_decay if parameter.ndim > 1 else 1.0
        torch.testing.assert_close(parameter.detach(), before[name] * factor)


def test_every_group_of_parameters_takes_the_rate_of_the_schedule() -> None:
    training = trainer()
    training.step()
    assert {group["lr"] for group in training.optimizer.param_groups} == {CLIPPED.learning_rate_at(0)}


@pytest.mark.parametrize(("clip_norm", "percent"), [(1e-9, 100.0), (1e9, 0.0)])
def test_the_share_of_clipped_steps_is_recorded(clip_norm: float, percent: float) -> None:
    training = trainer(replace(CLIPPED, clip_norm=clip_norm))
    for _ in range(3):
        training.step()
    training.report()
    assert [row["value"] for row in training.take_rows() if row["metric"] == "clipped_percent"] == [percent]


def test_a_test_on_the_way_is_recorded_with_both_statistics() -> None:
    training = trainer()
    training.step()
    training.test()
    assert {row["metric"] for row in training.take_rows()} == {
        "loss", "error_percent", "reestimated_loss", "reestimated_error_percent",
    }  # fmt: skip


def test_kept_weights_are_those_of_their_iterations(tmp_path: Path) -> None:
    with open_run(tmp_path / "run", TINY, CLIPPED, 0, None) as run:
        last = train_in(run, TINY, CLIPPED, DATA, 0, lambda _progress: None, keep=4)
    kept = sorted((tmp_path / "run" / "kept").iterdir())
    assert [int(path.stem) for path in kept] == list(kept_at(CLIPPED.iterations, 4)) == [0, 13, 53, 120]
    first, end = load(kept[0], "cpu"), load(kept[-1], "cpu")
    for name, tensor in build(TINY, 0).state_dict().items():
        torch.testing.assert_close(first.state_dict()[name], tensor, rtol=1e-3, atol=1e-4, check_dtype=False)
    for name, tensor in last.state_dict().items():
        torch.testing.assert_close(end.state_dict()[name], tensor, rtol=1e-3, atol=1e-4, check_dtype=False)


def test_what_is_kept_changes_no_number(tmp_path: Path) -> None:
    for name, keep in (("kept", 5), ("plain", 0)):
        with open_run(tmp_path / name, TINY, CLIPPED, 0, None) as run:
            train_in(run, TINY, CLIPPED, DATA, 0, lambda _progress: None, keep=keep)
    assert runs.read_metrics(tmp_path / "kept").equals(runs.read_metrics(tmp_path / "plain"))


def test_the_pilots_are_a_fifth_of_the_schedule_at_the_same_four_rates() -> None:
    assert PAIR_PILOT.iterations * 5 == PAIR.iterations
    assert PAIR_PILOT.warm_up * 5 == PAIR.warm_up
    for name in ("pair", "pair-rates"):
        study = STUDIES[name]
        assert isinstance(study, StudyPlan)
        rates = {(network.split("-")[0], RECIPES[study.recipes[network]].learning_rate) for network in study.networks}
        assert rates == {(kind, rate) for kind in ("plain34", "resnet34") for rate in (0.0125, 0.025, 0.05, 0.1)}
