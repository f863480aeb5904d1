"""Does training do what its recipe says, and does it go on where it stopped? Judged by a plain PyTorch loop, and bit by bit."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from lightning_fabric import Fabric
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.transforms.v2 import functional as transforms

from resnet_core import runs, weights
from resnet_core.architectures import Architecture, architecture
from resnet_core.data.batches import training_batches
from resnet_core.data.datasets import Dataset, ImageSet
from resnet_core.errors import InputError
from resnet_core.network import ResNet, build
from resnet_core.training.engine import Progress, precision_of, train
from resnet_core.training.recipe import Phase, Recipe
from resnet_core.training.trainee import evaluate

TINY = architecture("resnet20-cifar", depths=(1, 1), width=4, num_classes=3)
RECIPE = Recipe(
    name="tiny",
    phases=(Phase(90, 8), Phase(30, 12)),
    batch_size=8,
    learning_rate=0.05,
    warm_up=10,
    drops=None,
    momentum=0.9,
    nesterov=True,
    weight_decay=5e-4,
    pad=1,
    mirror=True,
    clip_norm=None,
    bfloat16=False,
    evaluate_every=40,
    blocks_every=None,
    note="A toy.",
)


def images(n: int, seed: int) -> ImageSet:
    """Three classes that a colour tells apart, with noise."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(0, 3, (n,), generator=generator)
    pixels = torch.randint(0, 160, (n, 8, 8, 3), generator=generator)
    pixels += 90 * F.one_hot(labels, 3)[:, None, None]
    return ImageSet(pixels.to(torch.uint8), labels)


DATA = Dataset(
    name="toy",
    title="Toy data",
    source="Drawn from noise.",
    classes=("red", "green", "blue"),
    mean=(0.4, 0.42, 0.44),
    std=(0.2, 0.21, 0.22),
    train=images(60, seed=0),
    test=images(40, seed=1),
)


def silent(_progress: Progress) -> None:
    pass


def run(
    folder: Path, row: Architecture = TINY, how: Recipe = RECIPE, seed: int = 0, progress: Callable[[Progress], None] = silent
) -> ResNet:
    return train(row, how, DATA, seed, folder, progress)


class StoppedError(Exception):
    pass


def stop_at(iteration: int) -> Callable[[Progress], None]:
    def progress(now: Progress) -> None:
        if now.iteration == iteration:
            raise StoppedError

    return progress


def contents(folder: Path) -> tuple[dict[str, bytes], pd.DataFrame, dict[str, Any]]:
    """Weights, metrics and description, but for what the clock decides."""
    tensors = {name: tensor.numpy().tobytes() for name, tensor in load_file(folder / "last.safetensors").items()}
    facts = {key: value for key, value in runs.read_facts(folder).items() if key != "seconds"}
    return tensors, runs.read_metrics(folder), facts


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("finished") / "run"
    run(folder)
    return folder


def test_a_run_directory_says_all_that_is_needed_to_repeat_it(finished: Path) -> None:
    assert sorted(path.name for path in finished.iterdir()) == ["last.safetensors", "metrics.parquet", "run.json"]
    facts = runs.read_facts(finished)
    assert facts["status"] == "finished"
    assert facts["seconds"] > 0
    assert facts["versions"]["torch"] == torch.__version__
    assert facts["data"] == {"name": "toy", "title": "Toy data", "source": "Drawn from noise."}
    fields = dict(facts["recipe"])
    assert fields.pop("iterations") == 120
    fields["phases"] = tuple(Phase(**phase) for phase in fields["phases"])
    again = Architecture(**{**facts["architecture"], "depths": tuple(facts["architecture"]["depths"])})
    assert (again, Recipe(**fields), facts["seed"]) == (TINY, RECIPE, 0)


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
    }
    assert np.allclose(table["epoch"], table["step"] / 7)  # 60 images make 7 batches of 8
    assert np.isfinite(table["value"]).all()


