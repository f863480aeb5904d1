"""Why did more layers learn worse, and what one line fixed it? The story of Home in six exhibits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from dashboard.figures.block_diagram import block_diagram
from dashboard.figures.degradation import errors, over_seeds
from dashboard.figures.home import Curve, curves, gradients, paper_errors
from dashboard.figures.overlay import Pixels, cam_maxima
from dashboard.figures.strip import block_strip, strip_shape
from dashboard.figures.style import network_name
from dashboard.scenes.exhibit import SIDES, Exhibit, Part
from dashboard.scenes.link_words import LinkWords
from dashboard.scenes.scene import Scene
from resnet_core.inspection.records import Inspection
from resnet_core.networks.architectures import architecture
from resnet_core.networks.cost import stage_table
from resnet_core.studies.collection import StudyResults

QUESTION = "Why did more layers learn worse, and what one line fixed it?"
LINK = LinkWords({}, ("home-*",))


@dataclass(frozen=True, eq=False)
class Seen:
    """One network's recorded answer to a photograph, and what the file says of it."""

    inspection: Inspection
    facts: Mapping[str, Any]
    picture: Pixels

    @property
    def residual(self) -> bool:
        return bool(self.inspection.architecture and self.inspection.architecture.residual)

    @property
    def name(self) -> str:
        assert self.inspection.architecture
        return network_name(self.inspection.architecture.layers, self.residual)

    @property
    def first_choice(self) -> str:
        return str(self.facts["classes"][int(self.inspection.probabilities.argmax())])

    @property
    def percent(self) -> float:
        return 100 * float(self.inspection.probabilities.max())


def home(
    depth: StudyResults, race: StudyResults, gradient: StudyResults, pair: Sequence[Seen], paper: Mapping[str, Any]
) -> Scene:
    """Return the scene of Home.

    Args:
        depth: plain and residual networks of two depths, over several seeds.
        race: the same on handwritten digits.
        gradient: 56 layers with and without shortcuts and batch norm, whose gradients were recorded.
        pair: the plain network and its residual twin, on one photograph.
        paper: `imagenet_10crop_error_percent` of the paper's figures.
    """
    ends = _ends(depth)
    shallow, deep = depth.depths[0], depth.depths[-1]
    plain, worse, mended = (ends[kind] for kind in ((shallow, False), (deep, False), (deep, True)))
    return Scene(
        question=QUESTION,
        answer=(
            f"A network of {deep} layers got {worse.mean:.0f} of every 100 pictures that it had studied wrong; one of only "
            f"{shallow} "
            f"layers got {plain.mean:.0f} wrong. Adding each block's input to its output brought the deep one down to "
            f"{mended.mean:.0f}."
        ),
        main=(_degradation(depth, ends),),
        support=(*_the_line(deep), _race(race), _gradient(gradient), *_blocks(pair), _use(paper)),
        does_not_show=(
            f"These networks were trained for {100 * depth.scale:.3g} % of the paper's iterations: their errors are far from "
            f"final. They "
            "show which network learns worse, not how good each can become."
        ),
        provenance=(depth.words, race.words, gradient.words, *(f"{seen.name}: {seen.facts['note']}" for seen in pair)),
        notes=(_for_researchers(depth, ends),),
    )


def _ends(study: StudyResults) -> dict[tuple[int, bool], Any]:
    """Error on the last training batches: mean, sd and n, by layers and whether residual; the curves end there."""
    rows = errors(study.table)
    rows = rows[(rows.split == "train_batches") & (rows.step == rows.groupby("run").step.transform("max"))]
    rows = rows[rows.step == rows.step.max()]
    ends = rows.groupby(["layers", "residual"]).value.agg(mean="mean", sd="std", n="size").reset_index()
    return {(int(row.layers), bool(row.residual)): row for row in ends.itertuples()}


def _curves(study: StudyResults) -> list[Curve]:
    found = over_seeds(study.table, "train_batches").rename(columns={"step": "x"})
    return [
        Curve(network_name(int(layers), bool(residual)), bool(residual), int(layers), part)
        for (residual, layers), part in found.groupby(["residual", "layers"])
    ]


