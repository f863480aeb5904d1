"""Do gradients vanish, is F small, is it an ensemble? Three sentences, judged by what passes through the networks."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from dashboard.figures.lesion import damage
from dashboard.figures.myths import Column, columns
from dashboard.figures.style import network_name
from dashboard.scenes.myth import Measured, Myth, Paper, Studies, Verdict, fold, frame_of, spread

SHORTER = 0.75  # of the mean path: below it the gradient's paths count as clearly shorter
CHANCE = 90.0  # error of guessing one of ten classes, percent


def vanishing(myth: Myth, studies: Studies, _paper: Paper) -> Measured:
    """Measure how much of the last block's gradient arrives at the first, in new plain networks with and without batch norm."""
    table = studies["depth"].table
    table = table[~table.residual]
    ratios: dict[tuple[bool, int], list[float]] = {}
    overflowed = []
    for (batch_norm, layers), part in table.groupby(["batch_norm", "layers"]):
        by_block = part.pivot(index="place", columns="seed", values="gradient_norm").sort_index()
        found = [float(first / last) for first, last in zip(by_block.iloc[0], by_block.iloc[-1], strict=True)]
        if all(map(math.isfinite, found)):
            ratios[bool(batch_norm), int(layers)] = found
        else:
            overflowed.append(int(layers))
    order = sorted(ratios, key=lambda key: (not key[0], key[1]))
    shown = [
        Column(
            f"{layers:,} layers<br>{'' if normed else 'no '}batch norm", False, tuple(ratios[normed, layers]), hollow=not normed
        )
        for normed, layers in order
    ]
    means = {key: math.exp(np.log(values).mean()) for key, values in ratios.items()}
    grows = all(min(values) > 1 for (normed, _), values in ratios.items() if normed)
    fades = all(max(values) < 1 for (normed, _), values in ratios.items() if not normed)
    verdict: Verdict = "depends" if grows and fades else "true" if fades else "false"
    shallow = min(layers for _, layers in ratios)
    deep, deepest = (max(layers for batch_norm, layers in ratios if batch_norm == normed) for normed in (True, False))
    return Measured(
        verdict=verdict,
        message=f"In new plain networks of {deep} layers the gradient {'grows' if grows else 'changes'} "
        f"{fold(means[True, deep])} on its way "
        f"back with batch norm, and {'fades' if fades else 'changes'} {fold(1 / means[False, deep])} without",
        figure=columns(shown, myth.axis, log=True, line=1),
        numbers=frame_of(shown, "first_over_last"),
        caption="One dot a seed. Dashed: as strong at the first block as at the last; above it the gradient grows on its way "
        "back." + (f" With batch norm and {max(overflowed):,} layers it overflows single precision." if overflowed else ""),
        true_when=f"There is no batch norm: the gradient fades {fold(1 / means[False, shallow])} at {shallow} layers and "
        f"{fold(1 / means[False, deepest])} at {deepest:,}.",
        false_when=f"There is batch norm, as in the paper's plain networks: it grows {fold(means[True, shallow])} at {shallow} "
        "layers and "
        f"explodes {fold(means[True, deep])} at {deep}, as Yang et al. 2019 derive. That it does not vanish, the paper says "
        "too (section 4.1).",
    )


