"""What did the measurements of trained networks find?"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dashboard.figures.style import network_name
from dashboard.figures.trained import lesion_summary, path_lengths
from dashboard.figures.trust import sanity_summary
from dashboard.findings.numbers import Trained, listed, ratio_to_last, share
from resnet_core.studies.collection import load_measured

CHANCE = 90.0  # percent of error, of ten classes
RESAMPLES = 500


def _iterations(table: pd.DataFrame) -> str:
    return f"{table.iterations.max():,}"


def sanity(folder: Path) -> str:
    table = load_measured(folder)
    means = sanity_summary(table).set_index(["residual", "method", "down_to"])
    n = int(means.images.iloc[0])
    stage = next(name for name in means.index.get_level_values("down_to") if name.endswith("_x"))

    def value(residual: bool, method: str, down_to: str) -> str:
        line = means.loc[(residual, method, down_to)]
        return f"{line['mean']:.2f} ± {line.sd / np.sqrt(n):.2f}"

    guided = min(means.loc[(kind, "guided-backprop", stage), "mean"] for kind in (False, True))
    cam = [value(True, "grad-cam", down_to) for down_to in ("fc", stage, "conv1")]
    both = means.loc[True].loc["grad-cam"].loc[["fc", stage]]
    apart = abs(both["mean"].iloc[0] - both["mean"].iloc[1]) > 2 * np.sqrt((both.sd**2).sum() / n)
    ends = [
        means.loc[(kind, name, "conv1"), "mean"]
        for kind in (False, True)
        for name in ("gradient-x-input", "integrated-gradients")
    ]
    least = {
        name: [means.loc[(kind, name, "fc"), "mean"] for kind in (False, True)]
        for name in ("gradient-x-input", "integrated-gradients", "smoothgrad")
    }
    fall = ", ".join(f"{low:.2f} and {high:.2f}" for low, high in least.values())
    return f"""**What it shows.** *Guided backpropagation* hardly changes while the classifier and the whole last stage become random: its
correlation with itself stays at {guided:.2f} or above in both networks, so that, as published, its pictures are of the image and of the
first layers. *Gradient × input*, *integrated gradients* and *SmoothGrad* fall at once (plain-34 and ResNet-34 with a random classifier:
{fall}). The first two end at {min(ends):.2f} to {max(ends):.2f} when all is random: their factor, the image, never becomes random.

**What six images do not tell.** *Grad-CAM* of ResNet-34 is at {cam[0]} with a random classifier, {cam[1]} with the last stage
and {cam[2]} at the end (mean ± standard error over {n} images and one random network): the first two {"differ" if apart else "cannot be told from each other"}. Its
map has 4 x 4 numbers here, blown up to 16,384 pixels that are then ranked. Guided Grad-CAM, which Adebayo et al. count among the methods
that do not change, changes here; it is the product of guided backpropagation and of a Grad-CAM.

**What it does not show.** Anything about well trained networks, whose upper layers have more to lose."""


def _layerwise(table: pd.DataFrame, layers: int) -> tuple[int, int]:
    """In how many layers the residual network responds less than its twin, and of how many."""
    part = table[table.layers == layers].pivot_table(index="place", columns="residual", values="response_sd")
    return int((part[True] < part[False]).sum()), len(part)


def figure7(folder: Path) -> str:
    table = load_measured(folder)
    fewer = " and ".join("{} of {} layers of the {}-layer pair".format(*_layerwise(table, n), n) for n in (20, 56))
    trained = Trained(folder.parent / folder.name.replace("figure7", "figure6"))
    seeds = sorted(trained.errors("plain56-cifar").index)
    blocks = {seed: ratio_to_last(trained.blocks("plain56-cifar", seed)) for seed in seeds}
    dips = [table.loc[table.index > 0].min().min() for table in blocks.values()]
    ends = [table.iloc[-1].max() for table in blocks.values()]
    first = [table.iloc[0, 0] for table in blocks.values()]
    by_layer = table[(table.layers == 56) & ~table.residual].set_index("place").response_sd
    top = by_layer.max() / by_layer.median()
    return f"""**What it shows.** After {_iterations(table)} iterations the residual network responds less than its plain twin in {fewer}.
The paper says that residual functions have *generally* smaller responses: so it is here, not layer by layer.

**What differs, and why.** The paper's deeper residual network responds less than its shallower one; ours does not yet. The strongest
layer of plain-56 responds {top:.0f} times as strongly as its median one. The record of its training says where that may come from: at
iteration 0 the gradient at the first block is {listed(first)} times that at the last in the {len(seeds)} seeds (see *depth*), and nothing clips
it, so that the very first step at a rate of 0.1 enlarges the first layers' batch norm scales. Then gradients in the middle dip to
{listed(dips)} of the last block's, and at the end the largest of all blocks is {listed(ends)} times the last
block's. He et al. report healthy norms (section 4.1) for plain-18 and plain-34 on ImageNet; they say nothing of these networks.