def _degradation(study: StudyResults, ends: Mapping[tuple[int, bool], Any]) -> Exhibit:
    shallow, deep = study.depths[0], study.depths[-1]
    plain, worse = ends[shallow, False], ends[deep, False]
    return Exhibit(
        key="home-degradation",
        figure=curves(_curves(study), "iteration", "wrong answers on the training batches"),
        message=(
            f"The problem: {deep} plain layers learn worse than {shallow}, by {worse.mean - plain.mean:.0f} points, "
            f"{(worse.mean - plain.mean) / max(worse.sd, plain.sd):.0f} times the spread over seeds"
        ),
        alt=f"Training error of plain and residual networks of {shallow} and {deep} layers over the iterations",
        origin="measured",
        provenance=study.words,
        numbers=lambda: over_seeds(study.table, "train_batches"),
        caption="Orange: plain networks; blue: the same networks with shortcuts. Bands: from the best seed to the worst.",
        draws_itself=True,
        leads_to="degradation",
    )


def _the_line(layers: int) -> tuple[Exhibit, ...]:
    pair = architecture(f"plain{layers}-cifar"), architecture(f"resnet{layers}-cifar")
    weights = [sum(stage.parameters for stage in stage_table(each)) for each in pair]
    stage = pair[0].stages[0]
    messages = (
        f"The block: two convolutions turn x into F(x); {layers} layers hold {weights[0]:,} weights",
        f"The added line: y = F(x) + x, with {weights[1] - weights[0]:,} extra weights",
    )
    return tuple(
        Exhibit(
            key=f"home-block-{'residual' if each.residual else 'plain'}",
            figure=block_diagram(each, stage),
            message=message,
            alt=f"One block of {network_name(layers, each.residual)}, layer by layer",
            origin="from the paper",
            provenance="after Figure 2 and Section 3.3 of He et al. 2015; weights counted from the layers",
            numbers=partial(_stages, each.name),
            place=side,
            leads_to="architectures" if each.residual else "",
        )
        for side, each, message in zip(SIDES, pair, messages, strict=True)
    )


def _stages(name: str) -> pd.DataFrame:
    return pd.DataFrame(stage_table(architecture(name)))


def _race(study: StudyResults) -> Exhibit:
    ends, deep = _ends(study), study.depths[-1]
    plain, residual = ends[deep, False], ends[deep, True]
    lines = [line for line in _curves(study) if line.layers == deep]
    return Exhibit(
        key="home-race",
        figure=curves(lines, "iteration", "wrong answers on the training batches"),
        message=(
            f"The race: with {deep} layers, plain ends at {plain.mean:.0f} ± {plain.sd:.0f} % wrong, residual at "
            f"{residual.mean:.1f} ± {residual.sd:.1f} %, over {plain.n} seeds"
        ),
        alt=f"Training error of the plain and the residual network of {deep} layers on handwritten digits",
        origin="measured",
        provenance=study.words,
        numbers=lambda: over_seeds(study.table, "train_batches"),
        caption="Both see the same handwritten digits in the same order, from the same initial weights. Bands: from the best "
        "seed to the worst.",
        draws_itself=True,
        leads_to="train_live",
    )


def _at_start(study: StudyResults) -> dict[tuple[bool, bool], pd.Series]:
    """By whether residual and whether with batch norm: gradient norm by block over the last block's, before any step."""
    rows = study.table[(study.table.metric == "gradient_norm") & (study.table.step == 0)]
    found = {}
    for (residual, batch_norm), part in rows.groupby(["residual", "batch_norm"]):
        norms = part.pivot_table(index="block", columns="seed", values="value", sort=False)
        found[bool(residual), bool(batch_norm)] = np.exp(np.log(norms / norms.iloc[-1]).mean(axis=1))
    return found


