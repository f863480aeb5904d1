"""What did the studies of trainings find?"""

from __future__ import annotations

from pathlib import Path

from dashboard.figures.schedules import by_schedule
from dashboard.figures.style import network_name
from dashboard.findings.numbers import Trained, between, geometric, listed, mean, number, ratio_to_last, seeds, verdict
from resnet_core import runs
from resnet_core.studies.folders import study_name

CONJECTURE = (
    "He et al. (section 4.1, of plain-18 and plain-34 on ImageNet) conjecture that deep plain networks “may have exponentially low "
    "convergence rates”"
)


def figure6(study: Path) -> str:
    """study: the folders' name without a scale."""
    folders = [each for each in sorted(study.parent.iterdir()) if study_name(each.name) == study.name]
    ends = by_schedule([runs.load(each) for each in folders])
    train = ends[ends.split == "train"].set_index(["layers", "residual", "iterations"]).sort_index()
    shortest = Trained(min(folders, key=lambda folder: runs.load(folder).iterations.max()))
    plain, deep_plain, residual, deep = (
        shortest.errors(f"{name}-cifar") for name in ("plain20", "plain56", "resnet20", "resnet56")
    )
    longer = []
    for kind in (False, True):
        for layers in (20, 56):
            rows = train.loc[(layers, kind)]
            ways = ", ".join(f"{row['mean']:.1f} % after {iterations:,}" for iterations, row in rows.iterrows())
            longer.append(f"{network_name(layers, kind)} {ways}")
    most = {kind: int(train.loc[(56, kind)].index.max()) for kind in (False, True)}
    last = {layers: train.loc[(layers, True, most[True]), "mean"] for layers in (20, 56)}
    order = "the paper's order" if last[56] < last[20] else "not the paper's order"
    return f"""**What it shows.** After {shortest.iterations} iterations plain-56 errs on {mean(deep_plain)} % of its own training
images, plain-20 on {mean(plain)} %: {
        verdict(
            plain, deep_plain, "the deeper network has learnt less, so that it does not overfit", "no more than the seeds differ"
        )
    }. ResNet-56, with the same layers and the same initial weights, errs on {mean(deep)} %:
{
        verdict(
            deep,
            deep_plain,
            "the shortcuts make that difference, at this learning rate and on this schedule",
            "no more than the seeds differ",
        )
    } ({seeds(deep)} each).

**What differs from the paper, and why.** ResNet-56 does not pass ResNet-20 within {shortest.iterations} iterations ({
        mean(residual)
    } %
for the shallower one). Longer schedules, by the training error: {"; ".join(longer)}. After {most[True]:,} iterations that is
{order} of the two residual networks; the longer schedules have one seed, which gives no verdict. Plain-56 was trained for at most
{
        most[
            False
        ]:,} iterations here, and gains from every longer schedule; in the paper, after 64,000, it lies a few points behind plain-20
(read off Figure 6, which prints no numbers), so that a long schedule makes up for most of the gap. {
        CONJECTURE
    }: slow, not unable.

**What could explain it otherwise.** All networks have one learning rate, 0.1, without a warm-up and without clipping; no other was tried
for plain ones. And convolutions are in bfloat16, in which the first gradients of plain-56 do not point where those in float32 do (see
*precision*). `race`, in float32, has the same order."""


