"""Do deeper networks learn worse? Errors over training, and at its end, by depth: plain beside residual (Figure 6)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, Literal

import pandas as pd
import plotly.graph_objects as go

from dashboard.figures.colours import NEUTRAL, of_depth, of_network
from dashboard.figures.style import AXIS, BELOW, TICKS, heading, network_name, titled
from resnet_core.runs import mean_final_errors

Shown = Literal["both", "training", "test"]
Axis = Literal["iterations", "minutes"]
SPLITS = {"training": "train_batches", "test": "test"}
_PAPER = "the paper, Table 6"


@dataclass(frozen=True)
class Degradation:
    """All that the page shows of a study. By kind of network (residual or not): curves and the numbers behind them."""

    curves: dict[bool, go.Figure]
    errors: dict[bool, pd.DataFrame]
    ends: go.Figure
    at_the_end: pd.DataFrame
    overfitting: str  # the answer in words; empty where one depth answers nothing


def degradation(
    table: pd.DataFrame, depths: Sequence[int], shown: Shown, axis: Axis, paper: Mapping[str, Any] | None
) -> Degradation:
    """The figures of a study's networks of these depths; `paper` as in `degradation_curves`."""
    table = errors(table[table.layers.isin(depths)])
    columns = ["run", "layers", "seed", "split", "step", "value"]
    return Degradation(
        curves={residual: degradation_curves(table, residual, shown, axis, paper) for residual in (False, True)},
        errors={residual: table[table.residual == residual][columns] for residual in (False, True)},
        ends=end_points(table, shown, paper),
        at_the_end=mean_final_errors(table),
        overfitting=is_it_overfitting(table),
    )


def errors(table: pd.DataFrame) -> pd.DataFrame:
    """The top-1 errors of whole networks among the rows of `runs.load`."""
    return table[(table.metric == "error_percent") & table.block.isna()]


def over_seeds(table: pd.DataFrame, split: str) -> pd.DataFrame:
    """Error in percent over the iterations, a row a network and step: mean, low, high and number of seeds (n).

    minutes: since the start, on the clock of the runs, whose time is spread evenly over their iterations.
    """
    rows = errors(table)
    rows = rows[rows.split == split]
    rows = rows.assign(minutes=rows.step * rows.seconds / rows.iterations / 60)
    grouped = rows.groupby(["layers", "residual", "network", "step"])
    found = grouped.agg(
        mean=("value", "mean"), low=("value", "min"), high=("value", "max"), n=("value", "size"), minutes=("minutes", "mean")
    )
    found = found.reset_index()
    # where one seed is ahead of another, a mean would jump: it ends where the last seed ends
    return found[found.n == found.groupby("network").n.transform("max")]


