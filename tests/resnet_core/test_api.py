"""Do the public names do what their documentation says, with whatever a notebook has at hand?"""

from __future__ import annotations

import copy
import doctest
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from torch import Tensor, nn
from torchvision import models
from torchvision.transforms.functional import pil_to_tensor

import resnet_core as lens
from resnet_core.errors import InputError
from resnet_core.inspection.inspect import inspect_targets
from resnet_core.networks import weights
from resnet_core.networks.resnet import ResNet
from resnet_core.pictures.network_input import prepare
from resnet_core.pictures.samples import sample
from resnet_core.studies.catalogue import STUDIES
from tests.support.checkpoints import SMALL, described, trained
from tests.support.networks import same

CLASSES = ("crane", "dog", "crane")  # two of one name


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> ResNet:
    path = tmp_path_factory.mktemp("network") / "small.safetensors"
    weights.save(trained(), replace(described(), classes=CLASSES), path)
    return lens.load(path, device="cpu")


@pytest.fixture
def copied(network: ResNet) -> ResNet:
    """The network, to be copied."""
    return copy.deepcopy(network)


@pytest.fixture(scope="module")
def pixels() -> np.ndarray:
    return sample("cat")[::4, ::4].copy()


@pytest.fixture
def file(tmp_path: Path, pixels: np.ndarray) -> Path:
    path = tmp_path / "cat.png"
    Image.fromarray(pixels).save(path)
    return path


SOURCES: dict[str, Callable[[Path], Any]] = {
    "a path": lambda path: path,
    "a path as text": str,
    "bytes": Path.read_bytes,
    "a Pillow image": Image.open,
    "a uint8 array": lambda path: np.array(Image.open(path)),
    "an array of one": lambda path: np.array(Image.open(path))[None],
    "a uint8 tensor": lambda path: pil_to_tensor(Image.open(path)),
    "a uint8 tensor of one": lambda path: pil_to_tensor(Image.open(path))[None],
}
every_source = pytest.mark.parametrize("make", SOURCES.values(), ids=SOURCES)


def normalised(network: ResNet, pixels: np.ndarray) -> Tensor:
    return prepare(pixels, network.checkpoint)


def test_the_examples_of_the_package_are_true() -> None:
    failures, examples = doctest.testmod(lens, optionflags=doctest.ELLIPSIS)
    assert examples >= 9
    assert failures == 0


def test_dir_lists_the_public_names_and_each_is_there() -> None:
    assert {"build", "load", "inspect", "attribute", "train", "runs", "list_networks", "METHODS"} <= set(dir(lens))
    for name in dir(lens):
        assert getattr(lens, name) is not None
    assert set(dir(lens)) == set(lens.__all__)
    with pytest.raises(AttributeError):
        _ = lens.inspekt