def _gradient(study: StudyResults) -> Exhibit:
    found, layers = _at_start(study), study.depths[-1]
    first = {kind: float(values.iloc[0]) for kind, values in found.items()}
    names = {
        (residual, batch_norm): network_name(layers, residual, batch_norm) for residual, batch_norm in sorted(found, reverse=True)
    }
    lines = {name: (kind[0], "solid" if kind[1] else "dot", found[kind]) for kind, name in names.items()}
    verb = "explodes" if first[False, True] > 1 else "shrinks"
    return Exhibit(
        key="home-gradient",
        figure=gradients(lines),
        message=(
            f"Not what people say: in new networks, the gradient of plain-{layers} {verb} {_fold(first[False, True])} on its way "
            f"back, that of ResNet-{layers} {_fold(first[True, True])}"
        ),
        alt="Gradient norm by block over that of the last block, with and without shortcuts and batch norm",
        origin="measured",
        provenance=study.words,
        numbers=lambda: pd.DataFrame({names[kind]: values for kind, values in found.items()}).rename_axis("block").reset_index(),
        caption="Solid: with batch norm (BN), as networks are usually trained; dotted: without. Geometric means over seeds.",
        leads_to="gradient_flow",
    )


def _fold(ratio: float) -> str:
    return f"{float(f'{max(ratio, 1 / ratio):.2g}'):,g}-fold"


def _blocks(pair: Sequence[Seen]) -> tuple[Exhibit, ...]:
    inspections = [seen.inspection for seen in pair]
    maxima = cam_maxima(inspections, "block")
    return tuple(
        Exhibit(
            key=f"home-blocks-{'residual' if seen.residual else 'plain'}",
            figure=block_strip(seen.inspection, seen.picture, most, "block", seen.inspection.blocks[-1].label, seen.residual),
            message=f"What every block sees: {seen.name} says {seen.first_choice}, {seen.percent:.0f} % sure",
            alt=f"Grad-CAM of every block of {seen.name} over a photograph of a coffee cup",
            origin="measured",
            provenance=f"{seen.facts['data']}, one seed; recorded",
            numbers=partial(_numbers, seen.inspection),
            caption=f"Bright: where a block finds evidence for {seen.facts['classes'][seen.inspection.target]}."
            if not seen.residual
            else "",
            place=side,
            shape=strip_shape(seen.inspection),
            leads_to="compare" if seen.residual else "",
        )
        for side, seen, most in zip(SIDES, pair, maxima, strict=True)
    )


def _numbers(inspection: Inspection) -> pd.DataFrame:
    return pd.DataFrame([block.numbers() for block in inspection.blocks])


def _use(paper: Mapping[str, Any]) -> Part:
    names = {"plain-34": "plain34", "ResNet-34": "resnet34_A", "ResNet-50": "resnet50", "ResNet-101": "resnet101"}
    errors = {name: float(paper[key][0]) for name, key in {**names, "ResNet-152": "resnet152"}.items()}
    return Exhibit(
        key="home-use",
        figure=paper_errors(errors),
        message=(
            f"What it is used for: with shortcuts depth pays, from {errors['ResNet-34']:.1f} % wrong at 34 layers to "
            f"{errors['ResNet-152']:.1f} % at 152"
        ),
        alt="Top-1 error on ImageNet of a plain and of residual networks, as the paper prints it",
        origin="from the paper",
        provenance=f"He et al. 2015, {paper['table']}",
        numbers=lambda: pd.DataFrame({"network": list(errors), "top-1 error, %": list(errors.values())}),
        caption="Networks of this kind recognise what a photograph shows, and are the backbone of object detection and "
        "segmentation.",
        leads_to="predictions",
    )


def _for_researchers(study: StudyResults, ends: Mapping[tuple[int, bool], Any]) -> str:
    shallow, deep = study.depths[0], study.depths[-1]
    lag = ends[deep, True].mean - ends[shallow, True].mean
    spread = (ends[deep, True].sd ** 2 + ends[shallow, True].sd ** 2) ** 0.5
    return (
        f"For researchers: at {100 * study.scale:.3g} % of the paper's schedule, training error rises from {shallow} to {deep} "
        f"layers by "
        f"{lag:.1f} points with shortcuts (combined standard deviation over {ends[deep, True].n} seeds: {spread:.1f}) and by "
        f"{ends[deep, False].mean - ends[shallow, False].mean:.1f} without."
    )
