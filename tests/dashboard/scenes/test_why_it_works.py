"""Do Lesion, Landscape, Likeness and Myths say what the run tables say? Each number against a few lines of its own reckoning."""

from __future__ import annotations

import json
import math
import re
from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd
import pytest

from dashboard.scenes.landscape import landscape_scene
from dashboard.scenes.lesion import blocks_of, lesion_scene
from dashboard.scenes.likeness import likeness_scene
from dashboard.scenes.myth import Studies, Verdict, fold, signed
from dashboard.scenes.myths import WORDS, myths_scene
from dashboard.scenes.six_myths import MYTHS
from tests.support.scenes import ROOT, shipped

RUNS = ROOT / "assets/studies"


@cache
def studies() -> Studies:
    return {name: shipped(name) for name in dict.fromkeys(name for myth in MYTHS.values() for name in myth.studies)}


@cache
def paper() -> dict:
    return json.loads((ROOT / "assets/reference/he2015.json").read_text())


def measured(folder: str) -> pd.DataFrame:
    return pd.read_parquet(RUNS / folder / "measured.parquet")


def ends(pattern: str, metric: str = "error_percent", split: str = "train_batches") -> pd.Series:
    """The last value of every run whose folder fits, by seed."""
    found = {}
    for folder in sorted(RUNS.glob(pattern)):
        table = pd.read_parquet(folder / "metrics.parquet")
        part = table[(table.metric == metric) & (table.split == split) & table.block.isna()]
        found[int(folder.name.rsplit("seed", 1)[1])] = part.sort_values("step").value.iloc[-1]
    return pd.Series(found)


def numbers(text: str) -> list[float]:
    return [float(number) for number in re.findall(r"(?<![\w.-])\d+(?:\.\d+)?", text)]


def test_the_damage_of_one_block_is_that_of_the_run_table() -> None:
    expected = []
    for name in ("resnet56", "plain56"):
        table = measured(f"lesion-x0.025/{name}-cifar-seed0")
        table = table[table.reestimated]
        whole = table[table.lesion == "none"].error_percent.item()
        damage = (table[table.lesion == "one removed"].error_percent - whole) / (90 - whole)
        expected += [round(100 * damage.mean()), round(100 * damage.std())]
    answer = lesion_scene(shipped("lesion-x0.025"), True, None).answer
    assert [int(n) for n in re.findall(r"(\d+) ± (\d+) %", answer) for n in n] == expected


def test_stored_statistics_are_the_other_numbers_and_come_only_when_asked_for() -> None:
    study = shipped("lesion-x0.025")
    fair, stored = lesion_scene(study, True, None), lesion_scene(study, False, None)
    assert fair.answer != stored.answer
    table = measured("lesion-x0.025/resnet56-cifar-seed0")
    errors = table[(table.lesion == "one removed") & ~table.reestimated].error_percent.tolist()
    numbers_shown = stored.exhibits[0].numbers()
    assert numbers_shown[numbers_shown.network == "resnet56-cifar"].error_percent.tolist() == errors


@pytest.mark.parametrize("block", ["conv2_1", "conv4_1", "conv4_9"])
def test_a_missing_block_is_answered_with_its_errors(block: str) -> None:
    answer = lesion_scene(shipped("lesion-x0.025"), True, block).answer
    for name in ("resnet56", "plain56"):
        table = measured(f"lesion-x0.025/{name}-cifar-seed0")
        table = table[table.reestimated]
        error, whole = (
            table[table[column] == value].error_percent.iloc[0] for column, value in (("blocks", block), ("lesion", "none"))
        )
        assert f"is wrong on {error:.1f} % instead of {whole:.1f} %" in answer


def test_a_study_of_residual_networks_alone_has_a_scene() -> None:
    study = shipped("lesion-x0.1")
    scene = lesion_scene(study, True, None)
    assert "plain" not in scene.answer
    assert len(blocks_of(study)) == 27


