"""Do the degradation figures say what was measured? Judged by tables small enough to reckon by hand."""

from __future__ import annotations

import pandas as pd
import pytest

from dashboard.figures.colours import of_depth, of_network
from dashboard.figures.degradation import degradation_curves, end_points, is_it_overfitting, over_seeds, size_changes
from resnet_core.runs import mean_final_errors

PAPER = {"resnet20": 8.75, "resnet56": 6.97}


def run(layers: int, residual: bool, seed: int, train: float, test: float) -> pd.DataFrame:
    """Two recorded steps of a run of 100 iterations that took two minutes: 90 % error half-way, then the given ends."""
    name = f"{'resnet' if residual else 'plain'}{layers}-cifar"
    rows = []
    for split, end in (("train_batches", train), ("test", test), ("train", train)):
        rows += [{"step": 50, "split": split, "value": 90.0}] if split != "train" else []
        rows += [{"step": 100, "split": split, "value": end}]
    table = pd.DataFrame(rows).assign(metric="error_percent", block=None)
    block = {"step": 50, "split": "train_batches", "metric": "gradient_norm", "block": "conv2_1", "value": 0.5}
    facts = {
        "run": f"{name}-seed{seed}",
        "network": name,
        "layers": layers,
        "residual": residual,
        "batch_norm": True,
        "seed": seed,
    }
    return pd.concat([table, pd.DataFrame([block])]).assign(**facts, iterations=100, seconds=120.0, epoch=0.0)


def study(
    plain: tuple[float, float] = (30.0, 60.0), residual: tuple[float, float] = (20.0, 10.0), gap: float = 1.0
) -> pd.DataFrame:
    """Two seeds two points apart; the test error lies `gap` above the training error."""
    return pd.concat(
        run(layers, is_residual, seed, train + 2 * seed, train + 2 * seed + gap)
        for is_residual, ends in ((False, plain), (True, residual))
        for layers, train in zip((20, 56), ends, strict=True)
        for seed in (0, 1)
    )


def test_mean_band_and_clock_by_hand() -> None:
    found = over_seeds(study(), "test").set_index(["network", "step"])
    assert len(found) == 8
    last = found.loc[("plain56-cifar", 100)]
    assert (last["mean"], last.low, last.high, last.n, last.minutes) == (62.0, 61.0, 63.0, 2, 2.0)
    assert found.loc[("plain56-cifar", 50)].minutes == 1.0


def test_a_mean_ends_where_the_last_seed_ends() -> None:
    table = study()
    late = table[~((table.run == "plain56-cifar-seed1") & (table.step == 100))]
    found = over_seeds(late, "test")
    assert found[found.network == "plain56-cifar"].step.tolist() == [50]
    assert found[found.network == "plain20-cifar"].step.tolist() == [50, 100]


def test_the_end_is_the_last_iteration_with_the_sample_sd() -> None:
    ends = mean_final_errors(study()).set_index(["network", "split"])
    row = ends.loc[("resnet20-cifar", "train")]
    assert (row["mean"], row.n) == (21.0, 2)
    assert row.sd == pytest.approx(2**0.5)
    unfinished = study()
    unfinished = unfinished[unfinished.step < 100]
    assert mean_final_errors(unfinished).empty


@pytest.mark.parametrize(("residual", "names"), [(False, {"plain-20", "plain-56"}), (True, {"ResNet-20", "ResNet-56"})])
def test_what_was_asked_for_is_drawn(residual: bool, names: set[str]) -> None:
    for shown, words in (("both", ["test", "training"]), ("training", ["training"]), ("test", ["test"])):
        lines = [trace for trace in degradation_curves(study(), residual, shown).data if trace.fill is None]
        assert {trace.name for trace in lines} == {f"{name}, {word}" for name in names for word in words}
    minutes = degradation_curves(study(), residual, axis="minutes")
    assert {max(trace.x) for trace in minutes.data} == {2.0}


def test_both_kinds_have_one_scale() -> None:
    plain, residual = (degradation_curves(study(), kind) for kind in (False, True))
    assert plain.layout.yaxis.range == residual.layout.yaxis.range
    assert plain.layout.xaxis.range == residual.layout.xaxis.range
    assert plain.layout.yaxis.range[1] > 63


