"""Is every file that is no checkpoint of ours refused in one sentence that names what is wrong?"""

from __future__ import annotations

import pickle
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from resnet_core.networks import weights
from tests.support.checkpoints import KEY, SMALL, described, refusal, rewrite, trained


def test_an_unknown_name_is_answered_with_the_nearest(monkeypatch: pytest.MonkeyPatch, file: Path) -> None:
    monkeypatch.setattr(weights, "WEIGHTS", file.parent)
    assert weights.bundled() == ("small",)
    assert weights.load("small").architecture == SMALL
    assert refusal("smal") == "There is no bundled network and no file named 'smal'; did you mean 'small'?"
    assert refusal("xyz") == "There is no bundled network and no file named 'xyz'; " + (
        "bundled are small, and torchvision's as 'torchvision:resnet34'."
    )


@pytest.mark.parametrize("reference", ["", ".", "/", "\0", "no/such/file.safetensors", "x" * 5000, "$HOME", "-"])
def test_no_word_is_more_than_an_unknown_name(reference: str) -> None:
    assert refusal(reference).startswith("There is no bundled network and no file named ")


def write_pickle(path: Path) -> None:
    torch.save(trained().state_dict(), path)


def write_old_pickle(path: Path) -> None:
    path.write_bytes(pickle.dumps({"weights": [1, 2, 3]}))


@pytest.mark.parametrize(
    "write",
    [
        write_pickle,
        write_old_pickle,
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(b"\0" * 100),
        lambda path: path.write_bytes(b"\xff" * 100),
        lambda path: path.write_text("These are not weights.\n" * 20),
        lambda path: path.write_text('{"json": 1}'),
        lambda path: path.write_bytes((2).to_bytes(8, "little") + b"[]"),
        lambda path: path.write_bytes((10**15).to_bytes(8, "little") + b"{}"),
    ],
    ids=["torch.save", "pickle", "empty", "zeros", "ones", "text", "json", "list", "endless header"],
)
def test_what_is_no_safetensors_file_is_refused(tmp_path: Path, write: Callable[[Path], Any]) -> None:
    write(tmp_path / "w.pt")
    assert refusal(tmp_path / "w.pt").startswith("w.pt is not a whole safetensors file (")


@pytest.mark.parametrize("missing", [1, 1000, 0.5, 0.999])
def test_a_truncated_file_is_refused(file: Path, missing: float) -> None:
    data = file.read_bytes()
    file.write_bytes(data[: -missing if isinstance(missing, int) else int(len(data) * (1 - missing))])
    assert refusal(file).startswith("small.safetensors is not a whole safetensors file (")


@pytest.mark.parametrize("metadata", [None, {"format": "pt"}], ids=str)
def test_a_file_without_description_is_refused(file: Path, metadata: dict[str, str] | None) -> None:
    save_file(load_file(file), file, metadata)
    assert refusal(file).startswith(f"small.safetensors does not say which network it is: its metadata have no {KEY!r}")


NO_DESCRIPTIONS = [
    "",
    "x",
    "[]",
    "null",
    "3",
    '"text"',
    "{}",
    '{"architecture": 5}',
    '{"architecture": {}}',
    "[" * 100_000,
]


@pytest.mark.parametrize("text", NO_DESCRIPTIONS, ids=lambda text: text[:20])
def test_a_description_that_is_none_is_refused(file: Path, text: str) -> None:
    save_file(load_file(file), file, {KEY: text})
    assert refusal(file).startswith("small.safetensors describes its network in a way that cannot be read (")


@pytest.mark.parametrize(
    "change",
    [
        {"width": 0},
        {"width": "4"},
        {"width": 4.5},
        {"width": float("nan")},
        {"width": None},
        {"depths": []},
        {"depths": [1, 1.5]},
        {"depths": ["1", "1"]},
        {"depths": 2},
        {"block": "wide"},
        {"shortcut": ["A"]},
        {"stem": None},
        {"num_classes": -3},
        {"num_classes": 3.5},
        {"name": 5},
        {"name": "two\nlines"},
        {"batch_norm": "no"},
        {"surprise": 1},
    ],
    ids=str,
)
def test_an_architecture_that_no_network_can_have_is_refused(file: Path, change: dict[str, Any]) -> None:
    rewrite(file, lambda _, description: description["architecture"].update(change))
    assert refusal(file).startswith("small.safetensors ")


