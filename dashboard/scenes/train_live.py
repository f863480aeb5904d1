"""Watch it happen: a plain network and its residual twin train side by side. The scene of the page Train live."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dashboard.figures.colours import of_network
from dashboard.figures.race import block_curves, by_network, error_curves, latest, predictions, rate_changes
from dashboard.figures.style import QUANTITIES
from dashboard.scenes.exhibit import Exhibit, Gallery, Part
from dashboard.scenes.link_words import BOOLEAN, LinkWords
from dashboard.scenes.scene import Scene, Try
from resnet_core.live.race_folder import LEARNING_RATES, SHORTCUTS
from resnet_core.live.race_reader import Race

QUESTION = "What do shortcuts change while a network trains?"
CHANCE = 90.0  # percent wrong, of ten digits
LINK = LinkWords(
    {
        "depth": ("20", "32", "44", "56", "110"),
        "width": ("4", "8", "16"),
        "rate": [f"{rate:g}" for rate in LEARNING_RATES],
        "shortcut": tuple(SHORTCUTS),
        "bn": BOOLEAN,
        "seed": range(10_000),
        "race": None,
        "pinned": None,
        "upto": range(5, 100_000),
        "ask": BOOLEAN,
    },
    ("prediction", "race-errors", "race-predictions", "race-gradient_norm", "race-response_sd"),
)


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
    said = f"{settings_words(race)} · handwritten digits"
    main: list[Part] = [
        Exhibit(
            key="race-errors",
            figure=error_curves(tables, total, beside),
            message=_message(tables),
            alt="Training error of the plain and the residual network over the iterations",
            origin="measured",
            provenance=said,
            numbers=partial(by_network, {which: table[table.block.isna()] for which, table in tables.items()}),
            place="left",
            draws_itself=race.over,
        )
    ]
    main.insert(
        0, Gallery("race-counters", _counters(race, tables), f"Iteration {min(last_iteration, race.iteration)} of {total}")
    )
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
                provenance=said,
                numbers=partial(numbers, guesses),
            )
        )
    quantity = "gradient_norm"
    main.append(
        Exhibit(
            key=f"race-{quantity}",
            figure=block_curves(tables, quantity),
            message=_gradient_message(tables),
            alt=f"{QUANTITIES[quantity]}, block by block, both networks",
            origin="measured",
            provenance=said,
            numbers=partial(by_network, {which: latest(table, quantity) for which, table in tables.items()}),
            place="right",
        )
    )
    recipe = race.settings.recipe()
    return Scene(
        question=QUESTION,
        answer=answer(race, last_iteration),
        main=tuple(main),
        support=tuple(support),
        try_this=(
            Try("After 100 iterations", {"upto": "100"}),
            Try("At the start", {"upto": "50"}),
            Try("Predict first", {"ask": "true"}),
        ),
        does_not_show=(
            "It shows how fast each network learns, not where it would end; that takes far more iterations. Both have the same "
            "learning rate, and clipping shortens the plain network's first steps most. Gradient norms are per unit of a block's "
            "output: compare them within one network, not between the two."
        ),
        provenance=(
            f"{recipe.iterations} iterations of {recipe.batch_size} digits, {recipe.resolution} pixels each.",
            f"SGD with momentum {recipe.momentum:g}, decay {recipe.weight_decay:g}, gradients clipped at {recipe.clip_norm:g}.",
        ),
        notices=tuple(notices(race)),
    )


def settings_words(race: Race) -> str:
    """The settings of a race, with every change of its learning rate."""
    began = f"rate {race.settings.learning_rate:g}"
    changes = rate_changes({which: lane.table for which, lane in race.lanes.items()})
    later = "".join(f", {rate:g} from iteration {step} on" for step, rate in changes)
    return race.settings.words.replace(began, began + later)


def answer(race: Race, last_iteration: int) -> str:
    """Both training errors at the iteration, in one sentence."""
    said: list[str] = []
    for which, lane in race.lanes.items():
        value = _error(lane.table[lane.table.step <= last_iteration])
        if value is not None:
            wrong = f"{value:.0f} % of its training digits wrong" if not said else f"{value:.0f} %"
            said.append(f"the {which} network{' gets' if not said else ''} {wrong}")
    if not said:
        return "Both networks are about to start."
    now, settings = min(last_iteration, race.iteration), race.settings
    return f"{settings.depth} layers, after {now} of {settings.iterations} iterations: {', '.join(said)}."


def notices(race: Race) -> list[str]:
    """What happened to a lane that does not run to its end."""
    found = [
        f"The loss of the {lane.name} network overflowed after iteration {lane.iteration}; try a smaller learning rate, or "
        "batch norm."
        for lane in race.lanes.values()
        if lane.status == "diverged"
    ]
    if failed := [lane.name for lane in race.lanes.values() if lane.status == "dead"]:
        found.append(
            f"The process of the {' and the '.join(failed)} network ended before the race did; what it had saved is kept."
        )
    return found


def _counters(race: Race, tables: Mapping[str, pd.DataFrame]) -> str:
    """Both errors in figures that a hall can read, and how far the race is."""
    now = max(int(table.step.max()) if len(table) else 0 for table in tables.values())
    shown = []
    for which, table in tables.items():
        error = _error(table)
        value = "–" if error is None else f"{error:.0f} %"
        shown.append(f'<span style="border-color:{of_network(which == "residual")}">{which} <b>{value}</b> wrong</span>')
    bar = f'<progress max="{race.settings.iterations}" value="{now}" aria-label="iterations"></progress>'
    return f'<div class="counters">{"".join(shown)}{bar}</div>'


def _gradient_message(tables: Mapping[str, pd.DataFrame]) -> str:
    """How much longer the gradient of each network is at its first block than at its last, now."""
    said = []
    for which, table in tables.items():
        norms = latest(table, "gradient_norm").value
        if len(norms) and norms.iloc[-1] and norms.iloc[0]:
            said.append(f"{which} {norms.iloc[0] / norms.iloc[-1]:,.2g}-fold")
    return f"First block's gradient over the last block's: {', '.join(said)}" if said else "No gradient is recorded yet"


def _error(table: pd.DataFrame) -> float | None:
    rows = table[(table.metric == "error_percent") & (table.split == "train_batches")]
    return float(rows.value.iloc[-1]) if len(rows) else None


def _message(tables: Mapping[str, pd.DataFrame]) -> str:
    now = {which: _error(table) for which, table in tables.items()}
    plain, residual = now.get("plain"), now.get("residual")
    if plain is None or residual is None:
        return "No error is recorded yet"
    if min(plain, residual) > CHANCE - 5:
        return f"Neither network has learnt anything yet: guessing is wrong {CHANCE:.0f} % of the time"
    first = "residual" if residual < plain else "plain"
    return f"The {first} network is ahead by {abs(plain - residual):.1f} points"


def _right(guesses: Mapping[str, Mapping[str, Any]], labels: list[int]) -> str:
    said = [f"{which} {sum(a == b for a, b in zip(guess['classes'], labels, strict=True))}" for which, guess in guesses.items()]
    return f"Right, of {len(labels)} digits that neither was trained on: {', '.join(said)}"