def test_the_paper_is_marked_where_it_belongs() -> None:
    def marks(residual: bool, shown: str) -> list[list[float]]:
        return [
            list(trace.y)
            for trace in degradation_curves(study(), residual, shown, paper=PAPER).data
            if "paper" in (trace.name or "")
        ]

    assert marks(True, "both") == marks(True, "test") == [[8.75] * 2, [6.97] * 2]
    assert marks(True, "training") == marks(False, "both") == []


def test_a_band_holds_every_seed() -> None:
    bands = [trace for trace in degradation_curves(study(), True, "test").data if trace.fill == "toself"]
    assert sorted((min(trace.y), trace.y[1]) for trace in bands) == [(11.0, 13.0), (21.0, 23.0)]
    one = study()
    assert not [trace for trace in degradation_curves(one[one.seed == 0], True, "test").data if trace.fill == "toself"]


def test_labels_stay_apart_and_name_the_value() -> None:
    close = degradation_curves(study(plain=(30.0, 30.5)), False, "test")
    first, second = close.layout.annotations
    assert "plain-20 <b>32.0</b>" in first.text
    assert abs(first.y - second.y) > 0.05 * close.layout.yaxis.range[1]


def test_depth_is_lightness() -> None:
    shades = [of_depth(True, n, [20, 32, 56]) for n in (20, 32, 56)]
    light = [sum(int(part) for part in shade.removeprefix("rgb(").rstrip(")").split(",")) for shade in shades]
    assert light[0] > light[1] > light[2]
    assert of_depth(True, 56, [56]) == of_network(True)


def test_end_points_are_those_of_the_table() -> None:
    figure = end_points(study(), paper=PAPER)
    by_name = {trace.name: trace for trace in figure.data}
    assert list(by_name["plain, training"].y) == [31.0, 61.0]
    assert list(by_name["plain, training"].error_y.array) == pytest.approx([2**0.5, 2**0.5])
    assert list(by_name["residual, test: the paper, Table 6"].y) == [8.75, 6.97]
    assert "the paper" not in " ".join(trace.name for trace in end_points(study()).data)


@pytest.mark.parametrize(
    ("plain", "residual", "gap", "said"),
    [
        ((30.0, 60.0), (20.0, 10.0), 1.0, ("**No.** plain-56", "ResNet-56 is better than ResNet-20 on its training images, and")),
        ((30.0, 60.0), (20.0, 40.0), 1.0, ("**No.** plain-56", "**Not overfitting**")),
        ((30.0, 31.0), (20.0, 20.0), 1.0, ("equally well", "equally well")),
    ],
)
def test_the_answer_follows_from_the_numbers(plain, residual, gap, said) -> None:
    for found, expected in zip(is_it_overfitting(study(plain, residual, gap)).split("\n\n"), said, strict=True):
        assert expected in found
    assert "Training error 31.0 % at 20 layers" in is_it_overfitting(study((30.0, 60.0)))


def test_one_seed_gives_no_verdict() -> None:
    said = is_it_overfitting(pd.concat([run(20, False, 0, 20.0, 25.0), run(56, False, 0, 60.0, 70.0)]))
    assert said.startswith("One seed gives no verdict. plain-56 has a training error of 60.0 %, plain-20 of 20.0 %")


def test_overfitting_is_called_so_where_it_is() -> None:
    table = pd.concat(
        [run(20, False, seed, 20.0, 25.0) for seed in (0, 1)] + [run(56, False, seed, 5.0, 35.0) for seed in (0, 1)]
    )
    assert "**Yes, for plain-56**" in is_it_overfitting(table)


def test_one_depth_answers_nothing() -> None:
    assert is_it_overfitting(run(20, True, 0, 5.0, 9.0)) == ""


def test_the_end_points_are_those_of_the_chosen_error() -> None:
    for shown, names in (("training", {"plain, training", "residual, training"}), ("test", {"plain, test", "residual, test"})):
        assert {trace.name for trace in end_points(study(), shown).data} == names
    assert "the paper" not in " ".join(trace.name for trace in end_points(study(), "training", PAPER).data)


def test_where_images_grow_is_said() -> None:
    assert size_changes([((1600, 32),), ((1600, 32),)]) == ""
    said = size_changes([((1700, 48), (450, 64), (50, 128)), ((1700, 48), (450, 64), (50, 128))])
    assert said.startswith(
        "The images have 48 pixels up to iteration 1,700, then 64 pixels up to iteration 2,150, then 128 pixels up to iteration "
        "2,200;"
    )
    assert "\n" not in said