**What it does not show.** Responses of converged networks, or of a second seed."""


def figure7_longer(folder: Path) -> str:
    table = load_measured(folder)
    mean = table[table.residual].groupby("layers").response_sd.mean()
    word = "less" if mean[56] < mean[20] else "more"
    return f"""Then the deeper network responds {word} than the shallower one, on the mean of its layers ({mean[56]:.2f} and {
        mean[20]:.2f}){": as in the paper. One seed" if word == "less" else ". One seed"}."""


def _mean_length(table: pd.DataFrame, layers: int) -> tuple[float, float, float]:
    """Mean length of a path by gradient, and the middle 95 % of its values over resampled draws."""
    part = table[table.layers == layers]
    rng = np.random.default_rng(0)
    groups = [group.gradient_norm.to_numpy() for _, group in part.groupby("length")]
    counts = path_lengths(part).paths.to_numpy()
    lengths = np.arange(len(groups))

    def length(norms: NDArray[np.float64]) -> float:
        weights = counts * norms
        return float((lengths * weights).sum() / weights.sum())

    middle = length(np.array([group.mean() for group in groups]))
    resampled = [length(np.array([rng.choice(group, len(group)).mean() for group in groups])) for _ in range(RESAMPLES)]
    low, high = np.quantile(resampled, [0.025, 0.975])
    return middle, float(low), float(high)


def paths(folder: Path) -> str:
    table = load_measured(folder)
    found = path_lengths(table)
    deep, shallow = found[found.layers == 56], found[found.layers == 20]
    blocks = found.groupby("layers").blocks.first()
    below = deep.effective.cumsum()
    low, high = int(deep.length[below >= 0.05].iloc[0]), int(deep.length[below >= 0.95].iloc[0])
    inside = deep[(deep.length >= low) & (deep.length <= high)].paths.sum()
    norms = shallow.gradient_norm / shallow.gradient_norm.iloc[0]
    rising = int(norms.idxmax() - norms.index[0])
    intervals = {layers: "{:.1f} ({:.1f} to {:.1f})".format(*_mean_length(table, layers)) for layers in (20, 56)}
    return f"""**What it shows.** After {_iterations(table)} iterations the mean length by gradient is {intervals[56]} of {
        blocks[56]
    } blocks in ResNet-56, where
the mean path has {blocks[56] / 2:.1f}, and {intervals[20]} of {blocks[20]} in ResNet-20, where it has {
        blocks[20] / 2:.1f} (95 % intervals over the random draws; one seed). Half of
what Veit et al. found holds: short paths carry more than their share. The other half does not: there the lengths that matter hold
0.45 % of all paths, here {low} to {high} blocks carry 90 % of the gradient and hold {
        share(inside)
    } of them. In ResNet-20 the norm of a
path {
        f"rises with its length up to {rising} blocks, to {norms.max():.2f} times that of the shortcuts alone"
        if rising
        else "falls with its length"
    }."""


def paths_longer(folder: Path) -> str:
    return paths(folder).removeprefix("**What it shows.** ")


def _damage(table: pd.DataFrame, residual: bool, kind: str, count: int) -> tuple[float, float]:
    """Damage in points, and the fraction of it that is left with statistics estimated anew."""
    means = lesion_summary(table[table.residual == residual]).set_index(["lesion", "count", "reestimated"])["mean"]
    stored, anew = (means[kind, count, again] - means["none", 0, again] for again in (False, True))
    return float(stored), float(anew / stored)


def lesion(folder: Path) -> str:
    table = load_measured(folder)
    none = lesion_summary(table)
    none = none[(none.lesion == "none") & ~none.reestimated].set_index("residual")["mean"]
    one = {kind: _damage(table, kind, "one removed", 1) for kind in (False, True)}
    of_what = {kind: one[kind][0] / (CHANCE - none[kind]) for kind in (False, True)}
    eight = {kind: _damage(table, True, kind, 8) for kind in ("several removed", "exchanged")}
    single = table[table.residual & (table.lesion == "one removed") & ~table.reestimated].groupby("blocks").error_percent.mean()
    worst = single.idxmax()
    return f"""**What it shows.** After {_iterations(table)} iterations, and of what a network can lose before it guesses ({CHANCE:.0f} % of error),
one missing block costs ResNet-56 {share(of_what[True])} and plain-56 {share(of_what[False])}: {one[True][0]:.1f} of {CHANCE - none[True]:.0f} points, and
{one[False][0]:.1f} of {CHANCE - none[False]:.0f}. ResNet-56 misses {worst} most ({single[worst] - none[True]:.1f} points), where dimensions change. Its
error rises with the number of missing blocks and of exchanges. Plain-56, any block of which is on the only path, is left near chance.

**What the control adds.** A part of the damage is not the missing layers but batch norm's stored statistics, which no longer fit. With
statistics estimated anew, {share(eight["several removed"][1])} of the damage of eight missing blocks is left in ResNet-56, {share(eight["exchanged"][1])}
of that of eight exchanges, and of one missing block {share(one[True][1])}; in plain-56 {share(one[False][1])} of that of one missing block.

