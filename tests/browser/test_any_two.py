"""May any two networks stand beside each other? Those that torchvision has, and a person's own weights."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, Response, expect

from resnet_core import architecture, build
from resnet_core.networks.weights import read_checkpoint, save
from tests.support.browser import choose, figures, reloaded, settle

RESNET18 = "ResNet-18 (ImageNet)"  # torchvision's
UPLOAD = ".st-key-weights input[type=file]"


def saved(path: Path, network: str, resolution: int, **changes: Any) -> Path:
    """A new network of three classes, as a training leaves it."""
    row = replace(architecture(network, **changes), num_classes=3)
    says = replace(
        read_checkpoint("resnet34-tiny"), architecture=row, classes=("goldfish", "teapot", "zebra"), resolution=resolution,
        stored_resolution=resolution, data="three things", run="mine", test_error_percent=None, note="Nobody trained it.",
    )  # fmt: skip
    save(build(row, seed=0), says, path)
    return path


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return saved(tmp_path_factory.mktemp("own") / "last.safetensors", "resnet56-cifar", 32, width=4)


def bring(page: Page, *files: Path) -> None:
    page.get_by_role("button", name="Your own weights…").click()
    left = len(files)

    def arrived(response: Response) -> bool:
        nonlocal left
        left -= response.request.method == "PUT"
        return not left

    with page.expect_response(arrived):
        page.locator(UPLOAD).set_input_files([str(file) for file in files])
    settle(page)
    page.keyboard.press("Escape")


def test_own_weights_stand_beside_a_bundled_network(server: str, page: Page, weights: Path) -> None:
    page.goto(f"{server}/compare?pair=any-two&target=teapot")
    settle(page)
    bring(page, weights)
    choose(page, "Left", "last.safetensors")
    settle(page)
    drawn = figures(page)
    assert len(drawn["strip-last-safetensors"]["data"][0]["customdata"]) == 27
    assert len(drawn["strip-ResNet-34"]["data"][0]["customdata"]) == 16
    assert len(drawn["classes-last-safetensors"]["data"][0]["y"]) == 3
    expect(page.get_by_text("ResNet-34 gives teapot")).to_be_visible()
    expect(page.get_by_text("test error unknown; trained on three things")).to_be_visible()
    page.get_by_text("How it was made").click()
    expect(page.get_by_text("last.safetensors: Nobody trained it.")).to_be_visible()
    page.reload()
    settle(page)
    expect(page.get_by_text("The link asks for left “last.safetensors”, which does not exist here")).to_be_visible()


@pytest.mark.slow
def test_a_network_of_full_width_can_be_brought(server: str, page: Page, tmp_path: Path) -> None:
    large = saved(tmp_path / "large.safetensors", "resnet34", 64)
    assert large.stat().st_size > 40e6
    page.goto(f"{server}/compare?pair=any-two")
    settle(page)
    bring(page, large)
    choose(page, "Left", "large.safetensors")
    settle(page)
    assert "strip-large-safetensors" in figures(page)


@pytest.mark.slow
@pytest.mark.parametrize("path", ["compare", "feature_maps", "attribution", "predictions"])
def test_what_a_race_leaves_can_be_looked_into(server: str, page: Page, tmp_path: Path, path: str) -> None:
    small = saved(tmp_path / "small.safetensors", "resnet20-cifar", 16, width=4)
    page.goto(f"{server}/{path}?pair=any-two")
    settle(page)
    bring(page, small)
    choose(page, "Left", "small.safetensors")
    settle(page)
    assert figures(page)
    expect(page.get_by_test_id("stAlert").filter(has_text=re.compile("pixels|wrong|Until then"))).to_have_count(0)


@pytest.mark.slow
def test_broken_weights_get_one_sentence_and_the_usual_network_stays(
    server: str, page: Page, tmp_path: Path, weights: Path
) -> None:
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(weights.read_bytes()[:5000])
    page.goto(f"{server}/compare?pair=any-two")
    settle(page)
    bring(page, broken)
    expect(page.get_by_text(re.compile("broken.safetensors is not a whole safetensors file"))).to_be_visible()
    settle(page)
    assert "strip-ResNet-34" in figures(page)


@pytest.mark.slow
def test_without_a_network_torchvisions_weights_are_explained(server: str, page: Page) -> None:
    page.goto(f"{server}/compare?pair=any-two&right=torchvision:resnet152")
    settle(page)
    expect(page.get_by_text(re.compile("torchvision's resnet152 could not be downloaded .* go online once"))).to_be_visible()
    expect(page.get_by_text("Until then you see ResNet-34.")).to_be_visible()
    assert "strip-ResNet-34" in figures(page)


@pytest.mark.slow
def test_torchvisions_network_is_in_the_link(server: str, page: Page) -> None:
    page.goto(f"{server}/compare?pair=any-two&left=torchvision:resnet18&sample=cat&block=conv4_6")
    settle(page)
    drawn = reloaded(page)
    assert len(drawn["strip-ResNet-18--ImageNet-"]["data"][0]["customdata"]) == 8
    page.get_by_text("More exhibits").click()
    expect(page.get_by_text("Block conv4_2 and conv4_6 in numbers")).to_be_visible()


@pytest.mark.slow
def test_from_the_pair_to_any_two_and_back(server: str, page: Page) -> None:
    """What was chosen for the pair, and does not exist of any two networks, is no fault of a link."""
    page.goto(f"{server}/attribution?trust=plain")
    settle(page)
    choose(page, "Networks", "any two")
    choose(page, "Left", RESNET18)
    expect(page.get_by_role("radio", name="left")).to_be_visible()
    settle(page)
    assert page.get_by_text("The link asks for").count() == 0
    choose(page, "Networks", "matched pair, 34 layers")
    expect(page.get_by_role("radio", name="plain")).to_be_checked()


@pytest.mark.slow
def test_a_network_is_not_compared_with_itself(server: str, page: Page) -> None:
    page.goto(f"{server}/compare?pair=any-two&left=resnet34-tiny")
    settle(page)
    expect(page.get_by_text("Left and right are the same network")).to_be_visible()


OTHER = "pair=any-two&left=torchvision:resnet18"


@pytest.mark.slow
def test_their_channels_too(server: str, page: Page) -> None:
    page.goto(f"{server}/feature_maps?{OTHER}&block=conv4_5&place=shortcut&channel=300")
    settle(page)
    drawn = reloaded(page)
    expect(page.get_by_text(f"{RESNET18} has no channel 300 there: it has 256.")).to_be_visible()
    expect(page.get_by_text("ResNet-34 has no channel 300 there: it has 128.")).to_be_visible()
    expect(page.get_by_text(re.compile("conv4_2 of ResNet-18 .ImageNet. .* conv4_5 of ResNet-34"))).to_be_visible()
    assert not [name for name in drawn if name.startswith("channel-")]


@pytest.mark.slow
def test_many_photographs_too(server: str, page: Page) -> None:
    page.goto(f"{server}/predictions?{OTHER}")
    settle(page)
    expect(page.get_by_text(f"on average {RESNET18} gives its first choice")).to_be_visible()
    drawn = reloaded(page)["confidence"]["data"]
    assert all(f"{RESNET18}: " in text for trace in drawn[1:] for text in trace["text"])


@pytest.mark.slow
def test_a_class_that_one_has_not_learned_is_said_so(server: str, page: Page) -> None:
    page.goto(f"{server}/attribution?{OTHER}&target=tabby&against=Afghan+hound")
    settle(page)
    drawn = reloaded(page)
    assert {"grad-cam-ResNet-18--ImageNet-", "grad-cam-ResNet-34"} <= set(drawn)
    expect(page.get_by_text("A network that has not learned Afghan hound shows the evidence for tabby alone.")).to_be_visible()
    expect(page.get_by_text("evidence for tabby rather than Afghan hound and tabby lies on")).to_be_visible()
