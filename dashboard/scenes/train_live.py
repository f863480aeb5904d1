"""Watch it happen: a plain network and its residual twin train side by side. The scene of the page Train live."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dashboard.figures.race import block_curves, by_network, error_curves, latest, predictions
from dashboard.figures.style import QUANTITIES
from dashboard.scenes.scene import Exhibit, Part, Scene
from resnet_core.live.race import Race

QUESTION = "Train a deep network, with and without shortcuts"
CHANCE = 90.0  # percent wrong, of ten digits


def train_live(
    race: Race,
    last_iteration: int,
    pinned: Race | None,
    digits: NDArray[np.uint8],
    labels: list[int],
    classes: tuple[str, ...],
    numbers: Any,
) -> Scene:
    """Return the scene of a race up to an iteration.

    Args:
        pinned: another race, drawn beside it.
        digits, labels, classes: the test images whose predictions are followed, (N, 8, 8, 3), their classes, and all names.
        numbers: guesses by network -> the table behind the predictions.
    """
    total = race.settings.iterations
    tables = {which: lane.table[lane.table.step <= last_iteration] for which, lane in race.lanes.items()}
    beside = {which: lane.table for which, lane in pinned.lanes.items()} if pinned else None
    words = f"{race.settings.words} · handwritten digits"
    main: list[Part] = [
        Exhibit(
            key="race-errors",
            figure=error_curves(tables, total, beside),
            message=_message(tables),
            alt="Training error of the plain and the residual network over the iterations",
            origin="measured",
            provenance=words,
            numbers=partial(by_network, {which: table[table.block.isna()] for which, table in tables.items()}),
            place="left",
        )
    ]
    guesses = {which: lane.at(last_iteration) for which, lane in race.lanes.items() if lane.predictions}
    support: list[Part] = []
    if len(guesses) == len(race.lanes):
        support.append(
            Exhibit(
                key="race-predictions",
                figure=predictions(digits, labels, guesses, classes),
                message=_right(guesses, labels),
                alt="What both networks take the first test digits for",
                origin="measured",
                provenance=words,
                numbers=partial(numbers, guesses),
            )
        )
    for quantity, place in (("gradient_norm", "right"), ("response_sd", "left")):
        exhibit = Exhibit(
            key=f"race-{quantity}",
            figure=block_curves(tables, quantity),
            message=f"{QUANTITIES[quantity]}, now",
            alt=f"{QUANTITIES[quantity]}, block by block, both networks",
            origin="measured",
            provenance=words,
            numbers=partial(by_network, {which: latest(table, quantity) for which, table in tables.items()}),
            place="right" if place == "right" else "left",
        )
        (main if place == "right" else support).append(exhibit)
    recipe = race.settings.recipe()
    return Scene(
        question=QUESTION,
        answer=answer(race, last_iteration),
        main=tuple(main),
        support=tuple(support),
        does_not_show=(
            "It shows how fast each network learns, not where it would end: it needs far more iterations. Both have one learning "
            "rate, and clipping shortens the first steps of the plain one most. Gradient norms are per unit of a block's output: "
            "compare how they run through one network."
        ),
        provenance=(
            f"{recipe.iterations} iterations of {recipe.batch_size} digits, {recipe.resolution} pixels each.",
            f"SGD with momentum {recipe.momentum:g}, decay {recipe.weight_decay:g}, gradients clipped at {recipe.clip_norm:g}.",
        ),
        notices=tuple(notices(race)),
        next="gradient_flow",
    )


def answer(race: Race, last_iteration: int) -> str:
    """Both training errors at the iteration, in one sentence."""
    said = []
    for which, lane in race.lanes.items():
        value = _error(lane.table[lane.table.step <= last_iteration])
        if value is not None:
            said.append(f"the {which} network errs on {value:.1f} %")
    if not said:
        return "Both networks are about to start."
    now = min(last_iteration, race.iteration)
    return f"Iteration {now} of {race.settings.iterations}: {' and '.join(said)} of its training batches."


def notices(race: Race) -> list[str]:
    """What happened to a lane that does not run to its end."""
    found = [
        f"The loss of the {lane.which} network is no longer a number after iteration {lane.iteration}; a smaller learning "
        "rate, or batch norm, helps."
        for lane in race.lanes.values()
        if lane.status == "diverged"
    ]
    if failed := [lane.which for lane in race.lanes.values() if lane.status == "dead"]:
        found.append(
            f"The process of the {' and the '.join(failed)} network ended before the race did; what it had saved is kept."
        )
    return found


def _error(table: pd.DataFrame) -> float | None:
    rows = table[(table.metric == "error_percent") & (table.split == "train_batches")]
    return float(rows.value.iloc[-1]) if len(rows) else None


def _message(tables: Mapping[str, pd.DataFrame]) -> str:
    now = {which: _error(table) for which, table in tables.items()}
    plain, residual = now.get("plain"), now.get("residual")
    if plain is None or residual is None:
        return "Training error, %"
    if min(plain, residual) > CHANCE - 5:
        return "Neither network has learnt anything yet: guessing errs on 90 %"
    first = "residual" if residual < plain else "plain"
    return f"The {first} network is ahead by {abs(plain - residual):.1f} points"


def _right(guesses: Mapping[str, Mapping[str, Any]], labels: list[int]) -> str:
    said = [f"{which} {sum(a == b for a, b in zip(guess['classes'], labels, strict=True))}" for which, guess in guesses.items()]
    return f"Right on {' and '.join(said)} of {len(labels)} digits that neither was trained on"
