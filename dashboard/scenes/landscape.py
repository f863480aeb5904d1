"""How rough is the loss? The scene of the page Landscape."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd

from dashboard.figures.landscape import Grid, bends, cliffs, grids, maps, roughness, surface
from dashboard.scenes.exhibit import Exhibit, Part
from dashboard.scenes.link_words import BOOLEAN, LinkWords
from dashboard.scenes.recorded import data_words, made_words
from dashboard.scenes.scene import Scene, Try
from resnet_core.studies.collection import MeasurementResults

QUESTION = "How rough is the loss?"
CODE = """import numpy as np
from resnet_core.inspection.landscape import loss_surface, random_direction

first, second = random_direction(network, 0), random_direction(network, 1)
steps = np.linspace(-1, 1, 25)
loss_surface(network, first, second, steps, steps, batches, batch_statistics=True)
"""
LINK = LinkWords({"pair-layers": None, "turn": range(361), "why": BOOLEAN}, ("landscape-*",))


def landscape_scene(study: MeasurementResults, layers: int, turn: int, why: bool) -> Scene:
    """Return the scene of one study of loss surfaces.

    Args:
        study: of the kind "landscape".
        layers: of the networks that stand side by side.
        turn: where the camera stands, in degrees.
        why: whether to show what stored statistics of batch norm do to the surface.
    """
    every = grids(study.table, "batch")
    shown = [grid for grid in every if grid.layers == layers]
    found = roughness(every)
    chosen = found[found.layers == layers]
    low, high = min(grid.loss.min() for grid in shown), max(grid.loss.max() for grid in shown)
    made = f"{data_words(study)} · batch norm with the statistics of each batch, as in training"
    main = tuple(
        Exhibit(
            key=f"landscape-{'residual' if grid.residual else 'plain'}",
            figure=surface(grid, low, high, turn),
            message=f"{grid.network}: {_minima(int(grid.minima.sum()))} on {grid.loss.size} points",
            alt=f"The loss around the weights of {grid.network} as a surface over two random directions",
            origin="measured",
            provenance=made,
            numbers=lambda grid=grid: _long(grid),  # type: ignore[misc]
            caption="Drag to turn both. α, β: steps from the trained weights (0, 0) along two random directions. Dots: local "
            "minima. "
            "Both share one scale.",
            code=CODE,
            place="right" if grid.residual else "left",
            shape=1.25,  # a surface is drawn as large as its height asks for: on a phone, a high one is cut off at its sides
        )
        for grid in shown
    )
    support: list[Part] = [
        Exhibit(
            key="landscape-maps",
            figure=maps(shown, low, high),
            message=f"From above: {', '.join(_around(chosen))}",
            alt="The same losses as maps, local minima marked",
            origin="measured",
            provenance=made,
            numbers=lambda: chosen,
            place="left",
        ),
        Exhibit(
            key="landscape-bends",
            figure=bends(found),
            message=f"How sharply the loss bends at a typical point: "
            f"{', '.join(f'{row.network} {row.bend:.3f}' for row in chosen.itertuples())}",
            alt="Median absolute Laplacian of the loss by depth, plain and residual",
            origin="measured",
            provenance=made,
            numbers=lambda: found,
            caption="Laplacian: the sum of a point's four neighbours minus four times the point; 0 on an even slope.",
            place="right",
        ),
    ]
    if why:
        support.append(_stored(study, layers, shown))
    within = ", ".join(f"{row.within:.0f} % (around {row.network})" for row in chosen.itertuples())
    return Scene(
        question=QUESTION,
        answer=_answer(chosen),
        main=main,
        support=tuple(support),
        try_this=(
            Try("Only 20 layers", {"pair-layers": "20"}),
            Try("From the other side", {"turn": "225"}),
            Try("Why most pictures mislead", {"why": "true"}),
        ),
        does_not_show=(
            "One pair of random directions, one seed, networks far from converged: what is smooth here may be rough elsewhere. "
            f"Nor is smooth the same as wide: within 0.5 of the loss at the trained weights lies {within} of the plane."
        ),
        provenance=(
            "Li et al. 2018, section 4: two random directions in the space of the weights, each filter as long as the network's "
            "own, and the loss on a grid over the plane that they span. Batch norm's parameters and biases do not move.",
            *made_words(study),
        ),
        next="likeness",
    )


def _answer(chosen: pd.DataFrame) -> str:
    """Sentences by network, the plain one first."""
    said = [f"{_minima(row.minima)} around {row.network}, bend {row.bend:.3f}" for row in chosen.itertuples()]
    first, last = chosen.iloc[0], chosen.iloc[-1]
    if len(chosen) > 1 and first.minima != last.minima:
        rough, smooth = (first, last) if first.minima > last.minima else (last, first)
        return (
            f"Around {rough.network} the loss has {_minima(rough.minima)}, around {smooth.network} only {smooth.minima}; at a "
            f"typical point it bends {rough.bend / smooth.bend:.1f} times as sharply."
        )
    return f"In these directions both have the same number of minima: {'; '.join(said)}."


def _minima(count: int) -> str:
    return f"{count} local {'minimum' if count == 1 else 'minima'}"


def _around(chosen: pd.DataFrame) -> list[str]:
    return [f"{_minima(row.minima)} around {row.network}" for row in chosen.itertuples()]


def _long(grid: Grid) -> pd.DataFrame:
    alpha, beta = np.meshgrid(grid.alphas, grid.betas)
    return pd.DataFrame({"alpha": alpha.ravel(), "beta": beta.ravel(), "loss": grid.loss.ravel()})


def _stored(study: MeasurementResults, layers: int, fair: Sequence[Grid]) -> Exhibit:
    """What becomes of the same surfaces with the statistics of batch norm that training stored."""
    pairs = list(dict.fromkeys(study.table.directions))
    stored = {name: [grid for grid in grids(study.table, "stored", name) if grid.layers == layers] for name in pairs}
    shown = {"statistics of the batch": list(fair)}
    shown |= {
        f"stored, {words} pair of directions": stored[name] for name, words in zip(pairs, ("first", "second"), strict=False)
    }
    largest = [max(float(grid.loss.max()) for grid in stored[name]) for name in pairs]
    most = max(float(grid.loss.max()) for grid in fair)
    return Exhibit(
        key="landscape-stored",
        figure=cliffs(shown),
        message=f"Stored statistics: the loss climbs to {' or '.join(map(_power, largest))}, by the choice of directions; the "
        "batch's "
        f"own: to {most:.1f}",
        alt="Profiles of the loss through the trained weights with stored and with the batch's statistics of batch norm",
        origin="measured",
        provenance=data_words(study),
        numbers=lambda: pd.concat(_long(grid).assign(network=grid.network, pair=name) for name in pairs for grid in stored[name]),
        caption="Stored statistics fit the trained weights alone. Away from those, the cliffs are mostly misfit.",
    )


def _power(value: float) -> str:
    """4.6 × 10⁹; small numbers as they are."""
    if value < 1000:
        return f"{value:.0f}"
    power = math.floor(math.log10(value))
    return f"{value / 10**power:.1f} × 10{str(power).translate(str.maketrans('0123456789', '⁰¹²³⁴⁵⁶⁷⁸⁹'))}"
