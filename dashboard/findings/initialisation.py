"""What did the measurements of new networks find?"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from dashboard.figures.agreement import WHOLE, by_depth
from dashboard.figures.initialisation import at_angle, ends_of_depth
from dashboard.findings.numbers import between, number, plain_decimal, seeds
from resnet_core.studies.collection import load_measured

YANG = math.sqrt(math.pi / (math.pi - 1))  # a layer, of the norm


def depth(folder: Path) -> str:
    ends = ends_of_depth(load_measured(folder)).set_index(["batch_norm", "residual", "layers"]).sort_index()
    ratio = ends["first"] / ends["last"]
    plain, residual = ratio.loc[True, False], ratio.loc[True, True]
    finite = plain[np.isfinite(plain)]
    deepest, shallowest = finite.index.max(), finite.index.min()
    rate = (finite[deepest] / finite[shallowest]) ** (1 / (deepest - shallowest))
    without = ratio.loc[False, False]
    over = [f"plain-{layers}" for layers in plain.index if not np.isfinite(plain[layers])]
    overflow = (
        f" In {', '.join(over)} the first block's gradient overflows single precision; at that rate it would be near "
        f"10^{math.log10(finite[deepest]) + math.log10(ends.loc[(True, False, deepest), 'last']) + (1202 - deepest) * math.log10(rate):.0f}."
        if over
        else ""
    )
    grown = ", ".join(f"{number(value)} in ResNet-{layers}" for layers, value in residual.items())
    faded = ", ".join(f"{number(1 / value)}-fold in plain-{layers}" for layers, value in without.items() if layers <= 110)
    return f"""**What it shows.** Four different things, and only one of them is the usual story. *Plain without batch norm*: the signal fades
from block to block, and so does the gradient on its way back: {faded}. That is slow at first, and part of it is ours:
fan-out initialisation shrinks the signal at the stem and at each change of stage, and borders are padded with zeros. *Plain with batch
norm*: the signal is held at one strength, and the gradient grows by a factor of {rate:.2f} a layer on its way to the first block: at
initialisation the gradients of a deep plain network with batch norm do not vanish, they explode.{overflow} *Residual without batch
norm*: both grow exponentially with depth, so a deep one cannot be trained as it is. *Residual with batch norm*: the signal grows like the
square root of the number of blocks, and the gradient at the first block is {grown} times that at the last.

**Beside the papers.** The explosion is known theory: Yang et al. 2019 (“A Mean Field Theory of Batch Normalization”, arXiv:1902.08129)
derive it for fully connected networks with batch norm and ReLU, where the squared norm grows by π/(π−1) a layer, the norm by {YANG:.2f}.
Section 4.1 of He et al. reports of plain-18 and plain-34 on ImageNet that their signals and gradients have healthy norms, and so
argues that vanishing gradients are not why plain networks fail: “not vanishing” is what we find too. During training: see *gradients*.

