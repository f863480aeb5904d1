"""Do deeper networks learn worse? The scene of the page Degradation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, get_args

import pandas as pd

from dashboard import words
from dashboard.figures.degradation import Axis, Degradation, Shown, degradation
from dashboard.figures.schedules import Gap, gaps, schedules
from dashboard.figures.style import network_name
from dashboard.scenes.exhibit import Exhibit, Part
from dashboard.scenes.link_words import BOOLEAN, STUDIES, LinkWords
from dashboard.scenes.scene import Scene, Try
from resnet_core.studies.collection import StudyResults

QUESTION = "Do deeper networks learn worse?"
QUOTED = " · dotted: the paper, Table 6, after 64,000 iterations"
CODE = """import resnet_core as lens

table = lens.runs.load("assets/studies/{study}")
lens.runs.final_errors(table)
"""
LINK = LinkWords(
    {"study": STUDIES, "depths-*": None, "error": get_args(Shown), "over": get_args(Axis), "ask": BOOLEAN},
    ("prediction", "degradation-plain", "degradation-residual", "degradation-ends", "degradation-schedules"),
)


def degradation_scene(
    study: StudyResults,
    depths: Sequence[int],
    shown: Shown,
    axis: Axis,
    paper: Mapping[str, Any] | None,
    alike: Sequence[StudyResults],
    findings: Sequence[str],
) -> Scene:
    """Return the scene of one study.

    Args:
        study: networks of several depths, plain and residual or one of both.
        depths: those that are shown; at least one.
        paper: Table 6 by network, where the data are CIFAR-10.
        alike: the same study with other lengths of its schedule, itself among them.
        findings: what was found in it, a paragraph each, for "How it was made".
    """
    found = degradation(study.table, depths, shown, axis, paper)
    main: list[Part] = []
    notices = []
    for residual, kind in ((False, "plain"), (True, "residual")):
        if residual not in study.kinds:
            notices.append(f"This study has no {kind} networks.")
            continue
        main.append(
            Exhibit(
                key=f"degradation-{kind}",
                figure=found.curves[residual],
                message=_of_one_kind(found.at_the_end, residual),
                alt=f"Error over training of {kind} networks, a curve a depth",
                origin="measured",
                provenance=study.words + (QUOTED if residual and paper and shown != "training" else ""),
                numbers=lambda residual=residual: found.errors[residual],  # type: ignore[misc]
                code=CODE.format(study=study.name),
                place="right" if residual else "left",
            )
        )
    support: list[Part] = [
        Exhibit(
            key="degradation-ends",
            figure=found.ends,
            message=_by_depth(found.at_the_end),
            alt="Error at the end of training over the number of layers, plain and residual",
            origin="measured",
            provenance="training images as they are · bars: standard deviation over seeds"
            + (QUOTED if paper and shown != "training" else ""),
            numbers=lambda: found.at_the_end,
            place="left",
        )
    ]
    others = schedules([each.table for each in alike], depths, shown) if len({each.scale for each in alike}) > 1 else None
    across = gaps(others.ends) if others else []
    if others:
        support.append(
            Exhibit(
                key="degradation-schedules",
                figure=others.figure,
                message=_at_longest(across),
                alt="Error at the end of training over the number of iterations trained, a line a network",
                origin="measured",
                provenance=f"{', '.join(study.data)} · bars: standard deviation over seeds",
                numbers=partial(_itself, others.ends),
                caption="Solid: test error; dashed: training error. Dark: deep.",
                place="right",
            )
        )
    return Scene(
        question=QUESTION,
        answer=_answer(study, found, across),
        main=tuple(main),
        support=tuple(support),
        try_this=(
            Try("Shorter training, three seeds", {"study": "figure6-x0.025"}),
            Try("Longer training: does depth pay?", {"study": "figure6-x0.2"}),
            Try("Predict first", {"ask": "true"}),
        ),
        does_not_show=_limits(study, paper),
        provenance=(study.words, *map(words.from_markdown, findings)),
        notices=tuple(notices),
    )


def _answer(study: StudyResults, found: Degradation, across: Sequence[Gap]) -> str:
    """The verdict of several seeds; of one, which gives none, how depth and the length of training go together."""
    if across and study.table.seed.nunique() == 1:
        return _over_lengths(across)
    verdict = _without_brackets(words.from_markdown(found.overfitting.split("\n\n")[0])).removeprefix("No. ")
    if verdict:
        return verdict
    ends = found.at_the_end
    rows = ends[ends.split == "train"]
    said = [f"{network_name(int(row.layers), bool(row.residual))} {row.mean:.1f} %" for row in rows.itertuples()]
    return f"Training error at the end: {', '.join(said)}."


def _over_lengths(across: Sequence[Gap]) -> str:
    """How far each deepest network is behind the shallowest, in points of training error, at each length of training."""
    said = []
    for gap in across:
        lag = gap.lags.lag
        if (lag > 0).all():
            points = ", ".join(f"{value:.1f} after {length:,}" for length, value in lag.items())
            said.append(f"{gap.deep} stays behind {gap.shallow}, by points: {points}")
            continue
        verb = "catches up with" if lag.iloc[-1] < 0 < lag.iloc[0] else "against"
        points = ", ".join(
            f"{abs(value):.1f} {'behind' if value > 0 else 'ahead'} after {length:,}" for length, value in lag.items()
        )
        said.append(f"{gap.deep} {verb} {gap.shallow}: {points}")
    single = sorted({int(length) for gap in across for length in gap.lags.index[gap.lags.seeds == 1]})
    seeds = f" (one seed at {' and '.join(f'{length:,}' for length in single)})" if single else ""
    return f"Training error by iterations: {'; '.join(said)}{seeds}."


def _at_longest(across: Sequence[Gap]) -> str:
    said = []
    for gap in across:
        lag = gap.lags.lag.iloc[-1]
        said.append(f"{gap.deep} is {abs(lag):.1f} points {'behind' if lag > 0 else 'ahead'} after {gap.lags.index[-1]:,}")
    return f"Training longer: {', '.join(said)}" if said else "How long must one train until depth pays?"


def _of_one_kind(ends: pd.DataFrame, residual: bool) -> str:
    """How the training error at the end changes from the shallowest to the deepest network of one kind."""
    rows = ends[(ends.residual == residual) & (ends.split == "train")].sort_values("layers")
    if rows.empty:
        return f"No {'residual' if residual else 'plain'} network has reached its end"
    first, last = rows.iloc[0], rows.iloc[-1]
    names = [network_name(int(each.layers), residual) for each in (first, last)]
    if len(rows) == 1:
        return f"{names[0]} ends at {first['mean']:.1f} % training error"
    return f"{names[0]} ends at {first['mean']:.1f} % training error, {names[1]} at {last['mean']:.1f} %"


def _by_depth(ends: pd.DataFrame) -> str:
    """How far the deepest network's training error lies from the shallowest's, a clause a kind."""
    said = []
    for residual, part in ends[ends.split == "train"].sort_values("layers").groupby("residual"):
        change = part["mean"].iloc[-1] - part["mean"].iloc[0]
        if len(part) > 1:
            said.append(f"{'residual' if residual else 'plain'} {change:+.1f} points")
    depths = f"From {int(ends.layers.min())} to {int(ends.layers.max())} layers, the training error changes"
    return f"{depths}: {', '.join(said)}" if said else "Error after the last iteration, by depth"


def _limits(study: StudyResults, paper: Mapping[str, Any] | None) -> str:
    said = []
    if study.scale < 1:
        said.append(
            f"These networks were trained for {study.scale:.3g} times the recipe's iterations: they are far from converged, "
            f"and so "
            "short a schedule may hold deep residual networks back too." + (" The paper trained for 64,000." if paper else "")
        )
    if study.table.seed.nunique() == 1:
        said.append("There is one seed: how far another would differ is not known.")
    return " ".join(said)


def _itself(table: pd.DataFrame) -> pd.DataFrame:
    return table


def _without_brackets(text: str) -> str:
    """The numbers that follow a verdict in brackets, as a sentence."""
    return text.replace(" (", " ").removesuffix(")")