def f_is_small(myth: Myth, studies: Studies, _paper: Paper) -> Measured:
    """Measure the strength of F after training, beside what plain blocks compute and beside what the shortcut carries."""
    table = studies["figure6-x0.025"].table
    rows = table[table.metric == "response_sd"]
    # the median: the first blocks of plain-56 alone are several times as strong as all others
    medians = rows.groupby(["layers", "residual", "seed", "step"]).value.median().reset_index()
    start = float(medians[medians.step == medians.step.min()].value.mean())
    last = medians[medians.step == medians.step.max()]
    found = {(int(n), bool(residual)): part.value.tolist() for (n, residual), part in last.groupby(["layers", "residual"])}
    shown = [Column(network_name(*key), key[1], tuple(values)) for key, values in found.items()]
    depths = sorted({layers for layers, _ in found})
    smaller = all(max(found[n, True]) < min(found[n, False]) for n in depths)
    tiny = all(max(found[n, True]) < start / 10 for n in depths)
    verdict: Verdict = "true" if smaller and tiny else "depends" if smaller else "false"
    shares = {n: 100 * np.mean(found[n, True]) / np.mean(found[n, False]) for n in depths}
    deep, shallow = max(depths), min(depths)
    new = studies["depth"].table
    new = new[new.residual & new.batch_norm & (new.layers == deep)]
    carried = new[new.place == new.place.max() - 1].output_rms.tolist()  # what the last block is given
    return Measured(
        verdict=verdict,
        message=f"After training, F has a standard deviation of {spread(found[shallow, True], 2)} in "
        f"{network_name(shallow, True)} and "
        f"{spread(found[deep, True], 2)} in {network_name(deep, True)}, before it {start:.2f}",
        figure=columns(shown, myth.axis, line=start),
        numbers=frame_of(shown, "response_sd"),
        caption="Median over blocks, one dot a seed; dashed: before training, as batch norm sets it. Of plain networks: what "
        "their blocks "
        "compute instead of F.",
        true_when=f"“Small” means smaller than in the plain twin: "
        f"{' and '.join(f'{shares[n]:.0f} % at {n} layers' for n in depths)}. Or small "
        f"beside x far up in the network: before training the last block of {network_name(deep, True)} is given x of strength "
        f"{spread(carried, 2)} and adds F of {start:.2f}.",
        false_when=f"“Small” means nearly nothing: F keeps {100 * np.mean(found[shallow, True]) / start:.0f} and "
        f"{100 * np.mean(found[deep, True]) / start:.0f} % of the strength that batch norm gave it.",
    )


def path_interval(part: pd.DataFrame, resamples: int = 1000) -> tuple[float, float, float]:
    """Return the mean length of a path, weighted by gradient, over that of all paths: 2.5 %, value, 97.5 % over the draws.

    Args:
        part: of the study "paths", one network: length, draw, gradient_norm.
    """
    norms = [group.to_numpy() for _, group in part.groupby("length").gradient_norm]
    lengths = np.arange(len(norms))
    counts = np.array([float(math.comb(len(norms) - 1, k)) for k in lengths])

    def ratio(means: list[float]) -> float:
        weights = counts * means
        return float((weights * lengths).sum() / weights.sum() / lengths.mean())

    random = np.random.default_rng(0)
    again = [ratio([random.choice(group, len(group)).mean() for group in norms]) for _ in range(resamples)]
    low, high = np.percentile(again, [2.5, 97.5])
    return float(low), ratio([group.mean() for group in norms]), float(high)


def ensemble(myth: Myth, studies: Studies, _paper: Paper) -> Measured:
    """Measure how much shorter than all paths those are that carry the gradient, and what one missing block costs."""
    paths = studies["paths-x0.1"].table
    found = {int(layers): path_interval(part) for layers, part in paths.groupby("layers")}
    blocks = paths.groupby("layers").length.max()
    shown = [Column(network_name(layers, True), True, values, interval=True) for layers, values in found.items()]
    shorter = [high < SHORTER for _, _, high in found.values()]
    verdict: Verdict = "true" if all(shorter) else "depends" if any(shorter) else "false"
    deep, shallow = max(found), min(found)
    said = {
        n: f"{value:.2f} (95 % interval {low:.2f} to {high:.2f}) in {network_name(n, True)}"
        for n, (low, value, high) in found.items()
    }
    length = {
        n: f"{value * blocks[n] / 2:.1f} blocks where the average path has {blocks[n] / 2:.1f}"
        for n, (_, value, _) in found.items()
    }
    damaged = damage(studies["lesion-x0.1"].table, CHANCE)
    one = damaged[damaged.residual & damaged.reestimated & (damaged.lesion == "one removed")]
    worst = one.loc[one.damage.idxmax()]
    return Measured(
        verdict=verdict,
        message=f"The gradient's paths, as a share of the average path's length: {said[deep]}, {said[shallow]}",
        figure=columns(shown, myth.axis, line=1),
        numbers=frame_of(shown, "low_value_high"),
        caption="Bars: interval over the random paths; one training each, so no spread over seeds. Dashed: the gradient takes "
        "all paths "
        f"alike. Below {SHORTER} we call them clearly shorter.",
        true_when=f"The network is deep: in {network_name(deep, True)} the gradient passes {length[deep]}, and a missing block "
        "costs on average "
        f"{one.damage.mean():.0f} % of what can be lost.",
        false_when=f"The network is shallow: in {network_name(shallow, True)} the gradient passes {length[shallow]}. And "
        "members of an ensemble "
        f"count alike, but {worst.blocks} of {network_name(int(worst.layers), True)} does not: without it, {worst.damage:.0f} "
        "% of what can "
        f"be lost is lost, {worst.damage / one.damage.mean():.0f} times the average.",
    )