def degradation_curves(
    table: pd.DataFrame,
    residual: bool,
    shown: Shown = "both",
    axis: Axis = "iterations",
    paper: Mapping[str, Any] | None = None,
) -> go.Figure:
    """Errors over training of the plain or of the residual networks of a study; lightness is depth, a band is all seeds.

    Both kinds have the same scales, which follow from the whole table. paper: Table 6 by network ("resnet20": percent), drawn
    as a level; None where the data are not CIFAR-10.
    """
    depths = sorted(table.layers.unique())
    longest, tops = 0.0, [1.0]
    ends: list[tuple[float, str, str]] = []
    figure = go.Figure()
    for word, split in SPLITS.items():
        if shown not in ("both", word):
            continue
        for (layers, is_residual), part in over_seeds(table, split).groupby(["layers", "residual"]):
            x = part["step" if axis == "iterations" else "minutes"]
            longest = max(longest, x.iloc[-1])
            tops.append(part[part.step >= part.step.max() / 8].high.max())
            if is_residual != residual:
                continue
            colour, name = of_depth(residual, int(layers), depths), network_name(int(layers), residual)
            if part.n.iloc[-1] > 1:
                figure.add_scatter(
                    x=[*x, *x[::-1]], y=[*part.high, *part.low[::-1]], fill="toself", fillcolor=colour, opacity=0.22,
                    line_width=0, mode="lines", hoverinfo="skip", showlegend=False,
                )  # fmt: skip
            figure.add_scatter(
                x=x, y=part["mean"], name=f"{name}, {word}", mode="lines", showlegend=False, hovertemplate="%{y:.1f} %",
                line={"color": colour, "width": 3 if word == "test" else 1.8, "dash": "solid" if word == "test" else "dash"},
            )  # fmt: skip
            if word == ("training" if shown == "training" else "test"):
                ends.append((float(part["mean"].iloc[-1]), name, colour))
    quoted = {n: (paper or {}).get(f"resnet{n}") for n in depths}
    marked = [n for n in depths if quoted[n] and ((table.layers == n) & table.residual).any()]
    if residual and shown != "training" and marked:
        for n in marked:  # a level, not a point of this training, which is shorter
            figure.add_scatter(
                x=[0, longest], y=[quoted[n]] * 2, mode="lines", name=_PAPER, showlegend=False,
                line={"dash": "dot", "width": 2, "color": of_depth(True, n, depths)},
                hovertemplate=f"ResNet-{n}: %{{y}} %, {_PAPER}, 64,000 iterations",
            )  # fmt: skip
        middle = sum(float(quoted[n] or 0) for n in marked) / len(marked)
        figure.add_annotation(
            x=1.015 * longest, y=middle, showarrow=False, xanchor="left", align="left",
            text=f"paper {', '.join(f'{quoted[n]:g}' for n in marked)}", font={"size": 14},
        )  # fmt: skip
    top = min(100.0, 1.06 * max(tops))
    unit = "iteration" if axis == "iterations" else "minutes of training"
    figure.update_xaxes(range=[0, 1.5 * longest], title=titled(unit), showgrid=False, **AXIS)
    if longest:
        figure.update_xaxes(tickvals=ticks(longest))
    figure.update_yaxes(range=[0, top], **TICKS, **AXIS)
    for y, (value, name, colour) in zip(apart([v for v, *_ in ends], top / 17), ends, strict=True):
        figure.add_annotation(
            x=1.015 * longest, y=y, text=f"<span style='color:{colour}'>━</span> {name} <b>{value:.1f}</b>",
            showarrow=False, xanchor="left", font={"size": 14},
        )  # fmt: skip
    kind = f"<span style='color:{of_network(residual)}'>■</span> {'Residual' if residual else 'Plain'} networks"
    lines = {
        "both": "test (solid), training batches (dashed), %",
        "training": "error on training batches, %",
        "test": "error on test images, %",
    }
    figure.update_layout(
        height=440,
        margin={"l": 0, "r": 0, "t": 40, "b": 48},
        hovermode="x unified",
        title=heading(f"{kind}: {lines[shown]}"),
    )  # fmt: skip
    return figure


def end_points(table: pd.DataFrame, shown: Shown = "both", paper: Mapping[str, Any] | None = None) -> go.Figure:
    """Error after the last iteration over depth, with the sd over seeds: plain and residual, training (hollow) and test (full).

    The training images are as they are, not augmented as the batches of `degradation_curves`. paper: as there; its residual
    networks are joined by a grey line.
    """
    ends = mean_final_errors(table)
    ends = ends[ends.split.isin({"both": ["train", "test"], "training": ["train"], "test": ["test"]}[shown])]
    depths = sorted(table.layers.unique())
    places = {n: i for i, n in enumerate(depths)}
    lines = []
    for (residual, split), part in ends.groupby(["residual", "split"]):
        name = f"{'residual' if residual else 'plain'}, {'training' if split == 'train' else 'test'}"
        test = split == "test"
        lines.append(
            go.Scatter(
                x=part.layers.map(places), y=part["mean"], name=name, mode="lines+markers",
                error_y={"array": part.sd.fillna(0), "visible": bool((part.n > 1).any()), "thickness": 1.5},
                line={"color": of_network(bool(residual)), "width": 3 if test else 1.8, "dash": "solid" if test else "dash"},
                marker={"size": 9, "symbol": "circle" if test else "circle-open"},
                hovertemplate="%{y:.2f} %",
            )
        )  # fmt: skip
    quoted = [(n, paper[f"resnet{n}"]) for n in depths if paper and shown != "training" and f"resnet{n}" in paper]
    if quoted:
        lines.append(
            go.Scatter(
                x=[places[n] for n, _ in quoted], y=[value for _, value in quoted], name="residual, test: " + _PAPER,
                mode="lines+markers", line={"color": NEUTRAL, "width": 1.5, "dash": "dot"},
                marker={"symbol": "diamond-open", "size": 9}, hovertemplate="%{y:.2f} %",
            )
        )  # fmt: skip
    return go.Figure(
        lines,
        {
            "height": 440,
            "margin": {"l": 0, "r": 8, "t": 40, "b": 110},
            "hovermode": "x unified",
            "xaxis": {
                "tickvals": list(places.values()), "ticktext": [str(n) for n in depths], "showgrid": False, "zeroline": False,
                "range": [-0.3, len(depths) - 0.7], "title": titled("layers"), **AXIS,
            },
            "yaxis": {"rangemode": "tozero", **TICKS, **AXIS},
            "legend": BELOW,
            "title": heading("error after the last iteration, %"),
        },
    )  # fmt: skip


