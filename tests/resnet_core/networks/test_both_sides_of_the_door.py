"""Does `save` refuse what `load` refuses, and does `load` give back what `save` took?"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from torch import nn
from typer.testing import CliRunner

from resnet_core.cli.main import app
from resnet_core.errors import InputError
from resnet_core.networks import weights
from resnet_core.networks.architectures import architecture
from resnet_core.networks.resnet import ResNet, build
from tests.support.checkpoints import SMALL, described, trained

TWINS = ("crane", "dog", "crane")


@pytest.fixture
def photograph(tmp_path: Path) -> Path:
    pixels = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "noise.png")
    return tmp_path / "noise.png"


@pytest.mark.parametrize(
    "wrap",
    [nn.DataParallel, torch.compile, lambda network: nn.DataParallel(torch.compile(network)),
     lambda network: torch.compile(nn.DataParallel(network))],
    ids=["DataParallel", "compiled", "both", "both, the other way"],
)  # fmt: skip
def test_a_wrapped_network_is_saved_as_what_is_inside(tmp_path: Path, wrap: Callable[[ResNet], nn.Module]) -> None:
    weights.save(trained(), described(), tmp_path / "plain.safetensors")
    weights.save(wrap(trained()), described(), str(tmp_path / "wrapped.safetensors"))  # a path may be a text
    assert (tmp_path / "wrapped.safetensors").read_bytes() == (tmp_path / "plain.safetensors").read_bytes()


def test_a_compiled_block_is_saved_as_what_is_inside(tmp_path: Path) -> None:
    network = trained()
    network.layer1[0] = torch.compile(network.layer1[0])
    weights.save(network, described(), tmp_path / "w.safetensors")
    assert weights.load(tmp_path / "w.safetensors").architecture == SMALL


def refusal(network: nn.Module, path: Path) -> str:
    with pytest.raises(InputError) as caught:
        weights.save(network, described(), path)
    assert not path.exists()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_another_architecture_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    other = build(architecture("resnet18", depths=(1, 1), width=5, num_classes=3), seed=0)
    message = refusal(other, tmp_path / "w.safetensors")
    assert message.endswith("conv1.weight has the shape (5, 3, 7, 7), not (4, 3, 7, 7).")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("name", ["layer1.0.conv1.weight", "bn1.running_var"])
def test_values_that_are_not_finite_are_refused(tmp_path: Path, name: str, value: float) -> None:
    network = trained()
    network.state_dict()[name][1] = value
    assert f"{name} holds values that are not finite" in refusal(network, tmp_path / "w.safetensors")


@pytest.mark.parametrize("scale", [1e6, 1e30, 1e-7, 1e-12])
def test_numbers_that_float16_cannot_hold_come_back_as_they_were(tmp_path: Path, scale: float) -> None:
    network = trained()
    with torch.no_grad():
        network.layer1[0].conv1.weight[1] *= scale  # one filter
    weights.save(network, described(), tmp_path / "w.safetensors")
    assert torch.equal(weights.load(tmp_path / "w.safetensors").layer1[0].conv1.weight, network.layer1[0].conv1.weight)
    assert load_file(tmp_path / "w.safetensors")["fc.weight"].dtype == torch.float16  # the others stay small


def test_modules_that_share_their_weights_are_saved(tmp_path: Path) -> None:
    network = trained(architecture("resnet18", depths=(3, 1), width=4, num_classes=3))
    network.layer1[1] = network.layer1[2]
    weights.save(network, described(network.architecture), tmp_path / "w.safetensors")
    loaded = weights.load(tmp_path / "w.safetensors")
    assert torch.equal(loaded.layer1[1].bn1.weight, network.layer1[2].bn1.weight)


@pytest.mark.parametrize("kind", [torch.float64, torch.bfloat16, torch.float8_e4m3fn, torch.float8_e5m2])
def test_every_floating_point_kind_is_read_as_float32(tmp_path: Path, kind: torch.dtype) -> None:
    tensors = {
        name: tensor.to(kind).contiguous() if tensor.ndim > 1 else tensor for name, tensor in trained().state_dict().items()
    }
    save_file(tensors, tmp_path / "w.safetensors", {weights.METADATA_KEY: described().to_json()})
    found = weights.load(tmp_path / "w.safetensors").fc.weight
    assert torch.equal(found, tensors["fc.weight"].float())


# Classes of one name


def test_a_class_is_found_by_its_index_or_by_a_name_that_only_it_has() -> None:
    checkpoint = replace(described(), classes=TWINS)
    assert [checkpoint.class_index(target) for target in (0, 2, "dog", "#2", "crane #2", "crane #0")] == [0, 2, 1, 2, 2, 0]
    assert checkpoint.labels == ("crane #0", "dog", "crane #2")
    assert [checkpoint.class_index(label) for label in checkpoint.labels] == [0, 1, 2]
    with pytest.raises(InputError, match=r"^The network has 2 classes named 'crane'; name one by its index: '#0' or '#2'\.$"):
        checkpoint.class_index("crane")


def test_labels_find_their_classes_whatever_the_names_are() -> None:
    for names in (("#1", "#2", "#0"), ("a #1", "a", "a"), ("a", "a #0", "a"), ("", "", " #1"), ("a #1", "a #1", "#0")):
        checkpoint = replace(described(), classes=names)
        assert len(set(checkpoint.labels)) == 3
        assert [checkpoint.class_index(label) for label in checkpoint.labels] == [0, 1, 2]


@pytest.mark.parametrize("target", [3, -1, True, 1.0, None, "#3", "bird", "dog #0"])
def test_what_is_no_class_is_refused(target: object) -> None:
    with pytest.raises(InputError):
        replace(described(), classes=TWINS).class_index(target)  # type: ignore[arg-type]


def test_the_command_line_takes_an_index_and_says_which_class(tmp_path: Path, photograph: Path) -> None:
    weights.save(trained(), replace(described(), classes=TWINS), tmp_path / "w.safetensors")
    command = ["inspect", str(photograph), "--network", str(tmp_path / "w.safetensors"), "--json", "--target"]
    for index in (0, 2):
        found = json.loads(CliRunner().invoke(app, [*command, f"#{index}"]).output)
        assert (found["target"], found["target_index"]) == ("crane", index)
    assert "name one by its index" in str(CliRunner().invoke(app, [*command, "crane"]).exception)


def test_answers_that_are_not_finite_are_no_answers(tmp_path: Path, photograph: Path) -> None:
    network = trained()
    with torch.no_grad():
        network.fc.weight *= 1e38
        network.layer1[0].bn2.weight *= 1e30
    weights.save(network, described(), tmp_path / "w.safetensors")
    for options in ([], ["--json"]):
        found = CliRunner().invoke(app, ["inspect", str(photograph), "--network", str(tmp_path / "w.safetensors"), *options])
        assert isinstance(found.exception, InputError)
        assert "which is no number" in str(found.exception)
        assert "Infinity" not in found.output


@pytest.mark.parametrize(
    ("network", "path", "words"),
    [
        (lambda: trained().state_dict(), "w.safetensors", "A network is a torch.nn.Module, not a OrderedDict"),
        (lambda: trained().to("meta"), "w.safetensors", "The network has no weights yet: conv1.weight"),
        (trained, "", "'' names no file"),
        (trained, "/", "'/' names no file"),
    ],
    ids=["state", "meta", "empty", "root"],
)
def test_what_is_no_network_or_no_file_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, network: Callable[[], nn.Module], path: str, words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=f"^{words}"):
        weights.save(network(), described(), path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("mean", [("a", 0, 0), (True, 0, 0), (None, 0, 0), (0, 0), (float("nan"), 0, 0)])
def test_a_mean_that_is_no_three_numbers_is_refused(mean: tuple[object, ...]) -> None:
    with pytest.raises(InputError, match="mean and std must be three finite numbers each"):
        replace(described(), mean=mean)


def test_a_class_name_does_not_command_the_terminal(tmp_path: Path, photograph: Path) -> None:
    names = ("[red]a[/red]", "\x1b[31mred\x1b[0m\x07", "two\nlines\r\u202e\ufeff")
    weights.save(trained(), replace(described(), classes=names), tmp_path / "w.safetensors")
    options = [str(photograph), "--network", str(tmp_path / "w.safetensors")]
    for i, command in enumerate((["inspect"], ["attribute", "--method", "gradient-x-input"])):
        found = CliRunner().invoke(app, [command[0], *options, *command[1:], "--target", f"#{i + 1}"])
        assert found.exit_code == 0
        assert all(letter == "\n" or letter.isprintable() for letter in found.output)
        assert "[31mred" in found.output or "two lines" in found.output
    found = CliRunner().invoke(app, ["inspect", *options, "--json"])
    assert {row["class"] for row in json.loads(found.output)["top"]} == set(names)
