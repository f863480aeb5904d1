"""Which pixels speak for a class, by which method, and which pictures can be believed? The scenes of the page Attribution."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dashboard.figures.attribution import STRONGEST, attribution_map, attribution_numbers, limit_of
from dashboard.figures.overlay import COVER, Pixels
from dashboard.figures.trust import (
    CHANGED,
    RANKED,
    Ranked,
    changed,
    curve_numbers,
    deletion_insertion,
    similarity,
    similarity_numbers,
    verdicts,
    what_stays,
    what_the_pixels_do,
)
from dashboard.scenes.compare_words import UNSEEN
from dashboard.scenes.exhibit import SIDES, Exhibit, Part, Table
from dashboard.scenes.link_words import BOOLEAN, LOOKED_AT, LinkWords
from dashboard.scenes.scene import Scene, Try
from resnet_core.inspection.attribution.catalogue import METHODS

if TYPE_CHECKING:  # at run time, they would bring torch
    from resnet_core.inspection.attribution.methods import Attribution
    from resnet_core.inspection.attribution.sanity_checks import DeletionInsertion, RandomisationTest

QUESTION = "Which pixels speak for it?"
CODE = """import resnet_core as lens

network = lens.load({network!r})
lens.attribute(network, "photograph.jpg", {method!r}, target={target!r}).values
"""
LINK = LinkWords(
    LOOKED_AT
    | {
        "against": None,
        "methods": (*METHODS, "none"),
        "trust": ("plain", "residual"),
        "side": ("left", "right"),
        "ranks": tuple(RANKED),
        "opacity": range(101),
        "threshold": range(101),
        "ask": BOOLEAN,
    },
    (*(f"{method}-*" for method in METHODS), "cascade-*", "deletion-insertion-*"),
)


@dataclass(frozen=True, eq=False)
class Evidence:
    """What one method found in one network.

    Args:
        title, reference: what the page and `resnet_core.load` call the network.
        run: the run that trained it.
        target: its class, by name.
        probability: what the network gives that class.
        words: what the evidence is for: the class, or the class rather than another.
        found: the attribution.
    """

    title: str
    reference: str
    run: str
    target: str
    probability: float
    words: str
    found: Attribution


def half_of_evidence(values: NDArray[np.float32]) -> float:
    """Fraction of pixels that hold half of the evidence: the fewest whose absolute values make up half of their sum."""
    sizes = np.sort(np.abs(values).ravel().astype(np.float64))[::-1]
    total = sizes.sum()
    if total <= 0:
        return float("nan")
    return float((np.searchsorted(np.cumsum(sizes), total / 2) + 1) / sizes.size)


def method_exhibits(pair: Sequence[Evidence], method: str, picture: Pixels, photograph: str) -> tuple[Exhibit, ...]:
    """The pictures of one method, a network each, side by side, on one scale."""
    row = METHODS[method]
    name, question, source = row.title, row.question, row.source
    limits = [limit_of(evidence.found.values) for evidence in pair]
    limit, warm = max(limits, default=0.0), method == "grad-cam"
    scale = "Both networks on one scale"
    if len(pair) == 2 and min(limits) > 0:
        weak, strong = sorted(zip(limits, (evidence.title for evidence in pair), strict=True))
        scale = f"{scale}, where {weak[1]} reaches {100 * weak[0] / strong[0]:.0f} % of {strong[1]}"
    return tuple(
        Exhibit(
            key=f"{method}-{each.title}",
            figure=attribution_map(each.found.values, picture, limit, signed=not warm),
            message=_message(each, name),
            alt=f"{name} of {each.title} for {each.words}",
            origin="measured",
            provenance=f"{each.run} · {photograph}",
            numbers=partial(attribution_numbers, each.found.values),
            caption=f"{question} ({source})" if side == "left" else f"{scale}.",
            code=CODE.format(network=each.reference, method=method, target=each.target),
            place=side,
            shape=1.0,
            max_alpha=COVER if warm else STRONGEST,
        )
        for side, each in zip(SIDES, pair, strict=False)
    )


def _message(each: Evidence, name: str) -> str:
    share = half_of_evidence(each.found.values)
    if np.isnan(share):
        return f"{name} of {each.title}: no evidence at all"
    return f"{name} of {each.title}: half of the evidence lies on {100 * share:.0f} % of the pixels"


def attribution(
    exhibits: Sequence[Exhibit], pair: Sequence[Evidence], provenance: Sequence[str], notices: Sequence[str] = ()
) -> Scene:
    """Return the scene of all methods that were asked for.

    Args:
        exhibits: of `method_exhibits`, method after method.
        pair: both networks' evidence by the first method.
    """
    return Scene(
        question=QUESTION,
        answer=answer(pair),
        main=tuple(exhibits[:2]),
        support=tuple(exhibits[2:]),
        try_this=(
            Try(
                "All quick methods",
                {"methods": ["grad-cam", "guided-backprop", "guided-grad-cam", "gradient-x-input", "smoothgrad"]},
            ),
            Try("A cat", {"sample": "cat"}),
            Try("Predict first", {"ask": "true"}),
        ),
        does_not_show="An attribution says what moved a network's answer, not whether the answer is right. Where a network gives "
        f"the class less than {100 * UNSEEN:.0f} %, its map is evidence for a class that it does not see.",
        provenance=(
            "Grad-CAM: the brighter, the more evidence. Other methods: magenta speaks for the class, green against it.",
            *provenance,
        ),
        notices=tuple(notices),
    )


def answer(pair: Sequence[Evidence]) -> str:
    """How widely the evidence of each network is spread, by the same method, and what each gives the class."""
    if not pair:
        return "Choose a method."
    name = METHODS[pair[0].found.method].title
    shares = " and ".join(f"{100 * (half_of_evidence(each.found.values)):.0f} % of the pixels in {each.title}" for each in pair)
    gives = ", ".join(f"{each.title} gives it {100 * each.probability:.1f} %" for each in pair)
    words = " and ".join(dict.fromkeys(each.words for each in pair))
    blind = " and ".join(each.title for each in pair if each.probability < UNSEEN)
    warning = f" The map of {blind} is evidence for a class that it does not see." if blind else ""
    return f"By {name}, half of the evidence for {words} lies on {shares}; {gives}.{warning}"


def belief(
    cascades: Sequence[RandomisationTest],
    curves: Sequence[DeletionInsertion],
    random: Sequence[DeletionInsertion],
    name: str,
    ranked: Ranked,
    badge: str,
) -> tuple[Part, ...]:
    """Both tests of one network's attributions: randomisation, and deletion and insertion.

    Args:
        cascades, curves: a method each; `random`: the same with pixels in random orders.
        name: what the page calls the network.
        ranked: whether correlations are of absolute values, or of values as they are.
    """
    table = verdicts(cascades, curves, random)
    passed = int((table.drop(columns="method") == "✓").all(axis=1).sum())
    return (
        Table(f"verdicts-{name}", table, f"Methods that pass all three tests in {name}: {passed} of {len(table)}", index=False),
        Exhibit(
            key=f"cascade-{name}",
            figure=similarity(similarity_numbers(cascades), ranked),
            message=what_stays(cascades),
            alt=f"How alike each attribution of {name} is to itself as the network is randomised from the top",
            origin="measured",
            provenance=f"{badge} · random weights of seed 0",
            numbers=partial(similarity_numbers, cascades),
            caption="Does it follow from what was learnt? A picture that stays while the upper layers become random cannot "
            "show what "
            "was learnt there. Adebayo et al. 2018 (section 3.1) found that guided backprop and Guided Grad-CAM hardly change, "
            f"and that gradients and Grad-CAM do. Here a correlation below {CHANGED:g} counts as a change.{_unlike(cascades)}",
            place="left",
        ),
        Exhibit(
            key=f"deletion-insertion-{name}",
            figure=deletion_insertion(curves, random),
            message=what_the_pixels_do(curves, random),
            alt=f"Probability of the class as pixels are deleted and inserted in the order of each attribution of {name}",
            origin="measured",
            provenance=badge,
            numbers=partial(curve_numbers, [*curves, *random]),
            caption="Do the first pixels matter? Petsiuk et al. 2018 (section 4): if they do, the probability falls at once as "
            "they "
            "are deleted (set to the mean colour), and rises at once as they are inserted (into a blurred picture). But no "
            "network "
            "has ever seen scattered grey pixels, either.",
            place="right",
        ),
    )


def _unlike(cascades: Sequence[RandomisationTest]) -> str:
    """Where our measurement differs from the paper's that is quoted, and why."""
    if "guided-grad-cam" in changed(cascades):
        return " Unlike theirs, Guided Grad-CAM changes: its Grad-CAM factor follows the weights."
    return ""
