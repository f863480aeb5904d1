"""Do the agreement, the ends of the depth study and the pilots say what was measured? Judged by tables made by hand."""

from __future__ import annotations

import math

import pandas as pd
import pytest

from dashboard.figures.agreement import agreement_by_depth, by_depth
from dashboard.figures.initialisation import ends_of_depth, over_blocks
from dashboard.figures.pair import by_rate, rates_of_pair
from dashboard.findings.numbers import plain_decimal

KIND = {"layers": 20, "residual": False, "batch_norm": True}


def test_the_median_layer_over_seeds_leaves_out_the_whole_and_what_is_no_number() -> None:
    rows = [
        {**KIND, "seed": seed, "layer": layer, "cosine": cosine + seed}
        for seed in (0.0, 0.2)
        for layer, cosine in (("all", 0.9), ("a", 0.1), ("b", 0.2), ("c", 0.7), ("d", math.nan))
    ]
    found = by_depth(pd.DataFrame(rows))
    assert found[["mean", "min", "max"]].iloc[0].tolist() == pytest.approx([0.3, 0.2, 0.4])
    figure = agreement_by_depth(pd.DataFrame(rows))
    assert list(figure.data[0].y) == pytest.approx([0.3])
    assert list(figure.data[0].error_y.arrayminus) == pytest.approx([0.1])


def flow(first: float) -> pd.DataFrame:
    norms = [(1, first), (2, first / 10 if math.isfinite(first) else 100.0), (3, 1.0)]
    return pd.DataFrame(
        [{**KIND, "seed": seed, "place": place, "gradient_norm": norm} for seed in (0, 1) for place, norm in norms]
    )


def test_a_first_block_that_overflowed_is_not_replaced_by_the_next_one() -> None:
    assert ends_of_depth(flow(50.0))[["first", "last"]].iloc[0].tolist() == pytest.approx([50.0, 1.0])
    assert ends_of_depth(flow(math.inf))["first"].tolist() == [math.inf]
    part = over_blocks(flow(math.inf), "gradient_norm").part
    assert part.tolist() == [0.5, 1.0], "the second of three blocks stands in the middle, not at the beginning"


def test_the_pilots_are_told_apart_by_the_rate_in_their_names() -> None:
    rows = [
        {
            "run": f"{network}-seed0", "network": network, "residual": network.startswith("resnet"), "split": "train_batches",
            "metric": "error_percent", "block": None, "step": step, "value": 90.0 - step / 10,
        }
        for network in ("plain34-rate-0.0125", "resnet34-rate-0.1")
        for step in (50, 100)
    ]  # fmt: skip
    found = by_rate(pd.DataFrame(rows))
    assert found.groupby("residual").rate.first().to_dict() == {False: 0.0125, True: 0.1}
    assert found.error_percent.tolist() == [85.0, 82.5] * 2, "a running mean"
    assert [trace.name for trace in rates_of_pair(pd.DataFrame(rows)).data] == ["0.0125", "0.1"]


def test_a_zero_has_no_sign() -> None:
    assert [plain_decimal(value) for value in (-0.0001, 0.0, -0.0006)] == ["0.000", "0.000", "-0.001"]
