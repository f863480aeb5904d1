"""Do deeper networks learn worse? The scene of the page Degradation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, get_args

import pandas as pd

from dashboard.figures.degradation import Axis, Shown, degradation
from dashboard.figures.schedules import schedules
from dashboard.figures.style import network_name
from dashboard.scenes.link_words import BOOLEAN, STUDIES, LinkWords
from dashboard.scenes.scene import Exhibit, Part, Scene, Try
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
            message="Error after the last iteration, by depth",
            alt="Error at the end of training over the number of layers, plain and residual",
            origin="measured",
            provenance="training images as they are · bars: standard deviation over seeds"
            + (QUOTED if paper and shown != "training" else ""),
            numbers=lambda: found.at_the_end,
            place="left",
        )
    ]
    if len({each.scale for each in alike}) > 1:
        others = schedules([each.table for each in alike], depths, shown)
        support.append(
            Exhibit(
                key="degradation-schedules",
                figure=others.figure,
                message=_first_comparison(others.answer),
                alt="Error at the end of training over the number of iterations trained, a line a network",
                origin="measured",
                provenance=f"{', '.join(study.data)} · bars: standard deviation over seeds",
                numbers=lambda: others.ends,
                caption=_plain_text(others.answer),
                place="right",
            )
        )
    return Scene(
        question=QUESTION,
        answer=_without_brackets(_plain_text(found.overfitting.split("\n\n")[0])).removeprefix("No. ")
        or _answer(found.at_the_end),
        main=tuple(main),
        support=tuple(support),
        try_this=(
            Try("Shorter training, three seeds", {"study": "figure6-x0.025"}),
            Try("Longer training: does depth pay?", {"study": "figure6-x0.2"}),
            Try("Predict first", {"ask": "true"}),
        ),
        does_not_show=_limits(study, paper),
        provenance=(study.words, *map(_plain_text, findings)),
        notices=tuple(notices),
    )


def _answer(ends: pd.DataFrame) -> str:
    rows = ends[ends.split == "train"]
    said = [f"{network_name(int(row.layers), bool(row.residual))} {row.mean:.1f} %" for row in rows.itertuples()]
    return f"Training error at the end: {', '.join(said)}."


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


def _limits(study: StudyResults, paper: Mapping[str, Any] | None) -> str:
    said = []
    if study.scale < 1:
        said.append(
            f"These networks were trained for {study.scale:.3g} of the recipe's iterations: far from converged, and so short a "
            "schedule may hold deep residual networks back too." + (" The paper trained for 64,000." if paper else "")
        )
    if study.table.seed.nunique() == 1:
        said.append("It has one seed: how far another one would lie away is not known.")
    return " ".join(said)


def _first_comparison(answer: str) -> str:
    """The first pair of depths and how far apart their training errors are, of what `does_depth_pay` says."""
    pair, _, said = _plain_text(answer).partition(". ")
    return f"{pair}: {said.split(';')[0]}" if said else "How long must one train until depth pays?"


def _without_brackets(text: str) -> str:
    """The numbers that follow a verdict in brackets, as a sentence."""
    return text.replace(" (", " ").removesuffix(")")


def _plain_text(markdown: str) -> str:
    """Markdown of our own as plain text."""
    return markdown.replace("**", "").replace("*", "").replace("`", "")