def test_lists_and_figures_need_no_torch() -> None:
    code = """
import sys, resnet_core as lens
lens.complexity(lens.architecture("resnet34")); lens.list_networks(); lens.list_methods(); lens.METHODS; lens.runs
from resnet_core.inspection.records import Inspection
assert not {"torch", "torchvision", "captum"} & set(sys.modules), "torch was imported"
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


# what a person gives as the image


@every_source
def test_any_picture_is_inspected_as_if_prepared_by_hand(
    network: ResNet, file: Path, pixels: np.ndarray, make: Callable[[Path], Any]
) -> None:
    x = normalised(network, pixels)
    assert same(lens.inspect(network, make(file)), lens.inspect(network, x))
    found = lens.attribute(network, make(file), "gradient-x-input", 1)
    np.testing.assert_array_equal(found.values, lens.attribute(network, x, "gradient-x-input", 1).values)
    maps = lens.feature_maps(network, make(file), "conv3_1", 1)
    np.testing.assert_array_equal(maps["F(x)"], lens.feature_maps(network, x, "conv3_1", 1).maps["F(x)"])


def test_several_images_give_a_batch_of_what_each_alone_gives(network: ResNet, file: Path, pixels: np.ndarray) -> None:
    x = normalised(network, pixels)
    batch = torch.stack([x, x.flip(-1), -x])
    for images in (batch, list(batch), [file, x.flip(-1), -x]):
        inspections = lens.inspect(network, images, target=1)
        assert isinstance(inspections, lens.Batch)
        for inspection, image in zip(inspections, batch, strict=True):
            assert same(inspection, lens.inspect(network, image, target=1))
    pictures = np.stack([pixels, pixels[::-1]])
    assert same(lens.inspect(network, pictures)[1], lens.inspect(network, pixels[::-1].copy()))
    attributions = lens.attribute(network, batch, "grad-cam", target=1)
    np.testing.assert_array_equal(attributions[2].values, lens.attribute(network, -x, "grad-cam", target=1).values)
    maps = lens.feature_maps(network, [x], "conv2_1")
    assert len(maps) == 1
    table = inspections.table
    assert table.index.names == ["image", "block"]
    assert table.gradient_norm[1, "conv3_1"] == inspections[1]["conv3_1"].gradient_norm


@pytest.mark.parametrize(
    ("image", "words"),
    [
        ([], "The batch holds no image"),
        (torch.zeros(0, 3, 32, 32), "The batch holds no image"),
        (torch.zeros(3, 32, 32, dtype=torch.int64), "A tensor must be a normalised image of floats or a uint8 picture"),
        (torch.zeros(32, 32, 3, dtype=torch.uint8), "A tensor must be a normalised image of floats or a uint8 picture"),
        (np.zeros((3, 32, 32), np.float32), "A picture's array must be uint8"),
        ("no/such.jpg", "'no/such.jpg' cannot be read as a picture"),
        (b"text", ""),
        (None, "A picture must be a path"),
        (7, "A picture must be a path"),
    ],
    ids=str,
)
def test_what_is_no_image_is_refused_in_one_sentence(network: ResNet, image: Any, words: str) -> None:
    for ask in (
        lens.inspect,
        lambda *given: lens.attribute(*given, "grad-cam"),
        lambda *given: lens.feature_maps(*given, "conv2_1"),
    ):
        with pytest.raises(InputError, match=rf"^{words}[^\n]*\.$"):
            ask(network, image)


def test_a_network_that_does_not_say_how_it_sees_is_given_tensors_only(pixels: np.ndarray) -> None:
    network = models.ResNet(models.resnet.BasicBlock, [1, 1, 1, 1], num_classes=3)
    for given in (network, lens.build(SMALL, seed=0), lens.describe(network, ["layer1.0"])):
        with pytest.raises(InputError, match=r"^The network does not say how pictures are prepared for it[^\n]*\.$"):
            lens.inspect(given, pixels)
        with pytest.raises(InputError, match=r"^The network does not name its classes, so 'dog' cannot be found[^\n]*\.$"):
            lens.inspect(given, torch.zeros(3, 64, 64), "dog")
    assert lens.inspect(network, torch.zeros(3, 64, 64)).labels == ()


def test_wrapped_and_described_networks_know_their_pictures_and_classes(network: ResNet, pixels: np.ndarray) -> None:
    expected = lens.inspect(network, pixels, "dog")
    assert same(lens.inspect(nn.DataParallel(network), pixels, "dog"), expected)
    blocks = [handle.name for handle in lens.find_anatomy(network).blocks]
    described_by_names = lens.inspect(lens.describe(network, blocks), pixels, "dog")
    assert described_by_names.target == 1
    np.testing.assert_array_equal(described_by_names.logits, expected.logits)


# what a person gives as the class


@pytest.mark.parametrize(
    ("target", "index"), [(0, 0), (2, 2), ("dog", 1), ("crane #0", 0), ("crane #2", 2), ("#2", 2), (np.int64(2), 2)], ids=str
)
def test_a_class_is_given_by_index_name_or_label(network: ResNet, pixels: np.ndarray, target: Any, index: int) -> None:
    x = normalised(network, pixels)
    assert lens.inspect(network, x, target).target == index
    assert [one.target for one in inspect_targets(network, x, [target, 1])] == [index, 1]
    assert lens.feature_maps(network, x, "conv2_1", target).target == index
    assert lens.attribute(network, x, "grad-cam", target).target == index
    other = (index + 1) % 3
    found = lens.attribute(network, x, "gradient-x-input", other, against=target)
    assert (found.target, found.against) == (other, index)
    assert found.against_label == network.checkpoint.labels[index]
    flows = [lens.gradient_flow(network, torch.stack([x, -x]), labels) for labels in ([target, 1], torch.tensor([index, 1]))]
    pd.testing.assert_frame_equal(flows[0].table, flows[1].table)


def test_the_gradient_of_a_named_class_is_that_of_its_own_logit(copied: ResNet, pixels: np.ndarray) -> None:
    """Of two classes of one name, by autograd in float64."""
    x, exact = normalised(copied, pixels)[None].double(), copied.double()
    for label, index in (("crane #0", 0), ("crane #2", 2)):
        leaf = x.clone().requires_grad_()
        (gradient,) = torch.autograd.grad(exact(leaf)[0, index], leaf)
        found = lens.attribute(exact, x, "gradient-x-input", label).values
        np.testing.assert_allclose(found, (gradient * x).sum((0, 1)), rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("crane", "The network has 2 classes named 'crane'; name one by its index: '#0' or '#2'"),
        ("dg", "The network has no class named 'dg'; did you mean 'dog'?"),
        ("1", "The network has no class named '1'"),
        ("#3", "The network has no class named '#3'"),
        ("dog #0", "The network has no class named 'dog #0'"),
        ("", "The network has no class named ''"),
        (3, "There is no class 3; the network has classes 0 to 2"),
        (-1, "There is no class -1; the network has classes 0 to 2"),
        (1.0, "A class must be a name or an index from 0 to 2, not 1.0"),
        (torch.tensor([0, 1]), "A class must be a name or an index from 0 to 2"),
    ],
    ids=str,
)
def test_what_is_no_class_is_refused_in_one_sentence(network: ResNet, target: Any, words: str) -> None:
    x = torch.zeros(3, 64, 64)
    for ask in (
        lambda: lens.inspect(network, x, target),
        lambda: lens.attribute(network, x, "grad-cam", target),
        lambda: lens.attribute(network, x, "grad-cam", 1, against=target),
        lambda: lens.feature_maps(network, x, "conv2_1", target),
        lambda: lens.gradient_flow(network, torch.stack([x, x]), [0, target]),
    ):
        with pytest.raises(InputError) as caught:
            ask()
        assert str(caught.value).startswith(words)
        assert "\n" not in str(caught.value)


def test_names_are_not_believed_where_the_classifier_was_replaced(copied: ResNet) -> None:
    copied.fc = nn.Linear(copied.fc.in_features, 5)
    with pytest.raises(InputError, match=r"^The network names 3 classes and answers with 5, so 'dog' cannot be found"):
        lens.inspect(copied, torch.zeros(3, 64, 64), "dog")
    assert lens.inspect(copied, torch.zeros(3, 64, 64), 4).label(4) == "class 4"


def test_a_gradient_flow_takes_pictures_and_names(network: ResNet, file: Path, pixels: np.ndarray) -> None:
    x = normalised(network, pixels)
    expected = lens.gradient_flow(network, torch.stack([x, x]), torch.tensor([1, 0])).table
    for images in ([file, pixels], np.stack([pixels, pixels]), [x, x]):
        pd.testing.assert_frame_equal(lens.gradient_flow(network, images, ["dog", 0]).table, expected)
    alone = lens.gradient_flow(network, file, "dog")
    pd.testing.assert_frame_equal(alone.table, lens.gradient_flow(network, x[None], torch.tensor([1])).table)
    assert alone["conv3_1"].gradient_norm == alone.table.gradient_norm["conv3_1"]
    with pytest.raises(InputError, match=r"^Labels are 2 class names or numbers, one an image, not [^\n]*\.$"):
        lens.gradient_flow(network, [x, x], ["dog"])
    with pytest.raises(InputError, match=r"^The images of a batch must have one size\.$"):
        lens.gradient_flow(network, [x, x[:, :40]], [0, 1])
    with pytest.raises(InputError, match=r"^Images have the shape"):
        lens.gradient_flow(network, [], [])


# what the results offer


def test_an_inspection_is_a_table_a_dictionary_and_a_file(network: ResNet, pixels: np.ndarray, tmp_path: Path) -> None:
    inspection = lens.inspect(network, pixels, "dog")
    assert inspection.network == "run-7"
    assert inspection["conv3_1"] is inspection.blocks[1]
    assert list(inspection.table.index) == ["conv2_1", "conv3_1"]
    assert inspection.table.gradient_norm["conv3_1"] == inspection.blocks[1].gradient_norm
    assert inspection.top["class"][0] == network.checkpoint.labels[int(inspection.logits.argmax())]
    assert inspection.top.probability.is_monotonic_decreasing
    with pytest.raises(InputError, match=r"^This network has no block 'conv3_2'; did you mean 'conv3_1'\?$"):
        inspection["conv3_2"]
    inspection.save(tmp_path / "inspection.npz")
    saved = np.load(tmp_path / "inspection.npz", allow_pickle=False)
    np.testing.assert_array_equal(saved["cam conv3_1"], inspection["conv3_1"].cam)
    np.testing.assert_array_equal(saved["gradient_norm"], inspection.table.gradient_norm)
    assert (str(saved["network"]), int(saved["target"]), str(saved["target_label"])) == ("run-7", 1, "dog")


def test_every_result_is_short_in_a_terminal_and_small_in_a_notebook(network: ResNet, pixels: np.ndarray) -> None:
    results = [
        lens.inspect(network, pixels, "dog"),
        lens.attribute(network, pixels, "gradient-x-input", "dog", against="crane #2"),
        lens.feature_maps(network, pixels, "conv3_1", "dog"),
        lens.gradient_flow(network, [pixels, pixels], ["dog", "dog"]),
        lens.inspect(network, [pixels, pixels]),
    ]
    for result in results:
        assert len(repr(result)) < 600
        html = result._repr_html_()
        assert "<img" in html or "<table" in html
        assert len(html) < 100_000
    assert "'dog' rather than 'crane #2'" in repr(results[1])


def test_a_strangers_class_names_are_text_in_a_notebook(copied: ResNet, pixels: np.ndarray) -> None:
    copied.checkpoint = replace(copied.checkpoint, classes=("<script>", "b", "c"), run="<img src=x>")
    for html in (
        lens.inspect(copied, pixels, 0)._repr_html_(),
        lens.attribute(copied, pixels, "grad-cam", 0)._repr_html_(),
        lens.feature_maps(copied, pixels, "conv2_1", 0)._repr_html_(),
    ):
        assert "<script>" not in html
        assert "<img src=x>" not in html


def test_feature_maps_have_a_row_a_channel(network: ResNet, pixels: np.ndarray) -> None:
    maps = lens.feature_maps(network, pixels, "conv3_1")
    table = maps.table
    assert table.index.names == ["place", "channel"]
    assert table.loc[("F(x)", 3), "mean"] == pytest.approx(maps["F(x)"][3].mean())
    assert table.loc[("output", 2), "zero_fraction"] == (maps["output"][2] == 0).mean()
    with pytest.raises(InputError, match=r"^conv3_1 of this network has no 'bn7'; it has x, "):
        maps["bn7"]


# networks, lists, trainings


def test_a_network_is_built_by_name_with_the_weights_of_its_seed() -> None:
    by_name, by_row = lens.build("resnet18", seed=3), lens.build(lens.architecture("resnet18"), 3, device="cpu")
    assert all(map(torch.equal, by_name.state_dict().values(), by_row.state_dict().values()))
    assert next(lens.build("resnet20-cifar", device="auto").parameters()).device.type in ("cpu", "cuda")
    for options, words in (
        ({"architecture": "resnet19"}, "There is no network named 'resnet19'; did you mean"),
        ({"architecture": None}, "Give the name of an architecture or an Architecture, not a NoneType"),
        ({"architecture": SMALL, "seed": -1}, "A seed must be a whole number from 0, not -1"),
        ({"architecture": SMALL, "seed": "1"}, "A seed must be a whole number from 0, not 1"),
        ({"architecture": SMALL, "device": "gpu"}, "There is no device 'gpu' here"),
        ({"architecture": SMALL, "device": "cuda:99"}, "There is no device 'cuda:99' here"),
    ):
        with pytest.raises(InputError, match=rf"^{words}[^\n]*[.?]$"):
            lens.build(**options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("reference", "words"),
    [
        (
            "resnet34",
            "'resnet34' comes without weights; build it to have new ones; load 'torchvision:resnet34' for torchvision's",
        ),
        ("plain34", r"'plain34' comes without weights; build it to have new ones\.$"),
        ("torchvision:resnet35", "torchvision has no weights for 'resnet35'"),
    ],
)
def test_a_name_that_has_no_weights_says_where_some_are(reference: str, words: str) -> None:
    with pytest.raises(InputError, match=f"^{words}"):
        lens.load(reference)


def test_the_lists_are_names_with_a_table_beside() -> None:
    assert "resnet34" in lens.list_networks()
    for name in lens.list_networks():
        assert lens.architecture(name).name == name
    trained_ones = lens.list_networks(trained=True)
    assert {"resnet34-tiny", "torchvision:resnet50"} <= set(trained_ones)
    assert trained_ones.table.test_error_percent["resnet34-tiny"] == weights.read_checkpoint("resnet34-tiny").test_error_percent
    assert lens.list_networks().table.parameters["resnet34"] == sum(p.numel() for p in lens.build("resnet34").parameters())
    assert lens.list_methods() == list(lens.METHODS)
    assert "quick" in lens.list_recipes()
    assert sorted([*lens.list_studies(), *lens.list_measurements()]) == sorted(STUDIES)
    for listing in (
        lens.list_networks(),
        lens.list_methods(),
        lens.list_recipes(),
        lens.list_studies(),
        lens.list_measurements(),
    ):
        assert list(listing.table.index) == listing
        assert "<table" in listing._repr_html_()


def test_a_training_gives_a_run_whose_table_and_network_can_be_loaded(tmp_path: Path) -> None:
    steps: list[int] = []
    architecture = lens.architecture("resnet20-cifar", depths=(1,), width=4)
    run = lens.train(architecture, scale=0.15, out=tmp_path, on_progress=lambda progress: steps.append(progress.iteration))
    assert isinstance(run, lens.Run)
    assert run.facts is not None
    assert run.facts.status == "finished"
    table = lens.runs.load(run.folder)
    assert table.step.max() == steps[-1]
    network = lens.load(run.folder / "last.safetensors", device="cpu")
    errors = lens.runs.final_errors(table)
    assert errors[errors.split == "test"].error_percent.iloc[0] == pytest.approx(network.checkpoint.test_error_percent)
    with pytest.raises(InputError, match="finished; choose another folder"):
        lens.train(architecture, scale=0.15, out=tmp_path)
    for options, words in (
        ({"network": "resnet19"}, "There is no network named"),
        ({"network": "resnet20-cifar", "recipe": "slow"}, "There is no recipe named"),
        ({"network": "resnet20-cifar", "data": "mnist"}, "There is no dataset named"),
    ):
        with pytest.raises(InputError, match=f"^{words}"):
            lens.train(**options, out=tmp_path / "other")  # type: ignore[arg-type]
    assert not (tmp_path / "other").exists()
