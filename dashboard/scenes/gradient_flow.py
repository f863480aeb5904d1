"""How does the gradient come back, before training and in it? The scenes of the page Gradient flow."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING

import pandas as pd

from dashboard.figures.gradient_flow import (
    HEALTHY,
    correlation_curves,
    do_they_vanish,
    evolution,
    evolution_table,
    first_to_last,
    flow_curves,
    flow_table,
    fold_words,
    norm_curves,
    recorded_norms,
    training_summary,
)
from dashboard.scenes.exhibit import Exhibit, Part, Table
from dashboard.scenes.link_words import BOOLEAN, STUDIES, LinkWords
from dashboard.scenes.recorded import data_words
from dashboard.scenes.scene import Scene, Try
from resnet_core.pictures.samples import SAMPLES
from resnet_core.studies.collection import MeasurementResults, StudyResults

if TYPE_CHECKING:  # at run time, it would bring torch
    from resnet_core.inspection.gradients import GradientFlow

QUESTION = "Is it vanishing gradients?"
CODE = """import resnet_core as lens

network = lens.build({network!r}, seed={seed})
lens.gradient_flow(network, images, labels).table
"""
LINK = LinkWords(
    {
        "networks": None,
        "layers": ("20", "32", "44", "56", "110", "1202"),
        "bn": BOOLEAN,
        "seed": range(1000),
        "images": ("digits", "samples", *SAMPLES),
        "study": STUDIES,
        "depth": range(1, 2000),
        "of": range(10_000),
        "ask": BOOLEAN,
    },
    ("prediction", "gradient-norm-of-batch", "correlation", "gradient-norm-recorded", "evolution", "training-summary"),
)


def batch_exhibits(
    flows: Mapping[bool, GradientFlow],
    correlations: Mapping[bool, pd.DataFrame],
    names: Mapping[bool, str],
    badge: str,
    neighbours: str,
    against: str,
    seed: int,
) -> tuple[Part, ...]:
    """One batch, forward and backward: norms and correlations by block.

    Args:
        flows, correlations, names: by kind, whether residual.
        badge: batch, networks and initialisation in words.
        neighbours: how many inputs were compared, and how far apart.
        against: what the loss is against, where the images have no labels; "".
    """
    near = {residual: _first_block(table) for residual, table in correlations.items()}
    return (
        Exhibit(
            key="gradient-norm-of-batch",
            figure=flow_curves(flows, "gradient_norm"),
            message=f"Gradient on its way back: plain {fold_words(first_to_last(flows[False]))}, residual "
            f"{fold_words(first_to_last(flows[True]))}",
            alt="Gradient norm of every block, both networks",
            origin="measured",
            provenance=badge,
            numbers=partial(flow_table, flows),
            caption=f"Multiplied by the length of the output, which takes out the output's scale: plain "
            f"{_scale_free(flows[False])}, residual {_scale_free(flows[True])}."
            + (f" The loss is against {against}." if against else ""),
            code=CODE.format(network=names[False], seed=seed),
            place="left",
        ),
        Exhibit(
            key="correlation",
            figure=correlation_curves(correlations),
            message=f"Do similar inputs have similar gradients? At the first block: plain {near[False]:.2f}, residual "
            f"{near[True]:.2f}",
            alt="Correlation of gradients at neighbouring inputs, by block",
            origin="measured",
            provenance=f"{badge} · {neighbours}",
            numbers=lambda: pd.concat(
                [correlations[False].assign(network="plain"), correlations[True].assign(network="residual")]
            ),
            caption="Correlation: 1, the gradient at a similar input points the same way; 0, it might as well be noise "
            "(shattered "
            "gradients, Balduzzi et al. 2017).",
            place="right",
        ),
    )


def recorded_exhibits(study: MeasurementResults, layers: int, batch_norm: bool) -> tuple[Part, ...]:
    """What a study recorded of new networks of that depth; nothing where it has none."""
    norms = recorded_norms(study.table, layers, batch_norm)
    if not norms:
        return ()
    said = [f"{'residual' if kind else 'plain'} {fold_words(_ends(norms[kind]))}" for kind in norms]
    lost = "" if len(norms) == 2 else " The other network's gradient overflows everywhere."
    return (
        Exhibit(
            key="gradient-norm-recorded",
            figure=norm_curves(norms),
            message=f"Recorded with {layers:,} layers, the gradient on its way back: {', '.join(said)}",
            alt=f"Recorded gradient norm of every block of {layers} layers",
            origin="measured",
            provenance=data_words(study),
            numbers=lambda: pd.DataFrame(
                {"residual" if kind else "plain": values for kind, values in norms.items()}
            ).reset_index(),
            caption=f"Geometric mean over seeds, on {study.table.data.iloc[0]}.{lost} What is missing overflowed. Your own "
            f"batch has to be computed.",
        ),
    )


def _ends(norms: pd.Series) -> float:
    return float(norms.iloc[0] / norms.iloc[-1])  # nan where the first block's overflowed


def training_exhibits(study: StudyResults, depth: int, seed: int) -> tuple[Part, ...]:
    """How the norms developed in a recorded training."""
    said = do_they_vanish(study.table, depth, seed).replace("**", "").replace("- ", "").split("\n")
    return (
        Exhibit(
            key="evolution",
            figure=evolution(study.table, depth, seed),
            message=f"Gradient norm over the training, {said[0]}",
            alt=f"Gradient norm by iteration and block, {depth} layers",
            origin="measured",
            provenance=f"{study.words} · shown: seed {seed}",
            numbers=partial(evolution_table, study.table, depth, seed),
            caption=" ".join(line for line in said[1:] if line) + " Blank: the norm is zero.",
        ),
    )


def gradient_flow_scene(
    batch: tuple[Part, ...], training: tuple[Part, ...], flows: Mapping[bool, GradientFlow], gradients: StudyResults | None
) -> Scene:
    """Return the scene of the page.

    Args:
        batch: of `batch_exhibits`, or while they are not computed of `recorded_exhibits`.
        training: of `training_exhibits`; empty where no study recorded gradients.
        flows: those that `batch` shows.
        gradients: the study `gradients`, whose summary is quoted.
    """
    summary = (
        Table(
            "training-summary",
            training_summary(gradients.table),
            "56 layers on handwritten digits: gradient norms and errors, means over seeds",
            index=False,
        )
        if gradients
        else None
    )
    return Scene(
        question=QUESTION,
        answer=f"{batch[0].message}." if batch and not flows else answer(flows),
        main=batch,
        support=(*training, *((summary,) if summary else ())),
        try_this=(
            Try("Switch batch norm off", {"bn": "false"}),
            Try("20 layers", {"layers": "20"}),
            Try("Predict first", {"ask": "true"}),
        ),
        does_not_show=(
            "A gradient norm is per unit of a block's output: compare it along one network, not between networks whose outputs "
            "differ in size. And these are gradients with respect to outputs or the image; training follows those with respect "
            "to the weights."
        ),
        provenance=(
            "The usual story is that gradients vanish in deep plain networks, and that shortcuts cure it.",
            "He et al. 2015, section 4.1, measured plain-18 and plain-34 on ImageNet, which have batch norm, and found: “neither "
            "forward nor backward signals vanish”. They conjecture that deep plain networks “may have exponentially low "
            "convergence rates”.",
            "That gradients explode in new plain networks with batch norm is known theory: Yang et al. 2019 (arXiv:1902.08129) "
            "derive for fully connected ones with ReLU that the squared norm grows by π/(π−1) a layer.",
        ),
    )


def answer(flows: Mapping[bool, GradientFlow]) -> str:
    """How both networks' gradients change on their way back, in one sentence."""
    if not flows:
        return "One batch, a forward and a backward pass: the length of the loss's gradient at every block's output."
    ratio = first_to_last(flows[False])
    explodes, vanishes = ratio >= HEALTHY or not math.isfinite(ratio), ratio <= 1 / HEALTHY
    verdict = "Here it explodes, it does not vanish: the" if explodes else "Here it does vanish: the" if vanishes else "The"
    grows, _, times = fold_words(ratio).partition(" ")
    way = f"{grows} on its way back, {times} from the last block to the first" if times.endswith("fold") else fold_words(ratio)
    return f"{verdict} gradient of the plain network {way}; the residual one's {fold_words(first_to_last(flows[True]))}."


def _scale_free(flow: GradientFlow) -> str:
    return fold_words(first_to_last(flow, "scaled_gradient"))


def _first_block(table: pd.DataFrame) -> float:
    near = table[(table.lag == 1) & (table.block != "image")]
    return float(near.correlation.iloc[0])
