"""Does training do what its recipe says, and does the run directory say it? Judged by a plain PyTorch loop."""

from __future__ import annotations

import math
import zlib
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from lightning_fabric import Fabric
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.transforms.v2 import functional as transforms

from resnet_core import runs
from resnet_core.data.in_memory import Augmentation
from resnet_core.networks import weights
from resnet_core.networks.architectures import Architecture
from resnet_core.networks.resnet import ResNet, build
from resnet_core.training.loop import Progress, train
from resnet_core.training.recipe import Phase, Recipe
from resnet_core.training.trainer import evaluate
from tests.support.toy_training import DATA, RECIPE, TINY, run, silent

PARTS: list[Any] = [DATA.train, DATA.test]


def test_a_run_directory_says_all_that_is_needed_to_repeat_it(finished: Path) -> None:
    assert sorted(path.name for path in finished.iterdir()) == [".lock", "last.safetensors", "metrics.parquet", "run.json"]
    facts = runs.read_facts(finished)
    assert facts["status"] == "finished"
    assert facts["seconds"] > 0
    assert facts["versions"]["torch"] == torch.__version__
    digest = "-".join(f"{zlib.crc32(part.images.numpy().tobytes() + part.labels.numpy().tobytes()):08x}" for part in PARTS)
    assert facts["data"] == {"name": "toy", "title": "Toy data", "source": "Drawn from noise.", "digest": digest}
    assert facts["recipe"]["iterations"] == 120
    again = Architecture.from_fields(facts["architecture"]), Recipe.from_fields(facts["recipe"]), facts["seed"]
    assert again == (TINY, RECIPE, 0)
    # 60 images make 7 batches of 8
    assert weights.read_checkpoint(finished / "last.safetensors").note.startswith("Trained for 120 iterations (17.1 passes over")


def test_metrics_are_tidy_and_complete(finished: Path) -> None:
    table = runs.load(finished)
    assert set(table["run"]) == {"run"}
    steps = table.groupby(["split", "metric"])["step"].apply(list).to_dict()
    assert steps == {
        ("train_batches", "loss"): [50, 100, 120],
        ("train_batches", "error_percent"): [50, 100, 120],
        ("train_batches", "learning_rate"): [50, 100, 120],
        ("test", "loss"): [40, 80, 120],
        ("test", "error_percent"): [40, 80, 120],
        ("train", "loss"): [120],
        ("train", "error_percent"): [120],
        ("train", "reestimated_loss"): [120],
        ("train", "reestimated_error_percent"): [120],
        ("test", "reestimated_loss"): [120],
        ("test", "reestimated_error_percent"): [120],
    }
    assert np.allclose(table["epoch"], table["step"] / 7)  # 60 images make 7 batches of 8
    assert np.isfinite(table["value"]).all()


def test_the_network_learns_what_colours_tell(finished: Path) -> None:
    table = runs.read_metrics(finished)
    errors = table[(table["metric"] == "error_percent") & (table["step"] == 120)].set_index("split")["value"]
    assert errors["test"] <= 10  # a guess is wrong 67 times in 100
    assert errors["train"] <= 10


def test_errors_are_recorded_with_batch_norm_statistics_estimated_anew(finished: Path) -> None:
    network = weights.load(finished / "last.safetensors", device="cpu")
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    for norm in norms:  # torch's own way: a cumulative mean over batches in training mode
        norm.reset_running_stats()
        norm.momentum = None
    order = torch.randperm(60, generator=torch.Generator().manual_seed(0))[:56]  # whole batches of 8
    x = transforms.to_dtype(DATA.train.images.permute(0, 3, 1, 2), torch.float32, scale=True)
    x = transforms.normalize(transforms.resize(x, [12, 12], antialias=True), list(DATA.mean), list(DATA.std))
    network.train()
    with torch.no_grad():
        for batch in x[order].split(8):
            network(batch)
    network.eval()
    with torch.no_grad():
        loss = F.cross_entropy(network(x), DATA.train.labels).item()
    table = runs.read_metrics(finished)
    recorded = table[(table["metric"] == "reestimated_loss") & (table["split"] == "train")]["value"].item()
    assert recorded == pytest.approx(loss, rel=2e-2)  # the weights were rounded to float16


def test_the_saved_network_is_the_one_that_was_measured(finished: Path) -> None:
    network = weights.load(finished / "last.safetensors", device="cpu")
    known = network.checkpoint
    assert (known.architecture, known.classes, known.mean, known.std) == (TINY, DATA.classes, DATA.mean, DATA.std)
    assert (known.resolution, known.stored_resolution, known.recipe, known.run, known.seed) == (12, 8, "tiny", "run", 0)
    wrong = 0
    for pixels, label in zip(DATA.test.images, DATA.test.labels, strict=True):
        x = transforms.to_dtype(pixels.permute(2, 0, 1), torch.float32, scale=True)
        x = transforms.normalize(transforms.resize(x, [12, 12], antialias=True), list(DATA.mean), list(DATA.std))
        wrong += int(network(x[None]).argmax()) != label
    table = runs.read_metrics(finished)
    measured = table[(table["split"] == "test") & (table["metric"] == "error_percent")]["value"].iloc[-1]
    assert known.test_error_percent == measured == pytest.approx(100 * wrong / 40)