def race(folder: Path) -> str:
    runs_of = Trained(folder)
    networks = ("plain20-cifar", "resnet20-cifar", "resnet56-cifar")
    stored, batches = runs_of.errors("plain56-cifar"), runs_of.batches("plain56-cifar")
    others = [runs_of.errors(name) for name in networks]
    margin = min(min(stored - other) for other in others)
    batch_margin = min(min(batches - runs_of.batches(name)) for name in networks)
    return f"""**What it shows.** In each of {
        len(stored)
    } seeds plain-56 has learnt its training digits worst, and ResNet-56 has learnt
{
        "them all" if others[2].max() == 0 else "nearly all"
    }. Two statistics of batch norm give two numbers: with the running ones, which lag
behind weights that change fast, plain-56 errs on {mean(stored)} % of the training digits; in its last training batches, each with
its own statistics, on {mean(batches)} %. Nothing else differs but at most 50 iterations. The order is the same by both: plain-56
is the worst by at least {margin:.0f} points by the first and {batch_margin:.0f} by the second, in every seed.

**What it does not show.** Where the networks would end: that is `race-long`. All have one learning rate, 0.05, and the gradient is
clipped at a norm of 5, which shortens the first steps of plain networks far more than those of residual ones (share of clipped
steps: recorded by newer runs). The errors of plain networks are scattered, plain-20 on new digits from {
        between(runs_of.errors("plain20-cifar", "test"), 0)
    } %, plain-56 on its training digits from {between(stored, 0)} %: so short a training depends on its last
digits, and another processor, or another number of threads, gives another one of these."""


def race_in_readme(folder: Path) -> str:
    short, long = Trained(folder), Trained(folder.parent / "race-long")
    deep = short.errors("plain56-cifar")
    networks = ("plain20-cifar", "resnet20-cifar", "resnet56-cifar")
    margin = min(min(deep - short.errors(name)) for name in networks)
    rows = "\n".join(
        f"| {network_name(layers, residual)} | {mean(short.errors(name), 2)} | {mean(short.errors(name, 'test'), 2)} |"
        for layers in (20, 56)
        for residual, name in ((False, f"plain{layers}-cifar"), (True, f"resnet{layers}-cifar"))
    )
    late = long.errors("plain56-cifar")
    return f"""| | training error % | test error % |
|---|---|---|
{rows}

(mean ± sd of {seeds(deep)}; width 8, 1,500 training and 297 test images; in every seed plain-56 was the worst by at least {margin:.0f}
points of training error, measured with batch norm's running statistics; in its last training batches it errs on
{mean(short.batches("plain56-cifar"))} %). It shows how fast each one learns, not where it would end: trained ten times as long
(`study race-long`, {seeds(late)}), plain-56 errs on {mean(late, 2)} % of its training digits and on
{mean(long.errors("plain56-cifar", "test"), 2)} % of new ones, ResNet-56 on {mean(long.errors("resnet56-cifar", "test"), 2)} % of new ones."""


def race_long(folder: Path) -> str:
    trained, short = Trained(folder), Trained(folder.parent / "race")
    deep = trained.errors("plain56-cifar")
    test = {name: trained.errors(f"{name}-cifar", "test") for name in ("plain20", "plain56", "resnet20", "resnet56")}
    by_rate = [
        f"{rate}: plain-56 {mean(trained.errors(f'plain56-cifar-rate-{rate}'), 2)} %, "
        f"ResNet-56 {mean(trained.errors(f'resnet56-cifar-rate-{rate}'), 2)} %"
        for rate in ("0.02", "0.1")
        if len(trained.errors(f"plain56-cifar-rate-{rate}")) and len(trained.errors(f"resnet56-cifar-rate-{rate}"))
    ]
    rates = f" At other learning rates, by the training error: {'; '.join(by_rate)}." if by_rate else ""
    caught_up = deep.mean() < short.errors("plain56-cifar").mean() / 10
    return f"""**What it shows.** After {trained.iterations} iterations plain-56 errs on {mean(deep, 2)} % of its training digits
(at most {deep.max():.1f} % in {seeds(deep)}), where after {short.iterations} (`race`) it erred on {
        mean(short.errors("plain56-cifar"))
    } %:
{
        "it catches up, so that `race` shows how slowly a deep plain network learns, not where it ends"
        if caught_up
        else "it does not catch up"
    }. {CONJECTURE}; that is the reading which these runs bear out.{rates}

**What it does not show.** That depth is harmless: these are 1,500 easy digits. On new digits plain-56 errs on
{mean(test["plain56"])} %, ResNet-56 on {mean(test["resnet56"])} %: {
        verdict(
            test["resnet56"],
            test["plain56"],
            "a difference larger than the spread over both networks' seeds",
            "no difference larger than the spread over their seeds",
        )
    }. With the
statistics of batch norm estimated anew, plain-56 errs on {
        mean(trained.errors("plain56-cifar", "train", "re-estimated"), 2)
    } % of its
training digits: at the end of a schedule that comes to rest, they no longer matter."""


