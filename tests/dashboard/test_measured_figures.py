"""Do the figures of the measurements say what was measured? Judged by tables small enough to reckon by hand."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from dashboard.figures import initialisation, trained

KIND = {"layers": 20, "residual": True, "batch_norm": True}


def test_a_geometric_mean_over_seeds_and_the_place_from_0_to_1() -> None:
    rows = [
        {**KIND, "seed": seed, "place": place, "gradient_norm": 10.0 ** (seed * place)} for seed in (0, 2) for place in (1, 2, 3)
    ]
    rows += [{**KIND, "seed": 5, "place": 2, "gradient_norm": math.inf}, {**KIND, "seed": 6, "place": 2, "gradient_norm": 0.0}]
    found = initialisation.over_blocks(pd.DataFrame(rows), "gradient_norm")
    assert found.part.tolist() == [0, 0.5, 1]
    assert found.value.tolist() == pytest.approx([10, 100, 1000])
    figure = initialisation.signal_and_gradient(pd.DataFrame(rows), "gradient_norm")
    (line,) = [trace for trace in figure.data if trace.x[0] is not None]
    assert list(line.y) == pytest.approx([10, 100, 1000])
    assert figure.layout.annotations[0].text == "residual, batch norm"


def test_the_correlation_is_the_images_at_the_nearest_angle() -> None:
    rows = [
        {
            **KIND,
            "seed": seed,
            "block": block,
            "radians": angle,
            "correlation": angle * (seed + 1) * (1 if block == "image" else 9),
        }
        for seed in (0, 1)
        for block in ("image", "conv2_1")
        for angle in (0.1, 0.2)
    ]
    found = initialisation.at_angle(pd.DataFrame(rows), 0.17)
    assert found.radians.tolist() == [0.2]
    assert found[["mean", "min", "max"]].iloc[0].tolist() == pytest.approx([0.3, 0.2, 0.4])
    figure = initialisation.shattered_gradients(pd.DataFrame(rows), 0.2)
    assert list(figure.data[0].error_y.array) == pytest.approx([0.1])


def lesions() -> pd.DataFrame:
    fixed = {"layers": 20, "residual": False}
    rows = [
        {**fixed, "lesion": "none", "blocks": "", "count": 0, "reestimated": again, "error_percent": 10.0}
        for again in (False, True)
    ]
    for again in (False, True):
        rows += [
            {
                **fixed,
                "lesion": "one removed",
                "blocks": name,
                "count": 1,
                "reestimated": again,
                "error_percent": value / (1 + again),
            }
            for name, value in (("conv2_1", 80.0), ("conv2_2", 40.0))
        ]
        rows += [
            {**fixed, "lesion": "several removed", "blocks": "x", "count": 2, "reestimated": again, "error_percent": value}
            for value in (50.0, 70.0)
        ]
        rows += [{**fixed, "lesion": "exchanged", "blocks": "x", "count": 1, "reestimated": again, "error_percent": 30.0}]
    return pd.DataFrame(rows)


def test_lesions_by_hand() -> None:
    found = trained.lesion_summary(lesions()).set_index(["lesion", "reestimated"])
    assert found.loc[("one removed", False), "mean"] == 60
    assert found.loc[("one removed", True), "mean"] == 30
    assert found.loc[("several removed", False), "std"] == pytest.approx(200**0.5)
    one = {trace.name: list(trace.y) for trace in trained.single_lesions(lesions()).data}
    assert one == {"plain-20": [80, 40], "plain-20, statistics anew": [40, 20]}
    many = trained.many_lesions(lesions())
    assert [list(trace.x) for trace in many.data] == [[0, 1, 2], [0, 1, 2], [0, 1], [0, 1]]


def test_paths_are_binomial_and_shares_sum_to_one() -> None:
    table = pd.DataFrame({"layers": 8, "length": [0, 1, 1, 2], "draw": [0, 0, 1, 0], "gradient_norm": [8.0, 3.0, 5.0, 1.0]})
    found = trained.path_lengths(table)
    assert found.paths.tolist() == [0.25, 0.5, 0.25]
    assert found.gradient_norm.tolist() == [8, 4, 1]
    assert found.effective.tolist() == pytest.approx([2 / 4.25, 2 / 4.25, 0.25 / 4.25])
    assert len(trained.path_gradients(table).data) == 3


def test_landscapes_share_one_scale() -> None:
    steps = np.linspace(-1, 1, 3)
    tables = [
        pd.DataFrame(
            [
                {"layers": layers, "residual": True, "directions": "0 and 1", "statistics": "stored", "alpha": a, "beta": b,
                 "loss": scale * (1 + a * a + 2 * b * b), "error_percent": 0.0}
                for a in steps for b in steps
            ]
        )
        for layers, scale in ((20, 1.0), (56, 10.0))
    ]  # fmt: skip
    figure = trained.loss_landscapes(pd.concat(tables))
    first, second = figure.data
    assert np.allclose(np.array(second.z) - np.array(first.z), 1)
    assert np.array(first.customdata)[2, 0] == pytest.approx(4)  # beta 1, alpha -1
    assert np.array(first.customdata)[1, 2] == pytest.approx(2)  # beta 0, alpha 1
    assert (figure.layout.coloraxis.cmin, figure.layout.coloraxis.cmax) == (0, pytest.approx(math.log10(40)))


def test_similarity_is_in_forward_order() -> None:
    names = ["conv2_9", "conv2_10", "conv3_1"]
    rows = [
        {"layers": 20, "residual": True, "other": "itself", "block": a, "other_block": b, "cka": i + j / 10}
        for i, a in enumerate(names)
        for j, b in enumerate(names)
    ]
    figure = trained.block_similarity(pd.DataFrame(rows), 20, True)
    assert list(figure.data[0].y) == list(figure.data[0].x) == names
    assert np.allclose(figure.data[0].z, [[0, 0.1, 0.2], [1, 1.1, 1.2], [2, 2.1, 2.2]])


def test_responses_are_means_over_seeds() -> None:
    table = pd.DataFrame(
        {"layers": 20, "residual": False, "seed": [0, 0, 1, 1], "place": [1, 2, 1, 2], "response_sd": [1, 2, 3, 4.0]}
    )
    (line,) = trained.layer_responses(table).data
    assert list(line.y) == [2, 3]
    assert line.name == "plain-20"