def test_the_network_learns_what_colours_tell(finished: Path) -> None:
    table = runs.read_metrics(finished)
    errors = table[(table["metric"] == "error_percent") & (table["step"] == 120)].set_index("split")["value"]
    assert errors["test"] <= 10  # a guess is wrong 67 times in 100
    assert errors["train"] <= 10


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


def test_half_a_file_beside_a_checkpoint_is_no_obstacle(tmp_path: Path, finished: Path) -> None:
    """What a killed process leaves."""
    with pytest.raises(StoppedError):
        run(tmp_path / "run", progress=stop_at(50))
    (tmp_path / "run" / ".state.safetensors.1.part").write_bytes(b"half")
    run(tmp_path / "run")
    assert contents(tmp_path / "run")[0] == contents(finished)[0]


def half_precision() -> Fabric:
    return Fabric(accelerator="cpu", devices=1, precision="bf16-mixed")


def test_in_bfloat16_a_stopped_run_goes_on_bit_by_bit_too(tmp_path: Path, finished: Path) -> None:
    how = replace(RECIPE, bfloat16=True, blocks_every=25)
    train(TINY, how, DATA, 0, tmp_path / "whole", silent, fabric=half_precision())
    with pytest.raises(StoppedError):
        train(TINY, how, DATA, 0, tmp_path / "run", stop_at(50), fabric=half_precision())
    assert precision_of(tmp_path / "run", RECIPE) == "bf16-mixed"  # whatever this machine would choose
    train(TINY, how, DATA, 0, tmp_path / "run", silent, fabric=half_precision())
    whole, resumed = contents(tmp_path / "whole"), contents(tmp_path / "run")
    assert resumed[0] == whole[0]
    pd.testing.assert_frame_equal(resumed[1], whole[1], check_exact=True)
    assert resumed[2] == whole[2]
    assert whole[2]["precision"] == "bf16-mixed"
    single = contents(finished)[1]  # the same network and batches in float32
    losses = [t[(t.metric == "loss") & (t.split == "train_batches")].value.iloc[0] for t in (whole[1], single)]
    assert losses[0] == pytest.approx(losses[1], rel=0.02)
    assert losses[0] != losses[1]


def test_a_run_does_not_change_its_precision_midway(tmp_path: Path) -> None:
    with pytest.raises(StoppedError):
        run(tmp_path / "run", progress=stop_at(50))
    with pytest.raises(InputError, match="another precision"):
        train(TINY, RECIPE, DATA, 0, tmp_path / "run", silent, fabric=half_precision())


def test_a_recipe_in_float32_stays_in_it(tmp_path: Path) -> None:
    assert precision_of(tmp_path, RECIPE) == "32-true"


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
    batches = [batch for epoch in range(5) for batch in training_batches(DATA.train, 8, how.pad, True, DATA.mean, 3, epoch)]
    losses = []
    for step, (xs, ys) in enumerate(batches[:30]):
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


def test_a_run_from_other_weights_goes_on_to_the_same_weights(tmp_path: Path, finished: Path) -> None:
    train(TINY, RECIPE, DATA, 0, tmp_path / "whole", silent, finished)
    with pytest.raises(StoppedError):
        train(TINY, RECIPE, DATA, 0, tmp_path / "stopped", stop_at(50), finished)
    with pytest.raises(InputError, match=r"holds a run with another start; choose another folder\.$"):
        train(TINY, RECIPE, DATA, 0, tmp_path / "stopped", silent)
    train(TINY, RECIPE, DATA, 0, tmp_path / "stopped", silent, finished)
    assert contents(tmp_path / "stopped")[0] == contents(tmp_path / "whole")[0]


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


# what is refused


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


def test_a_batch_larger_than_the_data_is_refused_and_leaves_no_run(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"^A batch of 61 is larger than the 60 training images\.$"):
        run(tmp_path / "run", how=replace(RECIPE, batch_size=61))
    assert not (tmp_path / "run" / "run.json").exists()


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
