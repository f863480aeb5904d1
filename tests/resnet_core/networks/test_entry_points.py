"""Does an installed package bring a family of networks? Packages as pip leaves them: a module, and a dist-info beside it."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

import resnet_core as lens
from resnet_core.errors import InputError
from resnet_core.inspection.fitting import fitting_report
from tests.resnet_core.networks.strangers import Answering, Residual, seeded, torchvisions, written
from tests.support.side_effects import untouched

ADAPTER = """
from resnet_core import describe

def find(network):
    if type(network).__name__ == "Answering":
        return describe(network, ["body.a", "body.b", "body.c"], logits="head")
"""
BROKEN = """
def find(network):
    raise KeyError("body")
"""
WRONG = """
def find(network):
    return ["body.a"]
"""


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, str], None]]:
    """Install a package of that name and code, whose entry point is its function `find`."""
    monkeypatch.syspath_prepend(tmp_path)
    names: list[str] = []

    def installing(name: str, code: str) -> None:
        names.append(name)
        (tmp_path / f"{name}.py").write_text(code)
        info = tmp_path / f"{name}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[resnet_lens.anatomies]\n{name} = {name}:find\n")
        importlib.invalidate_caches()

    yield installing
    for name in names:
        sys.modules.pop(name, None)


def picture() -> torch.Tensor:
    return torch.randn((1, 3, 64, 64), generator=torch.Generator().manual_seed(2))


def test_an_installed_package_brings_a_family(install: Callable[[str, str], None]) -> None:
    network = seeded(Answering)()
    with pytest.raises(InputError, match="has no stages"):
        lens.inspect(network, picture())
    install("their_anatomy", ADAPTER)
    by_names = lens.describe(network, ["body.a", "body.b", "body.c"], logits="head")
    with untouched(network):
        inspection, expected = lens.inspect(network, picture(), 1), lens.inspect(by_names, picture(), 1)
    assert [record.label for record in inspection.blocks] == ["body.a", "body.b", "body.c"]
    np.testing.assert_array_equal(inspection.logits, expected.logits)
    np.testing.assert_array_equal(inspection["body.b"].cam, expected["body.b"].cam)
    assert fitting_report(network, picture()).fits
    close = lens.without_blocks(network, ["body.c"])(picture()), lens.without_blocks(by_names, ["body.c"])(picture())
    torch.testing.assert_close(*close)


def test_a_family_that_is_known_here_asks_no_package(install: Callable[[str, str], None]) -> None:
    install("broken_anatomy", BROKEN)
    for network in (torchvisions()(), written(Residual)()):
        lens.inspect(network, picture())


@pytest.mark.parametrize(
    ("code", "words"), [(BROKEN, "fails on a Answering"), (WRONG, "returns a list, not what `describe` gives")]
)
def test_a_package_that_does_not_do_its_part_is_named(install: Callable[[str, str], None], code: str, words: str) -> None:
    install("broken_anatomy", code)
    with pytest.raises(InputError, match=rf"^The anatomy plug-in 'broken_anatomy' {words}[^\n]*$"):
        lens.inspect(seeded(Answering)(), picture())


def test_a_package_that_cannot_be_imported_is_named(install: Callable[[str, str], None]) -> None:
    install("broken_anatomy", "import no_such_module")
    with pytest.raises(InputError, match=r"^The anatomy plug-in 'broken_anatomy' fails on a Answering: [^\n]*$"):
        lens.inspect(seeded(Answering)(), picture())
