"""Are the sample photographs what they are said to be? Judged by scikit-image's own words."""

from __future__ import annotations

import ast
import re
import socket
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from resnet_core.errors import InputError
from resnet_core.pictures.preprocess import square
from resnet_core.pictures.samples import SAMPLES, sample
from tests.support.pictures import assert_sentence

_PACKAGE = find_spec("skimage")
assert _PACKAGE is not None
assert _PACKAGE.submodule_search_locations is not None
FETCHERS = Path(_PACKAGE.submodule_search_locations[0]) / "data" / "_fetchers.py"


def documentation(file: str) -> str:
    """What scikit-image says of a file: the docstring of the function that loads it, without markup."""
    for node in ast.parse(FETCHERS.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef) and f"data/{file}" in ast.unparse(node):
            return " ".join(re.sub(r"[`<>]|__?$", " ", ast.get_docstring(node) or "", flags=re.MULTILINE).split())
    raise AssertionError(f"scikit-image documents no {file}")


@pytest.mark.parametrize("name", SAMPLES)
def test_a_sample_has_the_documented_shape_and_is_read_only(name: str) -> None:
    picture = sample(name)
    documented = re.search(r": \((\d+), (\d+)(?:, 3)?\) uint8", documentation(SAMPLES[name].file))
    assert documented is not None
    assert picture.shape == (int(documented[1]), int(documented[2]), 3)
    assert picture.std() > 20  # a photograph, not a blank
    with pytest.raises(ValueError, match="read-only"):
        picture[0, 0] = 0
    assert sample(name) is picture
    assert square(picture, 224).shape == (224, 224, 3)


@pytest.mark.parametrize("name", SAMPLES)
def test_a_sample_is_public_domain_in_scikit_images_own_words(name: str) -> None:
    shown, said = SAMPLES[name], documentation(SAMPLES[name].file)
    assert shown.name == name
    assert re.fullmatch(r"[a-z]+", name)
    assert shown.source in said
    assert re.search("CC0|public domain", shown.licence)
    without_links = re.sub(r" https?://\S+", "", said)
    assert shown.licence.rstrip(".") in without_links


def test_samples_need_no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a sample asked for the network")

    for name in ("socket", "create_connection", "getaddrinfo"):
        monkeypatch.setattr(socket, name, refuse)
    sample.cache_clear()
    assert {name: sample(name).ndim for name in SAMPLES} == dict.fromkeys(SAMPLES, 3)


def test_an_unknown_sample_is_refused_with_the_known_names() -> None:
    for name in ("dog", "../../etc/passwd", "", "x" * 5000, "two\nlines"):
        with pytest.raises(InputError) as caught:
            sample(name)
        assert_sentence(str(caught.value))
        assert "coffee, cat" in str(caught.value)


def test_importing_needs_neither_torch_nor_streamlit_nor_scikit_image() -> None:
    code = "import sys, resnet_core.pictures.decode; print(sorted({'torch', 'streamlit', 'skimage'} & set(sys.modules)))"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120, cwd=Path(__file__).parents[3]
    )
    assert result.stdout.strip() == "[]"
