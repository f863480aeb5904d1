"""Are the networks of the registry those of the paper, and is a pair a pair? Judged by its Table 1 and section 4.2."""

from __future__ import annotations

import re
from dataclasses import FrozenInstanceError, asdict

import pytest

from resnet_core.errors import InputError
from resnet_core.networks.architectures import REGISTRY, all_blocks, architecture

TABLE_1 = {  # blocks of conv2_x … conv5_x
    18: ("basic", (2, 2, 2, 2)),
    34: ("basic", (3, 4, 6, 3)),
    50: ("bottleneck", (3, 4, 6, 3)),
    101: ("bottleneck", (3, 4, 23, 3)),
    152: ("bottleneck", (3, 8, 36, 3)),
}
SECTION_4_2 = {20: 3, 32: 5, 44: 7, 56: 9, 110: 18, 1202: 200}  # n, of 6n + 2 layers


def test_the_registry_holds_the_papers_networks_and_their_twins() -> None:
    imagenet = {f"{kind}{layers}" for kind in ("resnet", "plain") for layers in TABLE_1}
    cifar = {f"{kind}{layers}-cifar" for kind in ("resnet", "plain") for layers in SECTION_4_2}
    assert set(REGISTRY) == imagenet | cifar
    assert all(name == row.name for name, row in REGISTRY.items())


@pytest.mark.parametrize("kind", ["resnet", "plain"])
def test_blocks_and_widths_are_those_of_table_1_and_section_4_2(kind: str) -> None:
    for layers, (block, depths) in TABLE_1.items():
        row = architecture(f"{kind}{layers}")
        assert (row.block, row.depths, row.width, row.stem, row.num_classes) == (block, depths, 64, "imagenet", 1000)
        assert [(stage.name, stage.channels) for stage in row.stages] == [
            ("conv2_x", 64),
            ("conv3_x", 128),
            ("conv4_x", 256),
            ("conv5_x", 512),
        ]
        assert row.features == (512 if block == "basic" else 2048)
    for layers, n in SECTION_4_2.items():
        row = architecture(f"{kind}{layers}-cifar")
        assert (row.block, row.depths, row.width, row.stem, row.num_classes) == ("basic", (n, n, n), 16, "cifar", 10)
        assert [stage.channels for stage in row.stages] == [16, 32, 64]


@pytest.mark.parametrize("name", REGISTRY)
def test_the_number_in_the_name_counts_the_weighted_layers(name: str) -> None:
    assert f"{architecture(name).layers}" == re.sub(r"\D", "", name)


@pytest.mark.parametrize("name", REGISTRY)
def test_twins_differ_in_name_and_shortcut_only(name: str) -> None:
    row = architecture(name)
    mine, other = asdict(row), asdict(row.twin())
    assert {field for field in mine if mine[field] != other[field]} == {"name", "shortcut"}
    assert row.residual != row.twin().residual
    assert sorted((row.name, row.twin().name)) == sorted((name.replace("plain", "resnet"), name.replace("resnet", "plain")))


def test_a_plain_networks_twin_has_the_one_shortcut_without_parameters() -> None:
    assert architecture("plain34").twin() == architecture("resnet34", shortcut="A")
    assert architecture("resnet56-cifar").twin().twin() == architecture("resnet56-cifar")


def test_a_block_has_its_like_in_every_network() -> None:
    resnet18, resnet56 = architecture("resnet18"), architecture("resnet56-cifar")
    assert [resnet18.block_like(label) for label in ("conv3_1", "conv3_4", "conv5_3")] == ["conv3_1", "conv3_2", "conv5_2"]
    assert resnet56.block_like("conv5_3") == "conv4_9"  # it has three stages
    both = all_blocks([resnet18, resnet56])
    assert both[:10] == [*(f"conv2_{i}" for i in range(1, 10)), "conv3_1"]
    assert both[-2:] == ["conv5_1", "conv5_2"]


def test_an_architecture_can_key_a_cache_and_cannot_be_changed() -> None:
    row = architecture("resnet34", width=32)
    assert {row: 1}[architecture("resnet34", width=32)] == 1
    with pytest.raises(FrozenInstanceError):
        row.width = 64  # type: ignore[misc]


@pytest.mark.parametrize(
    ("wrong", "right"), [("resnet-34", "resnet34"), ("ResNet50", "resnet50"), ("plain56cifar", "plain56-cifar")]
)
def test_a_misspelt_name_is_answered_with_the_nearest(wrong: str, right: str) -> None:
    with pytest.raises(InputError, match=rf"^There is no network named {wrong!r}; did you mean {right!r}\?$"):
        architecture(wrong)


def test_a_name_like_no_other_is_answered_with_all_of_them() -> None:
    with pytest.raises(InputError) as caught:
        architecture("vgg")
    assert str(caught.value).startswith("There is no network named 'vgg'; known are ")
    assert all(name in str(caught.value) for name in REGISTRY)


@pytest.mark.parametrize(
    "change",
    [
        {"width": 0},
        {"num_classes": 0},
        {"depths": ()},
        {"depths": (3, 0, 3)},
        {"shortcut": "D"},
        {"block": "wide"},
        {"stem": "mnist"},
    ],
    ids=str,
)
def test_a_value_that_no_network_can_have_is_refused_in_one_sentence(change: dict[str, object]) -> None:
    with pytest.raises(InputError, match=r"^resnet34: .*\.$") as caught:
        architecture("resnet34", **change)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "shortcut", "said"),
    [
        ("plain20-cifar", "A", "plain20-cifar has no shortcuts; its twin is resnet20-cifar."),
        ("resnet34", None, "its twin is plain34."),
    ],
)
def test_a_plain_network_is_not_called_residual_nor_the_other_way(name: str, shortcut: str | None, said: str) -> None:
    with pytest.raises(InputError, match=re.escape(said)):
        architecture(name, shortcut=shortcut)