def is_it_overfitting(table: pd.DataFrame) -> str:
    """The answer that these runs give, in Markdown: the deepest plain network against the shallowest one, on both sets.

    A deeper network that overfits is better on the images it was trained on and worse on others; one that suffers from
    degradation is worse on both (section 1 of the paper). A verdict needs a difference larger than both spreads over seeds,
    so that one seed gives none.
    """
    ends = mean_final_errors(table).set_index(["residual", "layers", "split"])
    both = {kind: sorted({n for r, n, _ in ends.index if r == kind}) for kind in (False, True)}
    said = []
    for residual in (False, True):
        if len(both[residual]) < 2:
            continue
        depths = both[residual][0], both[residual][-1]
        if any((residual, n, split) not in ends.index for n in depths for split in ("train", "test")):
            continue  # a run that was never tested
        shallow, deep = (network_name(n, residual) for n in depths)
        train, test = ([ends.loc[(residual, n, split), "mean"] for n in depths] for split in ("train", "test"))
        seeds, spread = (ends.loc[[(residual, n, "train") for n in depths], column] for column in ("n", "sd"))
        if (seeds < 2).any():
            said.append(
                f"One seed gives no verdict. {deep} has a training error of {train[1]:.1f} %, {shallow} of {train[0]:.1f} %; "
                f"a test error of {test[1]:.1f} % and {test[0]:.1f} %."
            )
            continue
        spread = spread.sum()
        if train[1] > train[0] + spread and not residual:
            verdict = (
                f"**No.** {deep} is worse than {shallow} on the very images that it was trained on: it has not learnt them too "
                "well, it has learnt them less."
            )
        elif train[1] > train[0] + spread:
            verdict = f"**Not overfitting**: within this schedule {deep} is worse than {shallow} on its training images too."
        elif train[1] < train[0] - spread and test[1] > test[0]:
            verdict = f"**Yes, for {deep}**: better than {shallow} on its training images, worse on new ones."
        elif train[1] < train[0] - spread:
            verdict = f"{deep} is better than {shallow} on its training images, and on new ones too."
        else:
            verdict = f"{deep} and {shallow} learn their training images equally well within the seeds' spread."
        said.append(
            f"{verdict} (Training error {train[0]:.1f} % at {depths[0]} layers and {train[1]:.1f} % at {depths[1]}, test error "
            f"{test[0]:.1f} % and {test[1]:.1f} %.)"
        )
    return "\n\n".join(said)


def size_changes(schedules: Iterable[tuple[tuple[int, int], ...]]) -> str:
    """Where curves jump because the images become larger, in Markdown; empty where all keep their size.

    schedules: of each run, the iterations and the resolution of its phases.
    """
    said = []
    for each in sorted({phases for phases in schedules if len(phases) > 1}):
        ends = accumulate(iterations for iterations, _ in each)
        parts = [f"{side} pixels up to iteration {end:,}" for (_, side), end in zip(each, ends, strict=True)]
        said.append(f"The images have {', then '.join(parts)}; where they grow, the errors jump: the network meets a new size.")
    return "  \n".join(said)


def ticks(longest: float) -> list[float]:
    steps = [m * 10.0**e for e in range(-2, 6) for m in (1, 2, 2.5, 5)]
    step = next((s for s in steps if longest / s <= 5), longest)
    return [i * step for i in range(int(longest / step + 1e-9) + 1)]


def apart(values: Sequence[float], gap: float) -> list[float]:
    """The heights, in the same order, moved as little as it takes for neighbours to be `gap` apart, none below gap / 2."""
    order = sorted(range(len(values)), key=lambda i: values[i])
    placed = list(values)
    floor = gap / 2
    for i in order:
        placed[i] = max(values[i], floor)
        floor = placed[i] + gap
    return placed