**What it does not show.** Training. And ∂L/∂y is per unit of y, whose root mean square (the table's last column) differs between kinds
of network: compare how a norm runs through one network. Free of that scale is the weight gradient over the weights, in *agreement*."""


def shattering(folder: Path) -> str:
    table = load_measured(folder)
    near = at_angle(table, 0.02).set_index(["batch_norm", "residual", "layers"])["mean"].sort_index()
    plain, residual, bare = near.loc[True, False], near.loc[True, True], near.loc[False, True]
    noise = [int(layers) for layers, value in plain.items() if abs(value) < 0.01]
    deepest = bare.index.max()
    contradiction = (
        f"That paper's Theorems 2 and 3 say that residual networks keep more of the correlation with batch norm (1/√L) than without "
        f"((3/4)^L). We measure the opposite: {bare[deepest]:.3f} without and {residual[deepest]:.3f} with it in ResNet-{deepest}. That is "
        f"a contradiction, and stands as one; ours are convolutional networks of which the outputs without batch norm grow so fast with "
        f"depth (see *depth*) that early blocks dominate."
        if bare[deepest] > residual[deepest]
        else f"In ResNet-{deepest}, {residual[deepest]:.3f} with batch norm and {bare[deepest]:.3f} without, in the order of that paper's "
        f"Theorems 2 and 3."
    )
    return f"""**What it shows.** Without batch norm, the correlation in plain networks falls with depth as an exponential or faster: from
{near.loc[False, False].iloc[0]:.3f} to {near.loc[False, False].iloc[-1]:.3f} at the nearest inputs, as Theorem 1 of that paper has it. With batch norm
it falls much faster: from {noise[0]} layers on, nothing above noise is left between inputs a fiftieth of a radian apart. That is in no
theorem of theirs. With shortcuts and batch norm it falls from {residual.iloc[0]:.3f} to {residual.iloc[-1]:.3f}, more slowly than an exponential.

**What contradicts the paper.** {contradiction}

**What differs.** Balduzzi et al. measured narrow fully connected networks on one-dimensional inputs; these are the convolutional networks of
He et al., and real images. And batch norm takes its statistics from the arc itself, of which all points are alike; a referee of these pages
put the arc into a batch of other images, and found more correlation in plain-20 and ResNet-56, and still none in plain-32 and plain-56. No
command here repeats that.

**What it does not show.** Why training fails: these are gradients with respect to the *input*, and a step follows those with respect to
*weights*, which *agreement* compares."""


def agreement(folder: Path) -> str:
    table = load_measured(folder)
    medians = by_depth(table).set_index(["batch_norm", "residual", "layers"]).sort_index()
    cosine = medians["mean"]
    layers = [int(n) for n in cosine.loc[True, False].index]
    whole = table[table.layer == WHOLE].groupby(["batch_norm", "residual", "layers"]).cosine.mean()

    def run(norm: bool, residual: bool) -> str:
        values = [plain_decimal(cosine[norm, residual, n]) for n in layers]
        return f"{', '.join(values[:-1])} and {values[-1]}"

    depths = f"{', '.join(map(str, layers[:-1]))} and {layers[-1]} layers"
    apart = all(medians.loc[(True, True, n), "min"] > medians.loc[(True, False, n), "max"] for n in layers)
    steps = table[table.layer != WHOLE].groupby(["batch_norm", "residual", "layers", "place"]).relative_gradient.mean()
    relative = {kind: steps[True, kind, layers[-1]] for kind in (False, True)}
    ratio = {kind: float(values.iloc[0] / values.iloc[-1]) for kind, values in relative.items()}
    return f"""**What it shows.** With batch norm, the gradients of two minibatches have, in the median layer, a cosine of {
        run(True, False)
    } in plain
networks of {depths}, and of {run(True, True)} in residual ones: {
        "in every seed and at every depth the residual one agrees more" if apart else "the seeds overlap at some depth"
    }. Over all kernels as one vector, at {layers[-1]} layers, it is {plain_decimal(whole[True, False, layers[-1]])} and
{
        whole[
            True, True, layers[-1]
        ]:.3f}. Where it is near zero, a step that helps one minibatch says nothing about the next: the network may
move, and learn little. Without batch norm it is {run(False, False)} in plain and {run(False, True)} in residual networks.

**Free of scale.** The weight gradient over the weights, ‖∂L/∂W‖/‖W‖, is {
        number(ratio[False])
    } times as large in the first layer as in the last in
plain-{layers[-1]} with batch norm, and {number(ratio[True])} times in ResNet-{
        layers[-1]
    }: the explosion (see *depth*) is not one of units.

**What speaks against it as the reason.** Plain-{
        layers[0]
    } agrees as little, and learns nonetheless (*race*, *figure6*); residual networks
without batch norm agree most, and one that is deep hardly trains (*gradients*). So agreement at the first step is neither needed nor enough.

**What it does not show.** Training: this is the first step, and how agreement develops in plain-{layers[0]} and in plain-{
        layers[-1]
    } is not
measured. A larger minibatch agrees more."""


def precision(folder: Path) -> str:
    table = load_measured(folder)
    whole = table[table.layer == WHOLE]
    values = {key: part.cosine for key, part in whole.groupby(["residual", "layers"])}
    layers = sorted({n for _, n in values})
    kinds = [
        ", ".join(f"{between(values[kind, n], 2)} in {'ResNet' if kind else 'plain'}-{n}" for n in layers)
        for kind in (False, True)
    ]
    n = whole.seed.nunique()
    return f"""**What it shows.** The cosine between a minibatch's first gradient in bfloat16 and in float32, over all kernels, is {kinds[0]};
and {kinds[1]} ({seeds(range(n))}). So the first steps of plain-56 in *figure6* went to a large
part where rounding sent them, those of ResNet-56 did not. `race` is in float32.

**What it does not show.** That it changes the outcome: gradients of two minibatches in float32 agree little there too (*agreement*), and the
order of the networks is the same in `race`. Nor what later gradients are: at the end of a training bfloat16 may be exact."""