**What it does not show.** Converged networks, which Veit et al. measured: there, most single blocks of ResNet-110 could be removed without
visible loss. And one seed: how far another one would lie away is not known."""


def lesion_longer(folder: Path) -> str:
    table = load_measured(folder)
    single = table[(table.lesion == "one removed") & ~table.reestimated].groupby("blocks").error_percent.mean()
    intact = table[(table.lesion == "none") & ~table.reestimated].error_percent.mean()
    ordered = (single - intact).sort_values()
    eight = {kind: 1 - _damage(table, True, kind, 8)[1] for kind in ("several removed", "exchanged")}
    return f"""One missing block costs up to {ordered.iloc[-2]:.0f} points, but for {ordered.index[-1]}, which costs {ordered.iloc[-1]:.0f}. Of the
damage of eight missing blocks {share(eight["several removed"])} is the stored statistics' fault, of that of eight exchanges
{share(eight["exchanged"])}. One seed."""


def similarity(folder: Path) -> str:
    table = load_measured(folder)
    same = table[table.block == table.other_block].groupby(["layers", "residual", "other"]).cka.mean()
    plain = table[(table.layers == 56) & ~table.residual & (table.block == table.other_block)]
    middle, late = (plain[plain.block.str.startswith(stage) & (plain.other != "itself")].cka for stage in ("conv3", "conv4_9"))
    return f"""**What it shows.** After {_iterations(table)} iterations, plain and residual networks of 20 layers compute alike, block by block
(mean CKA {same[20, False, "resnet20-cifar"]:.2f}), nearly as alike as two seeds of one of them ({same[20, False, "another seed"]:.2f} and
{same[20, True, "another seed"]:.2f}). At 56 layers the residual network still resembles its other seed ({same[56, True, "another seed"]:.2f}). The
middle of plain-56 resembles nothing: conv3_x has {middle.mean():.2f} with its twin and with its other seed, its last block of conv4_x
{late.min():.2f} or more. Within itself, all blocks from early conv2_x to late conv4_x are nearly one (the yellow square): Kornblith et al.
(2019, Figure 3) show the same of plain networks that are too deep.

**What it does not show.** Why; and not what becomes of the image: that blocks are alike does not say that they lose it. Only one
pair of seeds is compared."""


def _surface(table: pd.DataFrame) -> NDArray[np.float64]:
    return table.pivot_table(index="alpha", columns="beta", values="loss").to_numpy()


def local_minima(surface: NDArray[np.float64]) -> int:
    """Points inside the grid that are lower than all eight around them."""
    around = np.lib.stride_tricks.sliding_window_view(surface, (3, 3))
    return int((around.min((2, 3)) == surface[1:-1, 1:-1]).sum())


def roughness(surface: NDArray[np.float64]) -> float:
    """Median absolute discrete Laplacian inside the grid: how far a point is from the mean of its four neighbours, times four."""
    middle = surface[1:-1, 1:-1]
    neighbours = surface[:-2, 1:-1] + surface[2:, 1:-1] + surface[1:-1, :-2] + surface[1:-1, 2:]
    return float(np.median(np.abs(neighbours - 4 * middle)))


def landscape(folder: Path) -> str:
    table = load_measured(folder)
    batch = {key: _surface(part) for key, part in table[table.statistics == "batch"].groupby(["residual", "layers"])}
    words = ", ".join(
        f"{local_minima(surface)} in {network_name(layers, residual)}" for (residual, layers), surface in sorted(batch.items())
    )
    rough = {key: roughness(surface) for key, surface in batch.items()}
    stored = table[table.statistics == "stored"].groupby(["residual", "layers", "directions"]).loss.max()
    gentle = [network_name(n, kind) for (kind, n, _), highest in stored.items() if highest < 1000]
    return f"""**What it shows.** After {_iterations(table)} iterations, with the statistics of the batch, the surfaces differ in how uneven they are.
Local minima on the grid: {words}. The median Laplacian is {rough[False, 56]:.3f} in plain-56 and {rough[True, 56]:.3f} in ResNet-56
({rough[False, 20]:.3f} and {rough[True, 20]:.3f} at 20 layers). How high the loss lies above the centre does not tell them apart (the table's
last column).

**What differs, and why it matters which statistics.** With stored statistics, surfaces become cliffs to one side, of many powers of ten but
in {", ".join(dict.fromkeys(gentle)) or "no network"}, and the picture depends on the pair of directions (the table's lines "0 and 1" and "2 and
3"): what they mostly show is statistics that do not fit.

**What it does not show.** What Li et al. show, who have trained minimisers and all of the data: these are 64 images, one pair of directions
with the batch's statistics, one seed, and a plain-56 that has learnt little. That what is smooth in two random directions is smooth
in all."""