def rates(folder: Path) -> str:
    trained = Trained(folder)
    error = {name: trained.errors(name) for name in trained.ends.network.unique()}
    lag = error["resnet56-cifar"].mean() - error["resnet20-cifar"].mean()
    low_lag = error["resnet56-cifar-low-rate"].mean() - error["resnet20-cifar-low-rate"].mean()
    worse = error["resnet20-cifar-low-rate"].mean() - error["resnet20-cifar"].mean()
    warm = error["resnet56-cifar"].mean() - error["resnet56-cifar-warm-up"].mean()
    lowest = [ratio_to_last(trained.blocks("resnet56-cifar", seed)).iloc[:, 0].min() for seed in error["resnet56-cifar"].index]
    low = ratio_to_last(trained.blocks("resnet56-cifar-low-rate", 0)).iloc[:, 0].min()
    shallow = min(
        ratio_to_last(trained.blocks(name, seed)).iloc[:, 0].min()
        for name in error if name.startswith("resnet20") for seed in error[name].index
    )  # fmt: skip
    return f"""**What it shows.** That the rate has a part in it. At 0.02 the lag of ResNet-56 behind ResNet-20 is {low_lag:.1f} points of
training error, at 0.1 it is {lag:.1f}; of the {lag - low_lag:.1f} points between them, {worse:.1f} are ResNet-20 getting worse. The
warm-up gains ResNet-56 {warm:.1f} points, {warm / error["resnet56-cifar"].std():.1f} times the spread of its seeds at 0.1. The records of
the gradient say what happens early: at 0.1 the first block's norm in ResNet-56 falls to {listed(lowest)} of the last block's in
the {len(lowest)} seeds, at 0.02 to no less than {low:.2g}; in ResNet-20 it falls to {shallow:.2g} at the lowest, at any rate.

**What it does not show.** That a low rate is better in the end: in so short a schedule it also learns less, as ResNet-20 says. The
new recipes have one seed each, which gives no verdict. And the paper adds of ResNet-110 (footnote 5): with 0.1 it starts converging
after several passes, but still reaches similar accuracy. So a rate that is too large at the start costs time; that it costs more is not shown."""


def figure4(folder: Path) -> str:
    trained = Trained(folder)
    error = {name: trained.errors(name) for name in ("plain18", "resnet18", "plain34", "resnet34")}
    classes = 200
    drops = []
    for name in error:
        rows = trained.table[(trained.table.network == name) & (trained.table.split == "test")]
        rows = rows[rows.metric == "error_percent"].sort_values("step")
        drops.append(rows.value.iloc[-1] - rows.value.iloc[-2])
    return f"""**What it shows.** What {trained.iterations} iterations of one recipe do to each: training errors of
{error["plain18"].mean():.1f} % (plain-18), {error["resnet18"].mean():.1f} % (ResNet-18), {error["plain34"].mean():.1f} % (plain-34) and
{error["resnet34"].mean():.1f} % (ResNet-34), where guessing gives {100 - 100 / classes:.1f} %. Plain-34 has hardly begun to learn. That is not
degradation, which is a gap between networks that both train; it is a recipe at which one does not start. The study `pair` gives each
network of 34 layers its own learning rate.

**What differs from the paper, and why.** There ResNet-34 is better than ResNet-18 (25.03 and 27.88 % top-1 error on ImageNet), and
plain-34 (28.54 %) only little worse than plain-18 (27.94 %, Table 2). Here the schedule is under three passes over the data, at one
rate, with Nesterov momentum, a weight decay five times the paper's, and bfloat16. The last 50 iterations, at 128 pixels, are too few
for what was learnt at 64: test errors end {between(drops)} points above those of the test before.

**What it does not show.** Degradation; anything about converged networks; an order: one seed gives none."""


