"""Are the drawn shapes the same for everybody, balanced, and is there something to learn? Judged by areas and by a network."""

from __future__ import annotations

import hashlib
import platform
from math import pi

import pytest
import torch
from lightning_fabric import Fabric

from resnet_core.data import synthetic as shapes
from resnet_core.data.sources import open_dataset
from resnet_core.networks.architectures import architecture
from resnet_core.networks.resnet import build
from resnet_core.training.recipe import recipe
from resnet_core.training.trainer import Trainer, evaluate


def test_the_set_is_the_same_on_every_call_and_leaves_the_random_state() -> None:
    torch.manual_seed(5)
    before = torch.get_rng_state()
    first, second = open_dataset("synthetic"), open_dataset("synthetic")
    assert torch.equal(torch.get_rng_state(), before)
    for one, other in ((first.train, second.train), (first.test, second.test)):
        assert torch.equal(one.images, other.images)
        assert torch.equal(one.labels, other.labels)
    if platform.machine().lower() in ("x86_64", "amd64"):  # as it was first drawn; others may round a sine otherwise
        assert hashlib.sha256(first.train.images.numpy().tobytes()).hexdigest()[:16] == "9dfa9941f1c2aa46"
    assert not (first.train.images[:1000] == first.test.images).flatten(1).all(1).any()


def test_classes_are_balanced_and_the_set_says_that_it_is_made() -> None:
    data = open_dataset("synthetic")
    assert data.train.labels.bincount().tolist() == [625] * 8
    assert data.test.labels.bincount().tolist() == [125] * 8
    assert data.train.images.shape == (5000, 32, 32, 3)
    assert "synthetic" in data.title
    assert "Made by the program" in data.source


def test_shapes_have_the_areas_of_geometry() -> None:
    """Of the square from -1 to 1, which is 4; a crescent is a circle without the lens that two circles share."""
    place = torch.linspace(-1.2, 1.2, 2401)
    v, u = torch.meshgrid(place, place, indexing="ij")
    found = {name: float(inside(u, v).double().mean()) * 2.4**2 for name, inside in shapes.SHAPES.items()}
    expected = {
        "circle": pi,
        "ring": 0.7 * pi,
        "square": 1.7**2,
        "diamond": 2 * 1.1**2,
        "triangle": 1.8 * 1.8 / 2,
        "cross": 2 * 0.5 * 2 - 0.5**2,
    }
    assert {name: found[name] for name in expected} == pytest.approx(expected, rel=5e-3)


def test_a_small_network_learns_them() -> None:
    data, how = open_dataset("synthetic"), recipe("quick")
    fabric = Fabric(accelerator="cpu", devices=1)
    row = architecture("resnet20-cifar", depths=(1, 1, 1), width=8, num_classes=8)
    trainer = Trainer(build(row, 0), how, data, 0, fabric)
    for i in range(140):
        trainer.step(0.1 if i < 120 else 0.01)
    assert evaluate(trainer.network, data.test, how.resolution, data, fabric)["error_percent"] < 70  # a guess: 87.5