@pytest.mark.parametrize(("layers", "expected"), [(56, {"plain": (12, 0.079), "resnet": (1, 0.026)}), (20, {})])
def test_minima_and_bends_are_those_of_the_run_table(layers: int, expected: dict[str, tuple[int, float]]) -> None:
    said = []
    for kind in ("plain", "resnet"):
        table = measured(f"landscape-x0.025/{kind}{layers}-cifar-seed0")
        table = table[(table.statistics == "batch") & (table.directions == "0 and 1")]
        z = table.pivot(index="beta", columns="alpha", values="loss").to_numpy()
        inside = [(i, j) for i in range(1, len(z) - 1) for j in range(1, len(z) - 1)]
        minima = sum(z[i, j] == z[i - 1 : i + 2, j - 1 : j + 2].min() for i, j in inside)
        bend = np.median([abs(z[i + 1, j] + z[i - 1, j] + z[i, j + 1] + z[i, j - 1] - 4 * z[i, j]) for i, j in inside])
        assert expected.get(kind, (minima, round(bend, 3))) == (minima, round(bend, 3))
        said.append((minima, bend))
    scene = landscape_scene(shipped("landscape-x0.025"), layers, 45, why=False)
    assert [numbers(exhibit.message.split(":")[1])[0] for exhibit in scene.exhibits[:2]] == [minima for minima, _ in said]
    assert [f"{bend:.3f}" in scene.exhibits[3].message for _, bend in said] == [True, True]


def test_surfaces_side_by_side_have_one_scale_of_heights_and_colours() -> None:
    plain, residual = (each.figure for each in landscape_scene(shipped("landscape-x0.025"), 56, 45, why=False).main)
    assert plain.layout.scene == residual.layout.scene
    assert {(figure.data[0].cmin, figure.data[0].cmax) for figure in (plain, residual)} == {tuple(plain.layout.scene.zaxis.range)}
    lowest, highest = (choose(float(choose(figure.data[0].z.ravel())) for figure in (plain, residual)) for choose in (min, max))
    assert tuple(plain.layout.scene.zaxis.range) == (lowest, highest)


def test_the_artefact_is_shown_when_asked_for_with_its_heights() -> None:
    study = shipped("landscape-x0.025")
    assert "landscape-stored" not in [each.key for each in landscape_scene(study, 56, 45, why=False).exhibits]
    stored = landscape_scene(study, 56, 45, why=True).exhibits[-1]
    table = pd.concat(measured(f"landscape-x0.025/{kind}56-cifar-seed0") for kind in ("plain", "resnet"))
    highest = table[table.statistics == "stored"].groupby("directions").loss.max()
    for value in highest:
        assert f"{value / 10 ** math.floor(math.log10(value)):.1f} × 10" in stored.message


def test_likeness_to_another_seed_is_that_of_the_run_table() -> None:
    answer = likeness_scene(shipped("similarity-x0.025"), 56, "seed", "conv3_5").answer
    for kind in ("plain", "resnet"):
        table = measured(f"similarity-x0.025/{kind}56-cifar-seed0")
        equal = table[(table.other == "another seed") & (table.block == table.other_block)].cka
        assert f"{equal.mean():.2f} ± {equal.std():.2f}" in answer


@pytest.mark.parametrize("other", ["seed", "twin", "itself"])
@pytest.mark.parametrize("layers", [20, 56])
def test_every_comparison_has_a_scene_whose_profile_is_the_clicked_row(layers: int, other: str) -> None:
    scene = likeness_scene(shipped("similarity-x0.025"), layers, other, "conv3_2")
    for exhibit, line in zip(scene.main, scene.exhibits[2].figure.data, strict=True):
        map_ = exhibit.figure.data[0]
        assert list(line.y) == list(map_.z[list(map_.y).index("conv3_2")])
        assert (map_.zmin, map_.zmax) == (0, 1)