def heard_by_every_network(
    row: Architecture, folder: Path, how: Recipe, start_from: Path | None = None
) -> tuple[dict[str, Tensor], list[Tensor]]:
    """The weights before the first step, and every input of training."""
    start: dict[str, Tensor] = {}
    inputs: list[Tensor] = []

    def hear(module: nn.Module, args: tuple[Tensor, ...]) -> None:
        if isinstance(module, ResNet) and module.training:
            if not inputs:
                start.update({name: tensor.clone() for name, tensor in module.state_dict().items()})
            inputs.append(args[0].clone())

    handle = nn.modules.module.register_module_forward_pre_hook(hear)
    train(row, how, DATA, 0, folder, silent, start_from)
    handle.remove()
    return start, inputs


def test_twins_start_from_equal_weights_and_see_the_same_batches(tmp_path: Path) -> None:
    how = replace(RECIPE, phases=(Phase(20, 8),))
    start, inputs = heard_by_every_network(TINY, tmp_path / "residual", how)
    plain_start, plain_inputs = heard_by_every_network(TINY.twin(), tmp_path / "plain", how)
    assert start.keys() == plain_start.keys()
    assert all(torch.equal(tensor, plain_start[name]) for name, tensor in start.items())
    assert len(inputs) == len(plain_inputs) == 20
    assert all(torch.equal(a, b) for a, b in zip(inputs, plain_inputs, strict=True))
    assert not torch.equal(inputs[0], inputs[7])  # another epoch


@pytest.mark.parametrize("row", [TINY, TINY.twin()], ids=lambda row: row.name)
@pytest.mark.parametrize("nesterov", [True, False])
def test_thirty_steps_are_those_of_a_plain_loop(tmp_path: Path, row: Architecture, nesterov: bool) -> None:
    """SGD written out, one image at a time through torchvision's transforms, in float64 and plain memory order."""
    how = replace(RECIPE, phases=(Phase(20, 8), Phase(10, 12)), nesterov=nesterov)
    network = build(row, seed=3).double().train()
    momentum = {name: torch.zeros_like(parameter) for name, parameter in network.named_parameters()}
    batches = islice(DATA.train.training_batches(Augmentation(how.pad, True, DATA.mean, None), 8, 8, 3), 30)
    losses = []
    for step, (xs, ys) in enumerate(batches):
        side = 8 if step < 20 else 12
        resized = [transforms.resize(transforms.to_dtype(x, torch.float64, scale=True), [side, side]) for x in xs]
        x = torch.stack([transforms.normalize(x, list(DATA.mean), list(DATA.std)) for x in resized])
        loss = F.cross_entropy(network(x), ys)
        losses.append(loss.item())
        rate = 0.05 * (step + 1) / 10 if step < 10 else 0.05 * (1 + math.cos(math.pi * (step - 10) / 20)) / 2
        network.zero_grad()
        loss.backward()
        with torch.no_grad():
            for name, parameter in network.named_parameters():
                gradient = parameter.grad + how.weight_decay * parameter
                momentum[name] = how.momentum * momentum[name] + gradient
                parameter -= rate * (gradient + how.momentum * momentum[name] if nesterov else momentum[name])

    reports: list[Progress] = []
    trained = run(tmp_path / "run", row, how, seed=3, progress=reports.append)
    expected = network.state_dict()
    for name, tensor in trained.state_dict().items():
        torch.testing.assert_close(tensor.double(), expected[name].double(), atol=1e-4, rtol=1e-3, msg=name)
    assert [(now.iteration, now.iterations) for now in reports] == [(30, 30)]
    assert reports[0].loss == pytest.approx(np.mean(losses), rel=1e-4)


def test_a_run_may_start_from_the_weights_of_another(tmp_path: Path, finished: Path) -> None:
    how = replace(RECIPE, phases=(Phase(20, 8),))
    start, _ = heard_by_every_network(TINY, tmp_path / "run", how, finished)
    saved = load_file(finished / "last.safetensors")
    assert start.keys() == saved.keys()
    assert all(torch.equal(tensor, saved[name].to(tensor.dtype)) for name, tensor in start.items())
    assert runs.read_facts(tmp_path / "run")["start"] == "run"
    trained = load_file(tmp_path / "run" / "last.safetensors")
    assert not any(torch.equal(tensor, saved[name]) for name, tensor in trained.items() if "conv" in name)


def test_evaluation_is_the_mean_over_single_images_and_leaves_the_network_as_it_was() -> None:
    network = build(TINY, seed=0).train()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    found = evaluate(network, DATA.test, 12, DATA, Fabric(accelerator="cpu", devices=1))
    assert network.training
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())
    losses, wrong = [], 0
    network.eval()
    for pixels, label in zip(DATA.test.images, DATA.test.labels, strict=True):
        x = transforms.to_dtype(pixels.permute(2, 0, 1), torch.float32, scale=True)
        x = transforms.normalize(transforms.resize(x, [12, 12], antialias=True), list(DATA.mean), list(DATA.std))
        powers = network(x[None])[0].detach().double().exp()
        losses.append(-math.log(powers[label] / powers.sum()))
        wrong += int(powers.argmax()) != label
    assert found == {"loss": pytest.approx(np.mean(losses), rel=1e-5), "error_percent": pytest.approx(100 * wrong / 40)}
