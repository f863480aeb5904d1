"""Do the recipes say what the paper and their words say?"""

from __future__ import annotations

import json
from dataclasses import asdict

import numpy as np
import pytest

from resnet_core.errors import InputError
from resnet_core.training.recipe import RECIPES, Phase, Recipe, recipe

COSINE = [how for how in RECIPES.values() if how.drops is None]


@pytest.mark.parametrize("how", COSINE, ids=lambda how: how.name)
def test_without_drops_the_learning_rate_rises_in_a_line_and_falls_along_half_a_cosine(how: Recipe) -> None:
    rates = np.array([how.learning_rate_at(i) for i in range(how.iterations)])
    top, falls = how.warm_up, how.iterations - how.warm_up
    np.testing.assert_allclose(rates[:top], how.learning_rate * np.arange(1, top + 1) / top)
    np.testing.assert_allclose(rates[top:], how.learning_rate * np.cos(np.pi / 2 * np.arange(falls) / falls) ** 2, atol=1e-12)
    assert rates.max() == how.learning_rate
    assert rates[-1] < 0.01 * how.learning_rate
    assert how.learning_rate_at(how.iterations) == pytest.approx(0, abs=1e-12)


def test_he2015_cifar_is_section_4_2_of_the_paper() -> None:
    how = recipe("he2015-cifar")
    assert (how.batch_size, how.momentum, how.weight_decay, how.pad, how.mirror) == (128, 0.9, 1e-4, 4, True)
    assert how.iterations == 64_000
    rates = [how.learning_rate_at(i) for i in (0, 31_999, 32_000, 47_999, 48_000, 63_999)]
    assert rates == pytest.approx([0.1, 0.1, 0.01, 0.01, 0.001, 0.001])


def test_the_recipe_of_resnet110_warms_up_at_a_hundredth_until_the_error_is_below_80_percent() -> None:
    how = recipe("he2015-cifar-110")
    assert how.warm_up_until == 80
    assert [how.learning_rate_at(i, 450) for i in (0, 449, 450, 32_000)] == pytest.approx([0.01, 0.01, 0.1, 0.01])
    assert [how.learning_rate_at(i) for i in (0, 31_999, 32_000, 48_000)] == pytest.approx([0.01, 0.01, 0.01, 0.001])
    assert {n for n in RECIPES if RECIPES[n].warm_up_rate is not None} == {"he2015-cifar-110"}


def test_he2015_imagenet_is_section_3_4_of_the_paper() -> None:
    how = recipe("he2015-imagenet")
    assert (how.batch_size, how.momentum, how.weight_decay, how.mirror) == (256, 0.9, 1e-4, True)
    assert (how.iterations, how.resolution, how.sides, how.colour) == (600_000, 224, (256, 480), 0.1)
    passes = 1_281_167 // 256  # iterations
    rates = [how.learning_rate_at(epoch * passes) for epoch in (0, 29, 31, 59, 61, 89, 91, 119)]
    assert rates == pytest.approx([0.1, 0.1, 0.01, 0.01, 0.001, 0.001, 0.0001, 0.0001])


def test_a_scale_multiplies_every_iteration_number_and_says_so() -> None:
    how = recipe("he2015-cifar").scaled(0.1)
    assert (how.iterations, how.drops, how.scale, how.evaluate_every) == (6400, (3200, 4800), 0.1, 100)
    assert how.learning_rate_at(3199) == 0.1
    assert how.learning_rate_at(3200) == pytest.approx(0.01)
    assert recipe("short").scaled(2).phases == (Phase(6800, 48), Phase(1800, 64), Phase(200, 128))
    assert recipe("short").scaled(1) is recipe("short")


@pytest.mark.parametrize("factor", [0, -1, float("nan"), float("inf"), 1e-9])
def test_a_scale_that_leaves_nothing_is_refused(factor: float) -> None:
    with pytest.raises(InputError, match=r"^[^\n]+ scale[^\n]*\.$"):
        recipe("quick").scaled(factor)


@pytest.mark.parametrize("how", [*RECIPES.values()], ids=lambda how: how.name)
def test_phases_follow_one_another(how: Recipe) -> None:
    sides = [side for phase in how.phases for side in [phase.resolution] * phase.iterations]
    assert [how.resolution_at(i) for i in range(how.iterations)] == sides
    assert how.iterations == len(sides)
    assert how.resolution == sides[-1]


def test_recipes_survive_json() -> None:
    for how in RECIPES.values():
        assert Recipe.from_fields(json.loads(json.dumps({**asdict(how), "iterations": how.iterations}))) == how


def test_an_unknown_recipe_is_answered_with_the_known_ones() -> None:
    assert recipe("short") is RECIPES["short"]
    with pytest.raises(InputError, match=r"^There is no recipe named 'long'; known are [^\n]*short[^\n]*\.$"):
        recipe("long")
    with pytest.raises(InputError, match=r"did you mean 'he2015-cifar'\?$"):
        recipe("he2015-cifr")
