"""Are the fifty everyday classes a fixed set, and are the held-out images never trained on?"""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from PIL import Image

from resnet_core.data import sources
from resnet_core.data.everyday import CLASSES, HELD_OUT, held_out
from resnet_core.data.folders import PictureFolder
from resnet_core.pictures.samples import SAMPLES


def test_there_are_fifty_classes_and_none_comes_twice() -> None:
    assert len(CLASSES) == len(set(CLASSES)) == 50


def test_every_bundled_photograph_that_has_a_class_shows_one_of_them() -> None:
    shown = [sample for sample in SAMPLES.values() if sample.classes]
    assert all(set(sample.classes) & set(CLASSES) for sample in shown)


def test_a_tenth_of_each_class_is_held_out_and_always_the_same() -> None:
    labels = [label for label in range(4) for _ in range(50)]
    mask = held_out(labels)
    assert mask.view(4, 50).sum(1).tolist() == [50 * HELD_OUT] * 4
    assert torch.equal(mask, held_out(labels))
    assert len({tuple(part.tolist()) for part in mask.view(4, 50)}) == 4, "each class draws its own"


@pytest.fixture
def small_tiny_imagenet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Ten training images and two test images of each class, and of one class that is not everyday. The blue tells them apart."""
    classes = ("bullfrog", *reversed(CLASSES))
    parts = []
    for part, n in (("train", 10), ("test", 2)):
        pictures = []
        for label in range(len(classes)):
            for i in range(n):
                path = tmp_path / f"{part}-{label}-{i}.png"
                Image.new("RGB", (64, 64), (label, i, 255 * (part == "test"))).save(path)
                pictures.append((path, label))
        parts.append(pictures)
    listed = PictureFolder(parts[0], parts[1], classes)
    monkeypatch.setattr(sources, "_list_tiny_imagenet", lambda _root: listed)
    return tmp_path


def test_held_out_images_are_tested_on_and_never_trained_on(small_tiny_imagenet: Path) -> None:
    final = sources.everyday(small_tiny_imagenet)
    choosing = sources.everyday(small_tiny_imagenet, test_on_held_out=True)
    assert (len(final.train), len(final.test), len(choosing.test)) == (450, 100, 50)
    assert final.train.digest == choosing.train.digest
    colours = [{tuple(image[0, 0].tolist()) for image in part.images} for part in (choosing.train, choosing.test)]
    assert not colours[0] & colours[1]
    assert len(colours[0] | colours[1]) == 500
    assert all(image[0, 0, 2] == 255 for image in final.test.images), "the official validation images"


def test_labels_are_those_of_the_fifty_in_their_order(small_tiny_imagenet: Path) -> None:
    data = sources.everyday(small_tiny_imagenet)
    assert data.classes == CLASSES
    old = data.test.images[:, 0, 0, 0].long()  # the label of `classes` above
    assert torch.equal(data.test.labels, 50 - old)
