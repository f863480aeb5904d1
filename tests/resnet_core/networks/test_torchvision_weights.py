"""Are torchvision's weights loaded without a network, and nothing else in their place?"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torchvision import models

from resnet_core.networks import weights
from resnet_core.networks.architectures import architecture
from resnet_core.networks.resnet import build
from tests.support.checkpoints import RESNET18, refusal


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
    assert message.startswith("torchvision's resnet34 could not be downloaded (")
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
