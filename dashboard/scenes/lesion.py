"""What if a block is missing? The scene of the page Lesion."""

from __future__ import annotations

import math

import pandas as pd

from dashboard.figures.lesion import EXCHANGED, REMOVED, damage, one_block, over_draws, several, test_images
from dashboard.figures.style import network_name
from dashboard.scenes.exhibit import Exhibit
from dashboard.scenes.link_words import BOOLEAN, STUDIES, LinkWords
from dashboard.scenes.recorded import data_words, made_words
from dashboard.scenes.scene import Scene, Try
from resnet_core.studies.collection import MeasurementResults

QUESTION = "What if a block is missing?"
CODE = """import resnet_core as lens
from resnet_core.inspection.lesion import reestimated, without_blocks

lame = without_blocks(network, ["{block}"])
fair = reestimated(lame, training_batches)  # statistics of batch norm estimated anew
"""
LINK = LinkWords({"study": STUDIES, "statistics": ("anew", "stored"), "missing": None, "ask": BOOLEAN}, ("lesion-*",))


def blocks_of(study: MeasurementResults) -> list[str]:
    """Return the blocks that were removed one by one, in forward order."""
    return list(dict.fromkeys(study.table[study.table.lesion == "one removed"].blocks))


def lesion_scene(study: MeasurementResults, reestimated: bool, block: str | None) -> Scene:
    """Return the scene of one study of lesions.

    Args:
        study: of the kind "lesion", networks that are plain, residual, or both.
        reestimated: whether the statistics of batch norm were estimated anew after the lesion.
        block: the missing one, of `blocks_of`; None: each in turn.
    """
    classes = {int(run.recorded["architecture"]["num_classes"]) for run in study.facts.values()}
    chance = 100 * (1 - 1 / max(classes))
    damaged = damage(study.table, chance)
    one = damaged[(damaged.lesion == "one removed") & (damaged.reestimated == reestimated)]
    statistics = "re-estimated" if reestimated else "stored"
    whole = "; ".join(f"{name} {part.whole_percent.iloc[0]:.1f} %" for name, part in _networks(one))
    made = f"{data_words(study)} · {statistics} statistics of batch norm"
    return Scene(
        question=QUESTION,
        answer=_on_average(one) if block is None else _without(one, block),
        main=(
            Exhibit(
                key="lesion-one",
                figure=one_block(damaged, reestimated, block),
                message=_worst(one),
                alt="Damage by the removal of each single block, a bar a network and block",
                origin="measured",
                provenance=made,
                numbers=lambda: one[["network", "blocks", "error_percent", "whole_percent", "damage"]],
                caption=f"Error of the whole networks: {whole}. Guessing errs on {chance:.0f} %. Click a block.",
                code=CODE.format(block=block or blocks_of(study)[-1]),
                clickable=True,
            ),
        ),
        support=(
            _several(damaged, REMOVED, reestimated, "removed", made),
            _several(damaged, EXCHANGED, reestimated, "exchanged", made),
        ),
        try_this=(
            Try("Take out conv4_1", {"missing": "conv4_1"}),
            Try("Without the fair control", {"statistics": "stored"}),
            Try("Predict first", {"ask": "true"}),
        ),
        does_not_show=_limit(study.table, one),
        provenance=(
            "A removed block passes on only its shortcut. A plain network has none, so a shortcut without parameters (option A) "
            "stands in: both kinds lose the same layers. After Veit, Wilber and Belongie 2016, section 4, who kept the stored "
            "statistics of batch norm; these no longer fit once a block is gone, so here they are estimated anew.",
            *made_words(study),
        ),
        next="landscape",
    )


def _networks(rows: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """The residual network first: its sentence is the shorter one."""
    groups = rows.groupby(["residual", "layers"])
    return [(network_name(layers, residual), part) for (residual, layers), part in reversed(list(groups))]


def _on_average(one: pd.DataFrame) -> str:
    said = [f"{name} loses {part.damage.mean():.0f} ± {part.damage.std():.0f} %" for name, part in _networks(one)]
    count = one.blocks.nunique()
    return f"Take out one of {count} blocks, and {', '.join(said)} of what it had learnt (mean ± sd over blocks)."


def _without(one: pd.DataFrame, block: str) -> str:
    said = [
        f"{name} is wrong on {row.error_percent:.1f} % instead of {row.whole_percent:.1f} %: {row.damage:.0f} % of what it had "
        "learnt is lost"
        for name, part in _networks(one)
        for row in part[part.blocks == block].itertuples()
    ]
    return f"Without {block}, {'; '.join(said)}."


def _worst(one: pd.DataFrame) -> str:
    said = []
    for name, part in _networks(one):
        half = int((part.damage >= 50).sum())
        said.append(f"{half} of {len(part)} blocks in {name}")
    return f"Blocks whose removal costs at least half of what was learnt: {', '.join(said)}"


def _several(damaged: pd.DataFrame, lesions: tuple[str, ...], reestimated: bool, verb: str, made: str) -> Exhibit:
    found = over_draws(damaged, lesions)
    chosen = found[found.reestimated == reestimated]
    # the most lesions from which the residual network's damage can still be read
    count = int(chosen["count"][chosen["count"] <= 8].max())
    rows = chosen[chosen["count"] == count]
    said = [f"{name} {row['mean']:.0f} ± {row.sd:.0f} %" for name, part in _networks(rows) for _, row in part.iterrows()]
    what = f"{count} blocks removed" if verb == "removed" else f"{count} pairs of blocks exchanged"
    statistics, other = ("re-estimated", "stored") if reestimated else ("stored", "re-estimated")
    return Exhibit(
        key=f"lesion-{verb}",
        figure=several(damaged, lesions, reestimated, "blocks removed" if verb == "removed" else "pairs of blocks exchanged"),
        message=f"{what}: the loss is {', '.join(said)}",
        alt=f"Damage over the number of blocks {verb}, mean and standard deviation over draws",
        origin="measured",
        provenance=f"{made} · bars: standard deviation over {int(rows.n.max())} random draws",
        numbers=lambda: found,
        caption=f"Solid: {statistics} statistics of batch norm; dotted: {other} ones.",
        place="left" if verb == "removed" else "right",
    )


def _limit(table: pd.DataFrame, one: pd.DataFrame) -> str:
    images = test_images(table)
    errors = {}
    for name, part in _networks(one):
        share = part.error_percent.mean() / 100
        span = 100 * (part.error_percent - part.whole_percent).sum() / part.damage.sum()
        errors[name] = 100 * 100 * math.sqrt(2 * share * (1 - share) / images) / span
    said = ", ".join(f"{error:.0f} points in {name}" for name, error in errors.items())
    seeds = table.seed.nunique()
    return (
        f"Counted on {images} test images, one block's damage is known to within about {said} (standard error)"
        f"{'; with one seed, the spread over trainings is not known' if seeds == 1 else ''}. These "
        "networks are far from converged."
    )