def revealed(key: str, said: Verdict = "true") -> str:
    scene = myths_scene(key, {key: said}, studies(), paper())
    found = MYTHS[key].measure(MYTHS[key], studies(), paper())
    assert f"measured: {WORDS[found.verdict]}" in scene.answer
    return " ".join((scene.main[0].message, found.true_when, found.false_when))


def test_vanishing_gradients_are_those_of_new_networks() -> None:
    ratios = {}
    for name in ("plain110-cifar", "plain110-cifar-without-bn", "plain20-cifar", "plain20-cifar-without-bn"):
        norms = [measured(f"depth/{name}-seed{seed}").gradient_norm for seed in range(3)]
        ratios[name] = math.prod(each.iloc[0] / each.iloc[-1] for each in norms) ** (1 / 3)
    said = revealed("vanishing")
    assert f"grows {fold(ratios['plain110-cifar'])}" in said
    assert f"fades {fold(1 / ratios['plain110-cifar-without-bn'])} without" in said
    assert f"grows {fold(ratios['plain20-cifar'])} at 20 layers" in said
    assert f"fades {fold(1 / ratios['plain20-cifar-without-bn'])} at 20 layers" in said
    assert MYTHS["vanishing"].measure(MYTHS["vanishing"], studies(), paper()).verdict == "depends"


def test_overfitting_is_judged_by_the_training_digits_of_ten_seeds() -> None:
    deep, shallow = ends("race/plain56-cifar-seed*"), ends("race/plain20-cifar-seed*")
    assert len(deep) == len(shallow) == 10
    said = revealed("overfitting")
    assert f"plain-56 errs on {deep.mean():.1f} ± {deep.std():.1f} %" in said
    assert f"plain-20 on {shallow.mean():.1f} ± {shallow.std():.1f} %" in said
    least = int(re.search(r"by (\d+) points or more", said)[1])  # type: ignore[index]
    assert least <= deep.min() - shallow.max() < least + 1
    assert "false" in WORDS[MYTHS["overfitting"].measure(MYTHS["overfitting"], studies(), paper()).verdict]


def test_batch_norm_is_judged_by_three_seeds_with_and_without_it() -> None:
    plain, twin, bare = (
        ends(f"gradients/{name}-seed*") for name in ("plain56-cifar", "resnet56-cifar", "plain56-cifar-without-bn")
    )
    said = revealed("batch-norm")
    for values in (plain, twin, bare):
        assert f"{values.mean():.1f} ± {values.std():.1f} %" in said
    least = int(re.search(r"is (\d+) points or more", said)[1])  # type: ignore[index]
    assert least <= plain.min() - twin.max() < least + 1


def test_more_layers_are_judged_by_paired_seeds_and_one_seed_gives_no_verdict() -> None:
    said = revealed("more-layers")
    for kind in ("plain", "resnet"):
        gap = ends(f"figure6-x0.025/{kind}56-cifar-seed*", split="train") - ends(
            f"figure6-x0.025/{kind}20-cifar-seed*", split="train"
        )
        assert f"{signed(gap.mean())} ± {gap.std():.1f}" in said
    late = [ends(f"figure6-x0.2/resnet{n}-cifar-seed*", split="train").item() for n in (20, 56)]
    assert f"{signed(late[1] - late[0])} points (1 seed)" in said
    study = studies()["figure6-x0.025"]
    table = study.table.copy()
    table.loc[(table.layers == 56) & (table.metric == "error_percent"), "value"] = 0.0  # depth helps in all three seeds
    helped = {**studies(), "figure6-x0.025": replace(study, table=table)}  # and harms in the one seed of the longer trainings
    assert MYTHS["more-layers"].measure(MYTHS["more-layers"], helped, paper()).verdict == "depends"