@pytest.mark.parametrize(
    "change",
    [
        {"mean": [0.5]},
        {"mean": "grey"},
        {"std": [0.2, 0.0, 0.2]},
        {"std": [0.2, float("nan"), 0.2]},
        {"classes": ["cat"]},
        {"classes": "abc"},
        {"classes": [1, 2, 3]},
        {"resolution": 0},
        {"resolution": "64"},
        {"resolution": 10**9},
        {"stored_resolution": -1},
        {"stored_resolution": 10**9},
        {"test_error_percent": "many"},
        {"test_error_percent": float("nan")},
        {"test_error_percent": 101},
        {"note": None},
        {"data": ["x"]},
        {"run": 3},
        {"commit": 3},
        {"seed": 0.5},
        {"surprise": 1},
    ],
    ids=str,
)
def test_a_description_that_would_fail_later_is_refused_at_once(file: Path, change: dict[str, Any]) -> None:
    rewrite(file, lambda _, description: description.update(change))
    assert refusal(file).startswith("small.safetensors ")


@pytest.mark.parametrize("field", list(asdict(described())))
def test_a_description_that_lacks_a_field_is_refused(file: Path, field: str) -> None:
    rewrite(file, lambda _, description: description.pop(field))
    assert field in refusal(file)


@pytest.mark.parametrize(
    "change",
    [
        {"depths": [10**12]},
        {"depths": [10**9, 10**9]},
        {"width": 10**9},
        {"width": 10**12},
        {"width": 10**30},
        {"num_classes": 10**15},
        {"depths": [1] * 12},
    ],
    ids=str,
)
def test_a_gigantic_architecture_is_refused_at_once(file: Path, change: dict[str, Any]) -> None:
    rewrite(file, lambda _, description: description["architecture"].update(change))
    assert refusal(file).startswith("small.safetensors ")


def test_a_file_of_another_network_names_the_first_difference(file: Path) -> None:
    start = "small.safetensors is not the resnet18 that it says it is: "
    rewrite(file, lambda _, description: description["architecture"].update(width=5))
    assert refusal(file) == f"{start}conv1.weight has the shape (4, 3, 7, 7), not (5, 3, 7, 7)."
    rewrite(file, lambda _, description: description["architecture"].update(width=4, shortcut="C"))
    assert refusal(file) == f"{start}layer1.0.downsample.0.weight is missing."
    rewrite(file, lambda _, description: description["architecture"].update(shortcut="A"))
    assert refusal(file) == f"{start}layer2.0.downsample.0.weight does not belong to it."


def test_a_missing_tensor_is_named(file: Path) -> None:
    rewrite(file, lambda tensors, _: tensors.pop("layer1.0.bn2.running_var"))
    assert refusal(file).endswith(": layer1.0.bn2.running_var is missing.")


def test_a_tensor_too_many_is_named(file: Path) -> None:
    rewrite(file, lambda tensors, _: tensors.update(surprise=torch.zeros(2)))
    assert refusal(file).endswith(": surprise does not belong to it.")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_values_that_are_not_finite_are_refused(file: Path, value: float) -> None:
    rewrite(file, lambda tensors, _: tensors["layer2.0.conv1.weight"].view(-1)[7].fill_(value))
    assert refusal(file) == "small.safetensors is broken: layer2.0.conv1.weight holds values that are not finite."


@pytest.mark.parametrize(
    ("name", "dtype"), [("conv1.weight", torch.int32), ("conv1.weight", torch.bool), ("bn1.num_batches_tracked", torch.float32)]
)
def test_tensors_of_another_kind_of_number_are_refused(file: Path, name: str, dtype: torch.dtype) -> None:
    rewrite(file, lambda tensors, _: tensors.update({name: tensors[name].to(dtype)}))
    assert name in refusal(file)


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16, torch.float32])
def test_other_precisions_become_float32(file: Path, dtype: torch.dtype) -> None:
    expected = load_file(file)["conv1.weight"].to(dtype).float()
    rewrite(file, lambda tensors, _: tensors.update({"conv1.weight": tensors["conv1.weight"].to(dtype)}))
    assert torch.equal(weights.load(file).conv1.weight, expected)
