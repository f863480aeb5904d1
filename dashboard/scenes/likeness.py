"""Which blocks compute alike? The scene of the page Likeness."""

from __future__ import annotations

import pandas as pd

from dashboard.figures.likeness import ITSELF, OTHERS, SEED, equal_bars, equal_blocks, heat_map, largest_square, profile, squares
from dashboard.figures.style import network_name
from dashboard.scenes.exhibit import Exhibit
from dashboard.scenes.link_words import LinkWords
from dashboard.scenes.recorded import data_words, made_words
from dashboard.scenes.scene import Scene, Try
from resnet_core.studies.collection import MeasurementResults

QUESTION = "Which blocks compute alike?"
ALIKE = 0.9  # blocks of one square
CODE = """from resnet_core.inspection.similarity import block_similarity

block_similarity(network, other, batches)  # CKA, a row a block of the first
"""
LINK = LinkWords({"other": None, "pair-layers": None, "block": None}, ("likeness-*",))


def blocks_of(study: MeasurementResults, layers: int) -> list[str]:
    """Return the blocks of the networks of that depth, in forward order."""
    return list(dict.fromkeys(study.table[study.table.layers == layers].block))


def likeness_scene(study: MeasurementResults, layers: int, other: str, block: str) -> Scene:
    """Return the scene of one study of similarity.

    Args:
        study: of the kind "similarity".
        other: with which network the blocks are compared, one of OTHERS.
        block: whose profile is drawn.
    """
    shown = squares(study.table, layers, other)
    across = {SEED: "block of the same network from another seed", ITSELF: "block of the same network"}.get(
        other, "block of its twin"
    )
    made = data_words(study)
    main = tuple(
        Exhibit(
            key=f"likeness-{'residual' if residual else 'plain'}",
            figure=heat_map(square, across, block),
            message=_of_one(network_name(layers, residual), square, other),
            alt=f"CKA of the blocks of {network_name(layers, residual)} with {OTHERS[other]}",
            origin="measured",
            provenance=made,
            numbers=lambda square=square: _long(square),  # type: ignore[misc]
            caption="CKA 1: the same up to rotation and scale; 0: unrelated. Click a row.",
            code=CODE,
            place="right" if residual else "left",
            clickable=True,
        )
        for residual, square in shown.items()
    )
    means = equal_blocks(study.table)
    # a network's blocks are wholly like themselves: that says nothing by depth
    by_depth = SEED if other == ITSELF else other
    support = (
        Exhibit(
            key="likeness-profile",
            figure=profile(shown, layers, block, across),
            message=_of_block(shown, layers, block, other),
            alt=f"CKA of {block} with every block of {OTHERS[other]}",
            origin="measured",
            provenance=made,
            numbers=lambda: pd.DataFrame(
                {network_name(layers, residual): square.loc[block] for residual, square in shown.items()}
            ).reset_index(),
            place="left",
        ),
        Exhibit(
            key="likeness-depth",
            figure=equal_bars(study.table, by_depth),
            message=f"The same block in {OTHERS[by_depth]}: {_by_depth(means[means.compared == by_depth])}",
            alt="Mean CKA of equal blocks by depth, plain and residual",
            origin="measured",
            provenance=f"{made} · bars: standard deviation over blocks",
            numbers=lambda: means,
            place="right",
        ),
    )
    return Scene(
        question=QUESTION,
        answer=_answer(shown, means, layers, other),
        main=main,
        support=support,
        try_this=(
            Try("Within one network", {"other": "itself"}),
            Try("Plain against residual", {"other": "twin"}),
            Try("Only 20 layers", {"pair-layers": "20"}),
        ),
        does_not_show=(
            "CKA says whether two blocks tell images apart in the same way, not what they know about them. One pair of seeds, "
            "networks far from converged."
        ),
        provenance=(
            "Linear CKA of Kornblith et al. 2019, without bias and from minibatches (Nguyen, Raghu and Kornblith 2021). That the "
            "blocks of a plain network that is too deep form one square of alike blocks is the finding of Kornblith et al. 2019 "
            "(Figure 3).",
            *made_words(study),
        ),
        next="compare",
    )


def _answer(shown: dict[bool, pd.DataFrame], means: pd.DataFrame, layers: int, other: str) -> str:
    if other == ITSELF:
        said = []
        for residual, square in shown.items():
            first, last, count = largest_square(square, ALIKE)
            said.append(f"{count} of {len(square)} in {network_name(layers, residual)} ({first} to {last})")
        return f"The longest run of blocks that compute nearly the same (CKA {ALIKE} or more): {'; '.join(said)}."
    rows = means[(means.layers == layers) & (means.compared == other)].sort_values("residual", ascending=False)
    said = [f"{row['mean']:.2f} ± {row.sd:.2f} in {network_name(layers, row.residual)}" for _, row in rows.iterrows()]
    if other == SEED:
        return (
            f"Trained again from another seed, how like its old self is a block? CKA {', '.join(said)} (mean ± sd over blocks)."
        )
    mean, sd = rows[["mean", "sd"]].mean()
    return f"At {layers} layers, a plain block and its residual twin are alike by CKA {mean:.2f} ± {sd:.2f} (sd over blocks)."


def _of_one(name: str, square: pd.DataFrame, other: str) -> str:
    if other == ITSELF:
        first, last, count = largest_square(square, ALIKE)
        return f"{name}: {count} blocks, {first} to {last}, compute nearly the same (CKA above {ALIKE})"
    alike = int((square.max(axis=1) >= 0.5).sum())
    return f"{name}: {alike} of {len(square)} blocks have a counterpart in {OTHERS[other]} (CKA of at least 0.5)"


def _of_block(shown: dict[bool, pd.DataFrame], layers: int, block: str, other: str) -> str:
    said = []
    for residual, square in shown.items():
        values = square.loc[block].drop(block, errors="ignore") if other == ITSELF else square.loc[block]
        said.append(f"in {network_name(layers, residual)} {values.idxmax()} ({values.max():.2f})")
    return f"Most like {block}: {', '.join(said)}"


def _by_depth(rows: pd.DataFrame) -> str:
    return ", ".join(f"{network_name(row.layers, row.residual)} {row['mean']:.2f}" for _, row in rows.iterrows())


def _long(square: pd.DataFrame) -> pd.DataFrame:
    return square.rename_axis(index="block", columns="other_block").stack().rename("cka").reset_index()
