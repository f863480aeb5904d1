"""Is one row all that a method of attribution needs? Each row is walked from its function to the page's figure."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from dashboard.figures.attribution import attribution_map, limit_of
from dashboard.figures.colours import OF_METHOD, PLAIN, RESIDUAL
from dashboard.figures.trust import similarity
from dashboard.figures.trust import similarity_numbers as numbers
from dashboard.scenes.attribution import Evidence, method_exhibits
from dashboard.serving.answers import is_slow
from resnet_core.inspection.attribution import catalogue, methods
from resnet_core.inspection.attribution.catalogue import METHODS, Method
from resnet_core.inspection.attribution.methods import AttributionRun, attribute
from resnet_core.inspection.attribution.sanity_checks import randomisation_test
from tests.support.networks import NETWORKS, picture

every_method = pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)


@every_method
def test_a_row_says_all_that_is_asked_of_a_method(method: Method) -> None:
    assert METHODS[method.key] is method
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", method.key)
    assert method.title
    assert method.question.endswith("?")
    assert re.fullmatch(r"[A-Z].* (19|20)\d\d", method.source)
    assert 1 <= method.cost <= method.randomisation_cost
    assert callable(method.function)
    assert method.function.__module__ == methods.__name__


def test_no_two_rows_share_what_tells_them_apart() -> None:
    for values in (
        [method.title for method in METHODS.values()],
        [method.question for method in METHODS.values()],
        [method.function_name for method in METHODS.values()],
        [*OF_METHOD.values(), PLAIN, RESIDUAL],
    ):
        assert len(set(values)) == len(values)
    assert list(OF_METHOD) == list(METHODS)


@every_method
def test_a_method_has_its_figure_with_question_and_source(method: Method) -> None:
    found = attribute(NETWORKS["option A"](), picture(16, 16), method.key, 1)
    photograph = np.zeros((32, 32, 3), np.uint8)
    evidence = Evidence("ResNet", "resnet", "run", "tabby", 0.5, "'tabby'", found)
    (exhibit,) = method_exhibits([evidence], method.key, photograph, "a cat")
    assert exhibit.figure == attribution_map(found.values, photograph, limit_of(found.values), signed=method.key != "grad-cam")
    assert f"{method.question} ({method.source})" in exhibit.caption
    assert method.title in exhibit.message
    assert method.key in exhibit.code
    assert isinstance(is_slow(method.key), bool)


def test_a_method_that_is_added_as_a_row_and_a_function_works_everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    def brightness(run: AttributionRun) -> tuple[Tensor, None]:
        return run.image, None

    row = replace(METHODS["grad-cam"], key="brightness", title="Brightness", question="How bright?", function_name="brightness")
    monkeypatch.setattr(methods, "brightness", brightness, raising=False)
    monkeypatch.setitem(catalogue.METHODS, "brightness", row)
    network, image = NETWORKS["option A"](), picture(16, 16)
    found = attribute(network, image, "brightness")
    np.testing.assert_array_equal(found.values, image[0].sum(0))
    test = randomisation_test(network, image, "brightness", 1)
    assert test.absolute == pytest.approx(np.ones(len(test.layers)))
    torch.testing.assert_close(torch.from_numpy(test.maps[-1]), image[0].sum(0))
    monkeypatch.setitem(OF_METHOD, "brightness", "#5B7553")  # the next of the palette, which an import has already dealt
    assert [line.name for line in similarity(numbers([test]), "absolute").data] == ["Brightness"]
