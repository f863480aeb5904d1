"""What did a plain network of 34 layers and its twin reach, each at its own learning rate?"""

from __future__ import annotations

import json
from pathlib import Path

from dashboard.findings.numbers import Trained, between
from resnet_core import runs
from resnet_core.assets import WEIGHTS

NAMES = {"plain34": "plain-34", "resnet34": "ResNet-34"}
FEW = 1.0  # a difference in points below which one image in a hundred decides
DATA_NOTE = (
    "It is plain-34 by the paper's definition, at half its width, on 50 classes; He et al. report 28.54 % for plain-34 and 25.03 % "
    "for ResNet-34 on ImageNet (Table 2)"
)


def bundled_pair(folder: Path) -> str:
    """The errors of the networks in assets/weights, from the runs in the folder that trained them."""
    ends = runs.final_errors(runs.load(folder)).set_index("run")
    names = bundled_plain_and_residual()
    trained = {name: ends.loc[run] for name, run in names.items()}
    rows = []
    for split, words in (("test", "test error"), ("train", "training error, images as they are")):
        for statistics in ("running", "re-estimated"):
            errors = [part[(part.split == split) & (part.statistics == statistics)].error_percent for part in trained.values()]
            if all(len(error) for error in errors):
                rows.append(
                    f"| {words}, {statistics} statistics of batch norm | {' | '.join(f'{e.iloc[0]:.2f} %' for e in errors)} |"
                )
    iterations = " and ".join(dict.fromkeys(f"{part.iterations.iloc[0]:,}" for part in trained.values()))
    lines = "\n".join(rows)
    return f"""| | {" | ".join(names)} |
|---|---|---|
{lines}

Each was trained with one seed for {iterations} iterations; they have not converged."""


def bundled_plain_and_residual() -> dict[str, str]:
    """The runs that trained the bundled pair, by the networks' names."""
    facts = {path.stem: describe(path) for path in sorted(WEIGHTS.glob("*.safetensors"))}
    return {name: str(fact["run"]) for name, fact in facts.items()}


def describe(path: Path) -> dict[str, object]:
    """What a weights file says of itself, without torch."""
    with path.open("rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
    description: dict[str, object] = json.loads(header["__metadata__"]["resnet_lens"])
    return description


def rates_of(folder: Path) -> dict[str, dict[float, tuple[float, float]]]:
    """By network and learning rate: the training error and the error on new images, statistics estimated anew."""
    ends = runs.final_errors(runs.load(folder))
    ends = ends[ends.statistics == "re-estimated"]
    found: dict[str, dict[float, tuple[float, float]]] = {}
    for network, part in ends.groupby("network"):
        kind, _, rate = str(network).partition("-rate-")
        means = part.groupby("split").error_percent.mean()
        found.setdefault(kind, {})[float(rate)] = (float(means["train"]), float(means["test"]))
    return found


def best_rate(errors: dict[float, tuple[float, float]]) -> float:
    """The learning rate with the lowest error on new images."""
    return min(errors, key=lambda rate: errors[rate][1])


def pair_rates(folder: Path) -> str:
    found = rates_of(folder)
    trained = Trained(folder)
    best = {kind: best_rate(errors) for kind, errors in found.items()}
    lines = [
        f"{NAMES[kind]} {', '.join(f'{test:.1f} % at {rate:g}' for rate, (_, test) in sorted(errors.items()))}"
        for kind, errors in sorted(found.items())
    ]
    clipped = trained.table[trained.table.metric == "clipped_percent"].groupby("network").value.mean()
    acts = "; ".join(
        f"{between(clipped[[name for name in clipped.index if name.startswith(kind)]], 0)} % in {NAMES[kind]}"
        for kind in sorted(found)
    )
    same = best["plain34"] == best["resnet34"]
    edges = [NAMES[kind] for kind in found if best[kind] in (min(found[kind]), max(found[kind]))]
    edge = f" The best rate of {' and of '.join(edges)} is at the edge of what was tried." if edges else ""
    return f"""**What it shows.** After {trained.iterations} iterations, errors on held-out images: {"; ".join(lines)}. The best learning rate is
{best["plain34"]:g} for plain-34 and {best["resnet34"]:g} for ResNet-34: {"the same" if same else "each has its own"}.{edge} Clipping acted in {acts}
of the iterations, by rate.

**What it does not show.** How far each gets: it is a fifth of the schedule of *pair*, at 48 pixels. One seed, and
{best_margin(found)}."""


def best_margin(found: dict[str, dict[float, tuple[float, float]]]) -> str:
    margins = []
    for kind, errors in sorted(found.items()):
        first, second, *_ = sorted(test for _, test in errors.values())
        margins.append(f"{second - first:.1f} points between the best and the next rate of {NAMES[kind]}")
    return " and ".join(margins)


def pair(folder: Path) -> str:
    found = rates_of(folder)
    trained = Trained(folder)
    pilots = rates_of(folder.parent / "pair-rates")
    best = {kind: best_rate(errors) for kind, errors in pilots.items()}
    own = {kind: found[kind][best[kind]] for kind in ("plain34", "resnet34")}
    gap = own["plain34"][1] - own["resnet34"][1]
    ratio = own["plain34"][0] / own["resnet34"][0] if own["resnet34"][0] else float("inf")
    common = [rate for rate in found["plain34"] if rate in found["resnet34"] and best["plain34"] != best["resnet34"]]
    beside = "".join(
        f" Both at {rate:g}: {found['plain34'][rate][1]:.1f} and {found['resnet34'][rate][1]:.1f} %." for rate in sorted(common)
    )
    stored = {kind: trained.errors(f"{kind}-rate-{best[kind]:g}", "test").mean() for kind in best}
    further = max(abs(stored[kind] - own[kind][1]) for kind in best)
    statistics = (
        f"With batch norm's running statistics the errors are {stored['plain34']:.1f} and {stored['resnet34']:.1f} %."
        if further >= FEW
        else "Running and re-estimated statistics of batch norm give the same to within a point."
    )
    begins = "learns" if own["plain34"][0] < 80 else "has hardly begun to learn"
    return f"""**What it shows.** After {trained.iterations} iterations, each at its own best learning rate ({best["plain34"]:g} and
{best["resnet34"]:g}), plain-34 errs on {own["plain34"][1]:.1f} % of the test images and ResNet-34 on {own["resnet34"][1]:.1f} %: a gap of {gap:.1f} points. On
training images it is {own["plain34"][0]:.1f} and {own["resnet34"][0]:.1f} %, {ratio:.1f} times as many.{beside} {statistics} Plain-34 {begins}, and
more slowly than its twin. He et al. (section 4.1) conjecture that deep plain networks “may have exponentially low convergence rates”.

**What differs from the paper.** {DATA_NOTE}. Batches of 64, images that grow from 48 to 128 pixels, a linear warm-up, the gradient
clipped at a norm of 5, a cosine, and weight decay on kernels only.

**What it does not show.** Converged networks: that would need twice the schedule, and both to move by less than a point. And one seed:
how far another one would lie away is not known."""