def test_f_is_judged_by_the_median_block_of_three_seeds() -> None:
    said = revealed("small-f")
    for name in ("resnet20", "resnet56"):
        medians = []
        for seed in range(3):
            table = pd.read_parquet(RUNS / f"figure6-x0.025/{name}-cifar-seed{seed}/metrics.parquet")
            table = table[table.metric == "response_sd"]
            medians.append(table[table.step == table.step.max()].value.median())
        assert f"{np.mean(medians):.2f} ± {np.std(medians, ddof=1):.2f}" in said


def test_an_ensemble_is_judged_by_the_lengths_of_its_gradients_paths() -> None:
    said = revealed("ensemble")
    for n, blocks in ((20, 9), (56, 27)):
        norms = measured(f"paths-x0.1/resnet{n}-cifar-seed0").groupby("length").gradient_norm.mean()
        weights = np.array([math.comb(blocks, k) for k in range(blocks + 1)]) * norms
        length = (weights * norms.index).sum() / weights.sum()
        assert f"passes {length:.1f} blocks where the average path has {blocks / 2}" in said
        assert f"{length / (blocks / 2):.2f} (95 % interval" in said


@pytest.mark.parametrize("key", MYTHS)
def test_nothing_of_the_truth_is_there_before_the_prediction(key: str) -> None:
    others: dict[str, Verdict] = {other: "true" for other in MYTHS if other != key}
    page = myths_scene(key, others, studies(), paper()).to_html().split("</script>", 1)[1]  # without Plotly itself
    found = MYTHS[key].measure(MYTHS[key], studies(), paper())
    drawing = myths_scene(key, {key: "true"}, studies(), paper()).main[0].drawing
    values = json.loads(drawing)["data"]
    assert found.message not in page
    assert found.true_when not in page
    assert found.false_when not in page
    assert found.caption not in page
    assert values
    assert all(json.dumps(trace["y"]) not in page for trace in values)
    assert '"data": []' in page


@pytest.mark.parametrize(
    ("deep", "shallow", "verdict"), [((30, 40), (1, 2), "false"), ((1, 2), (30, 40), "true"), ((1, 40), (2, 30), "depends")]
)
def test_a_verdict_needs_a_difference_larger_than_the_spread_over_seeds(
    deep: tuple[float, float], shallow: tuple[float, float], verdict: str
) -> None:
    study = studies()["race"]
    table = study.table[study.table.seed < 2].copy()
    last = (table.split == "train_batches") & (table.metric == "error_percent") & (table.step == table.iterations)
    for layers, values in ((56, deep), (20, shallow)):
        for seed, value in enumerate(values):
            table.loc[last & (table.layers == layers) & ~table.residual & (table.seed == seed), "value"] = float(value)
    doctored = {**studies(), "race": replace(study, table=table)}
    assert MYTHS["overfitting"].measure(MYTHS["overfitting"], doctored, paper()).verdict == verdict


def test_the_score_counts_what_was_judged() -> None:
    said: dict[str, Verdict] = {"vanishing": "depends", "overfitting": "true"}
    scene = myths_scene("overfitting", said, studies(), paper())
    assert "agree with the measurement on 1 of 2 sentences" in scene.answer
    assert "0 of 6 sentences are judged" in myths_scene("ensemble", {}, studies(), paper()).answer


def test_no_folder_or_run_is_named_on_the_pages() -> None:
    scenes = [
        lesion_scene(shipped("lesion-x0.025"), True, None), landscape_scene(shipped("landscape-x0.025"), 56, 45, why=True),
        likeness_scene(shipped("similarity-x0.025"), 56, "seed", "conv3_5"),
        *(myths_scene(key, {key: "true"}, studies(), paper()) for key in MYTHS),
    ]  # fmt: skip
    folders = [path.name for path in RUNS.iterdir() if "-x" in path.name]
    for scene in scenes:
        texts = [scene.answer, scene.does_not_show, *scene.provenance]
        texts += [text for each in scene.exhibits for text in (each.message, each.caption, each.provenance)]
        assert not [text for text in texts for name in (*folders, "-cifar", "seed0") if name in text]