def gradients(folder: Path) -> str:
    trained = Trained(folder)
    stored, batches = trained.errors("plain56-cifar"), trained.batches("plain56-cifar")
    dips, tops, lows = [], [], []
    for seed in stored.index:
        blocks = ratio_to_last(trained.blocks("plain56-cifar", seed))
        dips.append(blocks[blocks.index > 0].min().min())
        later = blocks[blocks.index > 100]
        tops.append(later.max().max())
        lows.append(later.min().min())
    grown, faded = (
        geometric(ratio_to_last(trained.blocks(network, seed)).iloc[0, 0] ** power for seed in stored.index)
        for network, power in (("plain56-cifar", 1), ("plain56-cifar-without-bn", -1))
    )
    without = trained.blocks("plain56-cifar-without-bn", 0).iloc[-1]
    learnt = trained.errors("resnet56-cifar-without-bn")
    return f"""**What it shows.** *Plain with batch norm* learns its training images worst, the networks without batch norm aside:
it errs on {mean(stored)} % of them with running statistics, on {mean(batches)} % in its last batches. Its gradients do not vanish: at
iteration 0 the first block's norm is {number(grown)} times the last's (see *depth*); then the norms in the middle dip, to {listed(dips)} of the
last block's in the {len(dips)} seeds; after iteration 100 they lie between {number(min(lows))} and {number(max(tops))} times the last block's. So
vanishing gradients are not why it learns slowly. On CIFAR-10 the dip is deeper and longer: see *figure7*. *Plain without batch norm*: at
iteration 0 the gradient has faded {number(faded)}-fold from the last block to the first, part of it through our initialisation (fan-out,
which shrinks the signal at the stem and at each change of stage) and zero padding; at the end it is exactly zero in
{int((without == 0).sum())} of {len(without)} blocks: not faded but dead ReLUs, behind which only the last bias learns. *Residual without
batch norm* starts from exploding gradients; {int((learnt < 50).sum())} of {seeds(learnt)} learn, with the clipping. *Residual with batch
norm* errs on {mean(trained.errors("resnet56-cifar"))} % of its training digits.

**What it does not show.** Norms of different networks beside each other: ∂L/∂y depends on how large y is. And not what, if not the
norm, makes plain networks with batch norm slow: *agreement* and *shattering* have candidates."""


def shortcuts(folder: Path) -> str:
    trained = Trained(folder)
    error = {name: trained.errors(name) for name in ("plain20-cifar", "resnet20-cifar", "resnet20-cifar-B", "resnet20-cifar-C")}
    options = [error[name].mean() for name in list(error)[1:]]
    plain = error["plain20-cifar"].mean()
    worst = max(list(error)[1:], key=lambda name: error[name].mean())
    return f"""**What it shows.** That there are shortcuts matters more than what stands on them: after {
        trained.iterations
    } iterations the
three options lie within {max(options) - min(options):.1f} points of training error of each other, and the plain network is {
        plain - max(options):.1f}
to {plain - min(options):.1f} points worse: {
        verdict(error[worst], error["plain20-cifar"], "more than the seeds differ", "no more than the seeds differ")
    } ({seeds(error["plain20-cifar"])}). In the paper, too, the options differ less from each other
(25.03, 24.52 and 24.19 % top-1 error with A, B and C) than from the plain network (28.54 %, Table 3), and it concludes that projections
are not essential.

**What it does not show.** The paper's order of the options, in which C is first. Of A and C after so short a schedule: {
        verdict(
            error["resnet20-cifar"],
            error["resnet20-cifar-C"],
            "C is worse here by more than the seeds differ",
            "the difference is no larger than the spread over seeds",
        )
    }. A
projection everywhere has more to learn in as few iterations. One learning rate for all."""
