"""Do weights come back as they were saved, and is all else refused in one sentence? Judged by safetensors and torchvision."""

from __future__ import annotations

import json
import pickle
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torchvision import models
from torchvision.transforms.v2 import functional as transforms

from resnet_core import weights
from resnet_core.architectures import Architecture, architecture
from resnet_core.checkpoint import Checkpoint
from resnet_core.errors import InputError
from resnet_core.inspection.inspect import inspect
from resnet_core.network import ResNet, build

KEY = "resnet_lens"
SMALL = architecture("resnet18", depths=(1, 1), width=4, num_classes=3)
RESNET18 = "resnet18-f37072fd.pth"  # torchvision's name for its file


def described(row: Architecture = SMALL) -> Checkpoint:
    return Checkpoint(
        architecture=row,
        classes=("cat", "dog", "‘ünïcode’"),
        mean=(0.48, 0.45, 0.4),
        std=(0.27, 0.26, 0.28),
        resolution=64,
        stored_resolution=32,
        data="Toy data",
        source="drawn by hand",
        recipe="short",
        note="A note with a\nline break.",
        run="run-7",
        seed=7,
        commit="0123abc+",
        test_error_percent=12.5,
    )


def trained(row: Architecture = SMALL) -> ResNet:
    network = build(row, seed=0)
    network(torch.randn((4, 3, 32, 32), generator=torch.Generator().manual_seed(1)))  # moves the batch norms' statistics
    return network.to(memory_format=torch.channels_last)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "small.safetensors"
    weights.save(trained(), described(), path)
    return path


def rewrite(path: Path, change: Callable[[dict[str, Tensor], dict[str, Any]], Any]) -> None:
    """Apply a change to the tensors and to the description of a file."""
    tensors = load_file(path)
    with safe_open(path, "pt") as file:
        description = json.loads(file.metadata()[KEY])
    change(tensors, description)
    save_file(tensors, path, {KEY: json.dumps(description)})


def refusal(reference: str | Path) -> str:
    """What `load` says; it must be one sentence, and come before a second has passed."""
    start = time.process_time()
    with pytest.raises(InputError) as caught:
        weights.load(reference)
    assert time.process_time() - start < 1
    message = str(caught.value)
    assert "\n" not in message
    assert message[-1] in ".?"
    return message


# what comes back


def test_kernels_come_back_in_half_precision_and_vectors_as_they_were(file: Path) -> None:
    network, loaded = trained(), weights.load(file)
    mine, found = network.state_dict(), loaded.state_dict()
    assert mine.keys() == found.keys()
    for name, tensor in mine.items():
        expected = tensor.half().float() if tensor.ndim > 1 else tensor
        assert torch.equal(found[name], expected), name
        assert found[name].dtype == tensor.dtype
    assert file.stat().st_size < 0.6 * 4 * sum(tensor.numel() for tensor in mine.values()) + 20_000


def test_a_loaded_network_is_frozen_and_in_evaluation_mode(file: Path) -> None:
    loaded = weights.load(file)
    assert not any(module.training for module in loaded.modules())
    assert not any(parameter.requires_grad for parameter in loaded.parameters())
    assert loaded.architecture == SMALL
    expected = trained().eval()
    expected.load_state_dict({name: t.half().float() if t.ndim > 1 else t for name, t in expected.state_dict().items()})
    image = torch.randn((1, 3, 40, 40), generator=torch.Generator().manual_seed(2))
    torch.testing.assert_close(loaded(image), expected(image))


def test_the_description_comes_back_as_it_was(file: Path) -> None:
    assert weights.load(file).checkpoint == described()
    assert weights.read_checkpoint(file) == described()
    with safe_open(file, "pt") as opened:  # any other program can read it
        assert json.loads(opened.metadata()[KEY])["classes"] == ["cat", "dog", "‘ünïcode’"]


@pytest.mark.parametrize(
    "row",
    [architecture("plain20-cifar", width=2, num_classes=3), replace(SMALL, batch_norm=False), replace(SMALL, shortcut="A")],
    ids=str,
)
def test_every_kind_of_network_comes_back(tmp_path: Path, row: Architecture) -> None:
    weights.save(trained(row), described(row), tmp_path / "w.safetensors")
    assert weights.load(tmp_path / "w.safetensors").architecture == row


def test_unknown_facts_come_back_unknown(tmp_path: Path) -> None:
    unknown = replace(described(), seed=None, commit=None, test_error_percent=None)
    weights.save(trained(), unknown, tmp_path / "w.safetensors")
    assert weights.read_checkpoint(tmp_path / "w.safetensors") == unknown


def test_saving_leaves_nothing_beside_the_file_and_the_network_as_it_was(tmp_path: Path) -> None:
    network = trained()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    weights.save(network, described(), tmp_path / "w.safetensors")
    assert [path.name for path in tmp_path.iterdir()] == ["w.safetensors"]
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())


