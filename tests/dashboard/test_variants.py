from __future__ import annotations

from pathlib import Path

import numpy as np

from dashboard.figures.variants import rate_curves, shortcut_curves
from resnet_core import runs

STUDY = Path(__file__).parents[2] / "assets" / "studies" / "shortcuts-x0.025"
RUNS = {
    "no shortcuts": "plain20-cifar",
    "option A": "resnet20-cifar",
    "option B": "resnet20-cifar-B",
    "option C": "resnet20-cifar-C",
}


def test_a_line_an_option_is_the_mean_of_its_seeds_and_its_band_holds_them():
    table = runs.load(STUDY)
    figure = shortcut_curves(table)
    lines = {trace.name: trace for trace in figure.data if trace.name}
    bands = [trace for trace in figure.data if trace.fill == "toself"]
    assert list(lines) == list(RUNS)
    assert len({(trace.line.color, trace.line.dash) for trace in lines.values()}) == 4
    rows = table[(table.metric == "error_percent") & (table.split == "train_batches") & table.block.isna()]
    for (name, line), band in zip(lines.items(), bands, strict=True):
        seeds = rows[rows.network == RUNS[name]].pivot_table(index="step", columns="seed", values="value")
        assert seeds.shape[1] == 3
        np.testing.assert_array_equal(line.x, seeds.index)
        np.testing.assert_allclose(line.y, seeds.mean(axis=1))
        assert (max(band.y), min(band.y)) == (seeds.max(axis=None), seeds.min(axis=None))


def test_a_line_a_depth_and_rate():
    table = runs.load(STUDY.parent / "rates-x0.025")
    lines = {trace.name: trace for trace in rate_curves(table).data if trace.name}
    assert list(lines) == [f"{layers} layers, {rate}" for layers in (20, 56) for rate in ("0.1 at once", "0.02", "0.01 first")]
    assert len({(line.line.color, line.line.dash) for line in lines.values()}) == 6
    rows = table[(table.network == "resnet56-cifar-low-rate") & (table.split == "train_batches") & table.block.isna()]
    np.testing.assert_array_equal(lines["56 layers, 0.02"].y, rows[rows.metric == "error_percent"].sort_values("step").value)
    assert set(rows.recipe) == {"he2015-cifar-low-rate"}
