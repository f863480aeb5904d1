"""What does every block of two networks see in one photograph? The scene of the page Compare."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dashboard import words
from dashboard.figures.classes import top_classes
from dashboard.figures.detail import MAPS_SHAPE, block_maps, block_table, map_table
from dashboard.figures.flow import gradient_flow, responses
from dashboard.figures.overlay import SCALES, Pixels, Scale, cam_maxima
from dashboard.figures.strip import block_strip, difference_strip, difference_table, strip_shape
from dashboard.scenes.compare_words import Subject, agreement, gives, response_message, run_message, strip_message
from dashboard.scenes.exhibit import SIDES, Exhibit, Table
from dashboard.scenes.link_words import BOOLEAN, LOOKED_AT, LinkWords
from dashboard.scenes.scene import Scene, Try
from resnet_core.inspection.records import BlockRecord, Inspection
from resnet_core.networks.checkpoint import Checkpoint

QUESTION = "What does every block see?"
CODE = """import resnet_core as lens

network = lens.load({network!r})
found = lens.inspect(network, {photograph!r}, target={target!r})
found.table
"""
LINK = LinkWords(
    LOOKED_AT | {"scale": tuple(SCALES), "difference": BOOLEAN, "block": None},
    ("strip-*", "classes-*", "gradient-norm", "response", "maps-*"),
)


def compare(
    pair: tuple[Subject, Subject],
    *,
    matched: bool,
    picture: Pixels,
    photograph: str,
    truths: Sequence[str],
    scale: Scale,
    block: str,
    difference: bool,
    badge: str,
    provenance: Sequence[str],
    paper: Mapping[str, Any],
) -> Scene:
    """Return the scene of two networks on one photograph.

    Args:
        pair: of a matched pair the plain network, then its residual twin.
        picture: the square that both see, (S, S, 3).
        photograph: its title.
        truths: the classes that are right for it, where anybody has said so.
        scale: what the Grad-CAM colours are relative to.
        block: the label of the framed block, "conv5_3"; a network without it frames its nearest.
        difference: whether to show residual minus plain; only for twins.
        badge: run, data and recipe in words.
        provenance: how the networks were made; a paragraph each.
        paper: `imagenet_10crop_top1_error_percent` of the paper's figures.
    """
    inspections = [each.inspection for each in pair]
    maxima = cam_maxima(inspections, scale)
    own = [each.checkpoint.architecture.block_like(block) for each in pair]
    by_title = {each.title: each.inspection for each in pair}
    detail = {each.title: _block(each.inspection, label) for each, label in zip(pair, own, strict=True)}
    limits = [
        dict(zip(each.checkpoint.architecture.block_labels, most, strict=True)) for each, most in zip(pair, maxima, strict=True)
    ]
    strips = tuple(
        Exhibit(
            key=f"strip-{each.title}",
            figure=block_strip(each.inspection, picture, most, scale, label, each.residual),
            message=strip_message(each),
            alt=f"Grad-CAM of every block of {each.title} for {each.target}",
            origin="measured",
            provenance=f"{words.training(each.checkpoint)} · {photograph}",
            numbers=partial(_numbers, each.inspection),
            caption=f"Colours: {SCALES[scale]}.",
            code=CODE.format(network=each.reference, photograph="photograph.jpg", target=each.target),
            place=side,
            shape=strip_shape(each.inspection),
            clickable=True,
        )
        for side, each, most, label in zip(SIDES, pair, maxima, own, strict=True)
    )
    classes = tuple(
        Exhibit(
            key=f"classes-{each.title}",
            figure=top_classes(each.inspection, each.checkpoint.labels, each.residual),
            message=f"{each.title} says {each.first_choice}, {each.first_percent:.0f} % sure",
            alt=f"The five most probable classes of {each.title}",
            origin="measured",
            provenance=words.training(each.checkpoint),
            numbers=partial(_probabilities, each),
            caption=_test_error(each.checkpoint),
            place=side,
        )
        for side, each in zip(SIDES, pair, strict=True)
    )
    both = partial(_both, by_title)
    curves = (
        Exhibit(
            key="gradient-norm",
            figure=gradient_flow(by_title, block),
            message=run_message(pair, "gradient_norm", "gradient"),
            alt="Gradient norm of the class score at every block, both networks",
            origin="measured",
            provenance=badge,
            numbers=both,
            caption="Per unit of a block's output, so it is large where outputs are small: compare it along one network, not "
            "between the two.",
            place="left",
        ),
        Exhibit(
            key="response",
            figure=responses(by_title, block),
            message=response_message(pair),
            alt="Standard deviation of every block's residual function, both networks",
            origin="measured",
            provenance=badge,
            numbers=both,
            caption="He et al. found smaller responses in residual networks than in plain ones, over all of CIFAR-10 (Figure 7). "
            "One photograph and other networks may say otherwise.",
            place="right",
        ),
    )
    titled = {each.title: each for each in pair}
    brightest = max(float(each.activation.max()) for each in detail.values())
    maps = tuple(
        Exhibit(
            key=f"maps-{title}",
            figure=block_maps(record, picture, most[record.label], brightest),
            message=(
                f"{record.label} of {title}: {100 * record.zero_fraction:.0f} % of its output is zero; {gives(titled[title])}"
            ),
            alt=f"Grad-CAM and mean activation of block {record.label} of {title}",
            origin="measured",
            provenance=badge,
            numbers=partial(map_table, record),
            place=side,
            shape=MAPS_SHAPE,
        )
        for side, (title, record), most in zip(SIDES, detail.items(), limits, strict=True)
    )
    twins = _twins(pair)
    return Scene(
        question=QUESTION,
        answer=agreement(pair, truths),
        main=strips,
        support=(
            *((_difference(pair, picture, maxima, block, scale, badge),) if difference and twins else ()),
            *classes,
            *maps,
            *curves,
            Table("block-numbers", block_table(detail), f"Block {' and '.join(dict.fromkeys(own))} in numbers"),
        ),
        try_this=(
            Try("A cat: who sees it?", {"sample": "cat", "block": "conv5_3"}),
            Try("Early blocks on one scale", {"scale": "all", "block": "conv2_1"}),
            Try("What differs, block by block", {"difference": "true"}),
        ),
        does_not_show=_limits(pair, matched, paper),
        provenance=tuple(provenance),
    )


def _difference(
    pair: tuple[Subject, Subject], picture: Pixels, maxima: Sequence[Sequence[float]], block: str, scale: Scale, badge: str
) -> Exhibit:
    inspections = [each.inspection for each in pair]
    table = difference_table(inspections, maxima)
    more = int((table.residual > table.plain).sum())
    return Exhibit(
        key="strip-difference",
        figure=difference_strip(inspections, picture, maxima, block),
        message=f"Residual minus plain: the residual network's strongest evidence is larger in {more} of {len(table)} blocks",
        alt="Grad-CAM of every block: the residual network's minus the plain one's",
        origin="measured",
        provenance=badge,
        numbers=lambda: table,
        caption=f"Blue: the residual network finds more evidence there, orange: the plain one. Colours: {SCALES[scale]}.",
        shape=strip_shape(inspections[0]),
        clickable=True,
    )


def _limits(pair: tuple[Subject, Subject], matched: bool, paper: Mapping[str, Any]) -> str:
    early = "Grad-CAM was made for the last block; in early blocks it shows only a part of what a block sees."
    if not matched:
        return f"Two networks of your own choice may differ in more than their shortcuts. {early}"
    return (
        f"Both networks were trained equally long, with one seed. Fully trained, the paper's pair differs less: "
        f"{paper['plain34']} % and {paper['resnet34']} % top-1 error on ImageNet ({paper['table']}). {early}"
    )


def _twins(pair: tuple[Subject, Subject]) -> bool:
    one, other = (each.checkpoint.architecture for each in pair)
    return one.block_labels == other.block_labels and one.residual != other.residual


def _block(inspection: Inspection, label: str) -> BlockRecord:
    return next(block for block in inspection.blocks if block.label == label)


def _test_error(checkpoint: Checkpoint) -> str:
    error = checkpoint.test_error_percent
    said = "test error unknown; trained" if error is None else f"{error:.1f} % test error"
    return f"{said} on {checkpoint.data}"


def _numbers(inspection: Inspection) -> pd.DataFrame:
    return pd.DataFrame([block.numbers() for block in inspection.blocks])


def _both(by_title: Mapping[str, Inspection]) -> pd.DataFrame:
    return pd.concat([_numbers(each).assign(network=title) for title, each in by_title.items()])


def _probabilities(each: Subject) -> pd.DataFrame:
    values: NDArray[np.float32] = each.inspection.probabilities
    return pd.DataFrame({"class": each.checkpoint.labels, "probability": values}).sort_values("probability", ascending=False)