def test_a_picture_is_prepared_as_torchvision_would() -> None:
    """Central square, down to the size of the training images, up to the network's, normalised."""
    picture = np.random.default_rng(0).integers(0, 256, (48, 80, 3), dtype=np.uint8)
    picture[:] = picture.mean(axis=(0, 1), dtype=int) + (picture // 16)  # soft contrasts: libraries resize a little differently
    known = described()
    x = torch.from_numpy(picture).permute(2, 0, 1)
    x = transforms.resize(transforms.center_crop(x, [48, 48]), [32, 32], antialias=True)
    x = transforms.resize(transforms.to_dtype(x, torch.float32, scale=True), [64, 64], antialias=True)
    expected = transforms.normalize(x, list(known.mean), list(known.std))
    found = weights.prepare(picture, known)
    assert found.shape == (3, 64, 64)
    assert found.dtype == torch.float32
    assert (found - expected).abs().mean() < 0.02


# what is refused


def test_an_unknown_name_is_answered_with_the_nearest(monkeypatch: pytest.MonkeyPatch, file: Path) -> None:
    monkeypatch.setattr(weights, "BUNDLED", file.parent)
    assert weights.bundled() == ("small",)
    assert weights.load("small").architecture == SMALL
    assert refusal("smal") == "There is no bundled network and no file named 'smal'; did you mean 'small'?"
    assert refusal("xyz") == "There is no bundled network and no file named 'xyz'; bundled are small."


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


# torchvision's weights, without a network


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """torch's empty folder of downloads, on a machine whose only way out is closed."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")  # nothing listens on this port
    monkeypatch.setenv("no_proxy", "")
    monkeypatch.setenv("NO_PROXY", "")
    folder = tmp_path / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    return folder


def test_without_a_network_one_sentence_says_what_to_do(hub: Path) -> None:
    message = refusal("torchvision:resnet34")
    assert message.startswith("torchvision's resnet34 could not be had (")
    assert message.endswith(f"put https://download.pytorch.org/models/resnet34-b627a593.pth at {hub / 'resnet34-b627a593.pth'}.")


@pytest.mark.parametrize("name", ["", "resnet35", "plain34", "resnext50_32x4d", "resnet34-tiny", "../resnet34"])
def test_what_torchvision_does_not_have_is_answered_with_what_it_has(hub: Path, name: str) -> None:
    assert refusal(f"torchvision:{name}") == (
        f"torchvision has no weights for {name!r} that ResNet Lens can read; "
        "known are resnet18, resnet34, resnet50, resnet101, resnet152."
    )


def test_torchvisions_file_is_loaded_strictly_and_without_a_network(hub: Path) -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        theirs = models.resnet18(weights=None).eval()
    torch.save(theirs.state_dict(), hub / RESNET18)
    network = weights.load("torchvision:resnet18", device="cpu")
    assert all(torch.equal(tensor, network.state_dict()[name]) for name, tensor in theirs.state_dict().items())
    assert not network.training
    assert network.architecture == network.checkpoint.architecture == architecture("resnet18")

    expected = models.ResNet18_Weights.IMAGENET1K_V1
    known = network.checkpoint
    assert known.classes == tuple(expected.meta["categories"])
    assert (known.mean, known.std, known.resolution) == ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225), 224)
    assert known.test_error_percent == pytest.approx(100 - 69.758)  # torchvision's table of accuracies


class Trap:
    """A pickle that does something when it is opened."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


def write_trap(path: Path) -> None:
    torch.save({"conv1.weight": Trap(path.with_name("sprung"))}, path)


@pytest.mark.parametrize(
    "write",
    [
        lambda path: path.write_bytes(b""),
        lambda path: path.write_text("<html>Log in to the hotel's network</html>"),
        lambda path: path.write_bytes(b"PK\x03\x04" + b"\0" * 50),
        lambda path: torch.save(build(architecture("resnet18", width=4)).state_dict(), path),
        lambda path: torch.save([1, 2], path),
        lambda path: torch.save(nn.Linear(2, 2), path),
        write_trap,
    ],
    ids=["empty", "html", "truncated", "another network", "a list", "a module", "a trap"],
)
def test_a_wrong_file_in_torchs_folder_is_refused_and_never_run(hub: Path, write: Callable[[Path], Any]) -> None:
    write(hub / RESNET18)
    assert refusal("torchvision:resnet18").startswith("torchvision's resnet18 ")
    assert not (hub / "sprung").exists()


def test_a_network_that_is_loaded_in_inference_mode_can_be_inspected():
    with torch.inference_mode():
        network = weights.load("resnet34-tiny", device="cpu")
    assert len(inspect(network, torch.zeros(3, 64, 64)).blocks) == 16
