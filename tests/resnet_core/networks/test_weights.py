"""Do weights come back as they were saved? Judged by safetensors and torchvision."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from torchvision.transforms.v2 import functional as transforms

from resnet_core.inspection.inspect import inspect
from resnet_core.networks import weights
from resnet_core.networks.architectures import Architecture, architecture
from resnet_core.pictures.network_input import prepare
from tests.support.checkpoints import KEY, SMALL, described, trained


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
    found = prepare(picture, known)
    assert found.shape == (3, 64, 64)
    assert found.dtype == torch.float32
    assert (found - expected).abs().mean() < 0.02


def test_a_network_that_is_loaded_in_inference_mode_can_be_inspected():
    with torch.inference_mode():
        network = weights.load("resnet34-tiny", device="cpu")
    assert len(inspect(network, torch.zeros(3, 64, 64)).blocks) == 16
