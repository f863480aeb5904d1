"""How does the gradient come back, before training and in it? The scenes of the page Gradient flow."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING

import pandas as pd

from dashboard.figures.gradient_flow import (
    correlation_curves,
    do_they_vanish,
    evolution,
    evolution_table,
    extremes,
    first_to_last,
    flow_curves,
    flow_table,
    in_words,
    training_summary,
)
from dashboard.scenes.link_words import BOOLEAN, STUDIES, LinkWords
from dashboard.scenes.scene import Exhibit, Part, Scene, Table, Try
from resnet_core.pictures.samples import SAMPLES
from resnet_core.studies.collection import StudyResults

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
    ("prediction", "gradient-norm-of-batch", "correlation", "evolution", "training-summary", "extremes"),
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
            message=f"The plain network's gradient {in_words(first_to_last(flows[False]))}",
            alt="Gradient norm of every block, both networks",
            origin="measured",
            provenance=badge,
            numbers=partial(flow_table, flows),
            caption=f"The residual network's gradient {in_words(first_to_last(flows[True]))}. Times the length of the output, "
            f"which frees it of the output's scale, the gradient of the plain network {_scale_free(flows[False])}; that of the "
            f"residual one {_scale_free(flows[True])}." + (f" The loss is against {against}." if against else ""),
            code=CODE.format(network=names[False], seed=seed),
            place="left",
        ),
        Exhibit(
            key="correlation",
            figure=correlation_curves(correlations),
            message=f"Gradients of neighbouring inputs correlate by {near[False]:.2f} in the plain network's first block, by "
            f"{near[True]:.2f} in the residual one's",
            alt="Correlation of gradients at neighbouring inputs, by block",
            origin="measured",
            provenance=f"{badge} · {neighbours}",
            numbers=lambda: pd.concat(
                [correlations[False].assign(network="plain"), correlations[True].assign(network="residual")]
            ),
            caption="1: the gradient of a neighbouring input points the same way; 0: it might as well be noise (shattered "
            "gradients, Balduzzi et al. 2017).",
            place="right",
        ),
    )


def training_exhibits(study: StudyResults, depth: int, seed: int) -> tuple[Part, ...]:
    """How the norms developed in a recorded training."""
    said = do_they_vanish(study.table, depth, seed).replace("**", "").replace("- ", "").split("\n")
    return (
        Exhibit(
            key="evolution",
            figure=evolution(study.table, depth, seed),
            message=said[0],
            alt=f"Gradient norm by iteration and block, {depth} layers",
            origin="measured",
            provenance=f"{study.words} · shown: seed {seed}",
            numbers=partial(evolution_table, study.table, depth, seed),
            caption=" ".join(line for line in said[1:] if line)
            + " Norms are over that of the last block. White: the norm is zero.",
        ),
        Table("extremes", extremes(study.table, depth, seed), "The extremes of all blocks and records", index=False),
    )


def gradient_flow_scene(
    batch: tuple[Part, ...], training: tuple[Part, ...], flows: Mapping[bool, GradientFlow], gradients: StudyResults | None
) -> Scene:
    """Return the scene of the page.

    Args:
        batch: of `batch_exhibits`; empty while they are not computed.
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
        answer=answer(flows),
        main=batch,
        support=(*((summary,) if summary else ()), *training),
        try_this=(
            Try("Switch batch norm off", {"bn": "false"}),
            Try("20 layers", {"layers": "20"}),
            Try("Predict first", {"ask": "true"}),
        ),
        does_not_show=(
            "The norm of a gradient is per unit of a block's output, so it cannot be compared between networks whose outputs "
            "differ in size; compare how it runs through the blocks of one network. It is the gradient with respect to "
            "outputs, or to the image, where a step follows that with respect to the weights: the study agreement compares those."
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
    plain, residual = (in_words(first_to_last(flows[kind])) for kind in (False, True))
    return f"The gradient of the plain network {plain}; that of the residual one {residual}."


def _scale_free(flow: GradientFlow) -> str:
    return in_words(first_to_last(flow, "scaled_gradient"))


def _first_block(table: pd.DataFrame) -> float:
    near = table[(table.lag == 1) & (table.block != "image")]
    return float(near.correlation.iloc[0])
