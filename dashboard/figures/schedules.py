"""How long must one train until a deeper network is the better one? Errors at the end, by the length of the schedule."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from dashboard.figures.colours import of_depth
from dashboard.figures.degradation import SPLITS, Shown
from dashboard.figures.style import AXIS, BELOW, heading, log_axis, network_name, titled
from resnet_core.runs import mean_final_errors


@dataclass(frozen=True)
class Schedules:
    """What the page shows of one study at several lengths of its schedule."""

    figure: go.Figure
    ends: pd.DataFrame
    answer: str  # in Markdown; empty where no two depths share a schedule


def schedules(tables: Sequence[pd.DataFrame], depths: Sequence[int], shown: Shown) -> Schedules:
    """Of the networks of these depths; tables of `runs.load`."""
    ends = by_schedule([table[table.layers.isin(depths)] for table in tables])
    return Schedules(figure=over_schedules(ends, shown), ends=ends, answer=does_depth_pay(ends))


def by_schedule(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """`mean_final_errors` of the networks in these tables of `runs.load`, for every length of schedule in iterations."""
    each = pd.concat(tables).groupby("iterations")
    return pd.concat([mean_final_errors(part).assign(iterations=iterations) for iterations, part in each], ignore_index=True)


def over_schedules(ends: pd.DataFrame, shown: Shown = "both") -> go.Figure:
    """Error after the last iteration over the iterations trained, log scales, of each network: training (hollow) and test (full).

    A bar is the standard deviation over seeds. ends: `by_schedule`.
    """
    depths, lengths = sorted(ends.layers.unique()), sorted(ends.iterations.unique())
    figure = go.Figure()
    for word in SPLITS:
        split = {"training": "train"}.get(word, word)
        if shown not in ("both", word):
            continue
        for (layers, residual), part in ends[ends.split == split].groupby(["layers", "residual"]):
            figure.add_scatter(
                x=part.iterations, y=part["mean"], name=f"{network_name(int(layers), bool(residual))}, {word}",
                mode="lines+markers", hovertemplate="%{y:.2f} %",
                error_y={"array": part.sd.fillna(0), "visible": bool((part.n > 1).any()), "thickness": 1.5},
                line={
                    "color": of_depth(bool(residual), int(layers), depths),
                    "width": 3 if word == "test" else 1.8,
                    "dash": "solid" if word == "test" else "dash",
                },
                marker={"size": 9, "symbol": "circle" if word == "test" else "circle-open"},
            )  # fmt: skip
    figure.update_xaxes(
        type="log", tickvals=lengths, ticktext=[f"{n:,}" for n in lengths], showgrid=False,
        title=titled("iterations trained"), **AXIS,
    )  # fmt: skip
    drawn = [value for line in figure.data for value in line.y]
    figure.update_yaxes(**log_axis(drawn))
    return figure.update_layout(
        height=440,
        margin={"l": 0, "r": 8, "t": 40, "b": 110},
        hovermode="x unified",
        legend=BELOW,
        title=heading("error at the end of training, %, log scale"),
    )


def does_depth_pay(ends: pd.DataFrame) -> str:
    """Return, in Markdown, whether the deepest network beats the shallowest at each length of training.

    One paragraph for plain networks, one for residual ones. A difference within the seeds' spread (the sum of both standard
    deviations) gives no verdict. ends: a table of `by_schedule`.
    """
    said = []
    for residual, of_kind in ends.groupby("residual"):
        shallow, deep = (network_name(int(n), bool(residual)) for n in (of_kind.layers.min(), of_kind.layers.max()))
        lags = {word: _lags(of_kind[of_kind.split == split]) for split, word in (("train", "Training"), ("test", "test"))}
        if shallow == deep or lags["Training"].empty:
            continue
        words = [
            f"{word} error: {', '.join(map(_behind, found.itertuples()))} iterations"
            for word, found in lags.items()
            if len(found)
        ]
        said.append(f"**{deep} against {shallow}.** {'; '.join(words)}. {_verdict(lags['Training'])}".rstrip())
    return "\n\n".join(said)


@dataclass(frozen=True)
class Gap:
    """How the training error of the deepest network of one kind compares with the shallowest's, by the length of training.

    Args:
        lags: by iterations: `lag` in points (above zero: the deepest is behind), and the fewest `seeds`.
    """

    deep: str
    shallow: str
    lags: pd.DataFrame


def gaps(ends: pd.DataFrame) -> list[Gap]:
    """Return a gap for each kind that was trained for two lengths or more, the plain one first; ends: `by_schedule`."""
    found = []
    for residual, of_kind in ends[ends.split == "train"].groupby("residual"):
        shallow, deep = (network_name(int(n), bool(residual)) for n in (of_kind.layers.min(), of_kind.layers.max()))
        lags = _lags(of_kind)
        if shallow != deep and len(lags) > 1:
            found.append(Gap(deep, shallow, lags))
    return found


def _lags(ends: pd.DataFrame) -> pd.DataFrame:
    """By iterations: how far the deepest network's error lies above the shallowest's, both spreads, and the fewest seeds."""
    if ends.empty:
        return pd.DataFrame(columns=["lag", "spread", "seeds"])
    tables = (ends.pivot(index="iterations", columns="layers", values=each).iloc[:, [0, -1]] for each in ("mean", "sd", "n"))
    means, sds, seeds = tables
    lag = (means.iloc[:, -1] - means.iloc[:, 0]).dropna()
    return pd.DataFrame({"lag": lag, "spread": sds.fillna(0).sum(axis=1), "seeds": seeds.min(axis=1)}).loc[lag.index]


def _behind(row: Any) -> str:
    if f"{row.lag:.1f}" in ("0.0", "-0.0"):
        return f"equal after {row.Index:,}"
    return f"{abs(row.lag):.1f} points {'behind' if row.lag > 0 else 'ahead'} after {row.Index:,}"


def _verdict(lags: pd.DataFrame) -> str:
    """By the training error, in which degradation shows; nothing of a single length, or of one that goes to and fro."""
    ahead, behind = lags.lag < -lags.spread, lags.lag > lags.spread
    if len(lags) < 2:
        return ""
    if ahead.all():
        return "The deeper network learns more at every length."
    if not ahead.any():
        less = "The deeper network learns less at every length."
        return less if behind.all() else "At no length does the deeper network learn more."
    first = ahead.idxmax()
    if not ahead.loc[first:].all():
        return ""
    seeds = " (one seed)" if lags.seeds[first] == 1 else ""
    if first == lags.index.max():
        return f"The deeper network learns more with {first:,} iterations, the longest training here{seeds}."
    return f"From {first:,} iterations on, the deeper network learns more{seeds}."
