"""Is it overfitting, does batch norm solve it, do more layers help? Three sentences, judged by the errors of trained networks."""

from __future__ import annotations

import math

import pandas as pd

from dashboard.figures.myths import Column, columns
from dashboard.figures.style import network_name
from dashboard.scenes.myth import Measured, Myth, Paper, Studies, Verdict, frame_of, signed, spread
from dashboard.scenes.recorded import Recorded

SHALLOW, DEEP = 20, 56  # layers
LAST_BATCHES = "train_batches"  # errors as they were seen in training, with each batch's own statistics


def final_errors(study: Recorded, split: str, layers: int, residual: bool, batch_norm: bool = True) -> pd.Series:
    """Return the errors after the last iteration in percent, by seed.

    Args:
        split: "train", "test", or "train_batches": of the last training batches as they were seen, which the stored statistics
            of batch norm cannot falsify.
    """
    table = study.table
    rows = table[(table.metric == "error_percent") & table.block.isna() & (table.step == table.iterations)]
    rows = rows[(rows.split == split) & (rows.layers == layers) & (rows.residual == residual) & (rows.batch_norm == batch_norm)]
    return rows.set_index("seed").value.sort_index()


def _at_least(low: pd.Series, high: pd.Series) -> int:
    """By how many whole points every seed of `high` is above every seed of `low`."""
    return math.floor(high.min() - low.max())


def overfitting(myth: Myth, studies: Studies, _paper: Paper) -> Measured:
    """Measure whether the deeper plain network is better on its own training digits, as an overfitted one would be."""
    race, long = studies["race"], studies["race-long"]
    found = {
        (layers, residual, split): final_errors(race, split, layers, residual)
        for residual in (False, True) for layers in (SHALLOW, DEEP) for split in (LAST_BATCHES, "test")
    }  # fmt: skip
    shown = [
        Column(
            f"{network_name(layers, residual)}<br>{'test' if split == 'test' else 'training'}",
            residual,
            tuple(values),
            split == "test",
        )
        for (layers, residual, split), values in found.items()
    ]
    shallow, deep = found[SHALLOW, False, LAST_BATCHES], found[DEEP, False, LAST_BATCHES]
    verdict: Verdict = "false" if deep.min() > shallow.max() else "true" if deep.max() < shallow.min() else "depends"
    name, longest = network_name(DEEP, False), int(long.table.iterations.max())
    later, new = final_errors(long, "train", DEEP, False), final_errors(long, "test", DEEP, False)
    return Measured(
        verdict=verdict,
        message=f"On the digits it is trained on, {name} errs on {spread(deep)} %, {network_name(SHALLOW, False)} on "
        f"{spread(shallow)} %",
        figure=columns(shown, myth.axis, suffix=" %"),
        numbers=frame_of(shown, "error_percent"),
        caption=f"One dot a seed ({len(deep)}), a line at their mean. Full: the last training batches; rings: new digits.",
        true_when=f"The training digits are learnt by heart: after {longest:,} iterations {name} errs on {spread(later)} % of "
        "them and on "
        f"{spread(new)} % of new ones. What is left is a gap between the two.",
        false_when="The deeper network is worse on the very digits it is trained on, "
        f"by {_at_least(shallow, deep)} points or more in every seed; an overfitted network is better there. "
        "This is what He et al. call degradation.",
    )


def batch_norm_solves_it(myth: Myth, studies: Studies, _paper: Paper) -> Measured:
    """Measure whether a deep plain network with batch norm learns its training digits as its residual twin does."""
    study, race, long = studies["gradients"], studies["race"], studies["race-long"]
    kinds = [(residual, batch_norm) for residual in (False, True) for batch_norm in (False, True)]
    found = {kind: final_errors(study, LAST_BATCHES, DEEP, *kind) for kind in kinds}
    shown = [
        Column(f"{network_name(DEEP, residual)}<br>{'' if normed else 'no '}batch norm", residual, tuple(values), not normed)
        for (residual, normed), values in found.items()
    ]
    plain, residual, bare = found[False, True], found[True, True], found[False, False]
    verdict: Verdict = "false" if plain.min() > residual.max() else "depends"
    name, length = network_name(DEEP, False), int(study.table.iterations.max())
    ratio = int(long.table.iterations.max()) / length
    early, late = final_errors(race, LAST_BATCHES, SHALLOW, False), final_errors(long, LAST_BATCHES, DEEP, False)
    return Measured(
        verdict=verdict,
        message=f"With batch norm {name} errs on {spread(plain)} % of its training digits, its residual twin on "
        f"{spread(residual)} %",
        figure=columns(shown, myth.axis, suffix=" %"),
        numbers=frame_of(shown, "error_percent"),
        caption=f"One dot a seed ({len(plain)}), a line at their mean; the last training batches, after {length:,} iterations.",
        true_when=f"Batch norm {'helps' if plain.max() < bare.min() else 'does not help'}: without it {name} errs on "
        f"{spread(bare)} %. "
        f"And it is enough at {SHALLOW} layers ({spread(early)} %), or with {ratio:.0f} times the iterations "
        f"({spread(late, 2)} %), on these "
        "easy digits.",
        false_when="The plain network is deep and the training short: with the same layers, batch norm and first weights, but no "
        f"shortcuts, the error is {_at_least(residual, plain)} points or more higher in every seed.",
    )


def more_layers(myth: Myth, studies: Studies, paper: Paper) -> Measured:
    """Measure what more layers do to the training error, in plain and in residual networks, by the length of the training."""
    gaps = {
        (residual, int(studies[name].table.iterations.max())): (
            final_errors(studies[name], "train", DEEP, residual) - final_errors(studies[name], "train", SHALLOW, residual)
        ).dropna()
        for residual in (False, True) for name in myth.studies
    }  # fmt: skip
    gaps = {key: gap for key, gap in gaps.items() if len(gap)}
    shown = [
        Column(f"{'residual' if residual else 'plain'}<br>{length:,} it.", residual, tuple(gap))
        for (residual, length), gap in gaps.items()
    ]
    several = {key: gap for key, gap in gaps.items() if len(gap) > 1}  # one seed gives no verdict
    verdict: Verdict = "false" if any(gap.min() > 0 for gap in several.values()) else "depends"
    first, last = min(length for _, length in several), max(length for residual, length in gaps if residual)
    plain, residual, latest = gaps[False, first], gaps[True, first], gaps[True, last]
    printed = paper["cifar10_test_error_percent"]
    return Measured(
        verdict=verdict,
        message=f"{DEEP - SHALLOW} more layers change the training error by {signed(plain.mean())} ± {plain.std():.1f} points "
        "in plain "
        f"networks, by {signed(residual.mean())} ± {residual.std():.1f} in residual ones, after {first:,} iterations",
        figure=columns(shown, myth.axis, line=0),
        numbers=frame_of(shown, "points"),
        caption=f"{DEEP} layers minus {SHALLOW} layers, by iterations (it.) of training; one dot a seed. Above the dashed line "
        "the deeper "
        "network is worse.",
        true_when=f"There are shortcuts and enough training: after {last:,} iterations the difference is "
        f"{signed(latest.mean())} points "
        f"({len(latest)} seed{'s' * (len(latest) != 1)}); in the paper, after 64,000, ResNet-56 errs on {printed['resnet56']} "
        "% of test "
        f"images, ResNet-20 on {printed['resnet20']} %.",
        false_when="There are no shortcuts, or the training is short. And even with both there is an end: the paper's "
        "ResNet-1202 errs on "
        f"{printed['resnet1202']} %, its ResNet-110 on {printed['resnet110']} %.",
    )
