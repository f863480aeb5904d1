"""What do pages ask before they answer? A question each, with what was recorded as the truth, and what it teaches."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dashboard.figures.ask import Levels, Measured, Series
from dashboard.figures.colours import of_network
from dashboard.figures.degradation import over_seeds
from dashboard.figures.style import network_name
from dashboard.scenes.ask import Pick
from resnet_core.studies.collection import MeasurementResults, StudyResults

POINTS = 10  # of a curve that a person draws
REGIONS = 4  # rows and columns of a photograph


@dataclass(frozen=True)
class Asked:
    """A question about heights, what was measured, the lesson, and where the measured values come from."""

    question: Levels
    truth: Measured
    lesson: str
    provenance: str


def degradation_question(study: StudyResults) -> Asked | None:
    """The training error of a study's deepest network, beside that of its shallowest; None where it has one depth."""
    residual = False not in study.kinds
    curves = over_seeds(study.table, "train_batches")
    curves = curves[curves.residual == residual]
    few, many = int(curves.layers.min()), int(curves.layers.max())
    if few == many:
        return None
    deep, shallow = (curves[curves.layers == layers] for layers in (many, few))
    steps = np.linspace(0, min(deep.step.max(), shallow.step.max()), POINTS + 1)[1:].round()
    names = [network_name(layers, residual) for layers in (few, many)]
    given = Series(names[0], _at(shallow, "mean", steps), of_network(residual))
    truth = Measured(
        names[1], _at(deep, "mean", steps), _at(deep, "low", steps), _at(deep, "high", steps), int(deep.n.max()), residual
    )
    return Asked(
        Levels(
            f"Draw the training error of {names[1]}. It has {many / few:.2g} times as many layers as {names[0]}.",
            tuple(f"{step:,.0f}" for step in steps),
            axis="iterations",
            quantity="training error, %",
            low=0,
            high=100,
            given=(given,),
        ),
        truth,
        lesson=f"{names[1]} could copy {names[0]}, with further layers that pass on what they are given, and would then err no "
        f"more. At the end it errs on {truth.mean[-1]:.1f} %, {names[0]} on {given.values[-1]:.1f} %.",
        provenance=study.words,
    )


def race_question(study: StudyResults) -> Asked:
    """The errors of the deepest pair of a study on its last training batches."""
    curves = over_seeds(study.table, "train_batches")
    curves = curves[curves.layers == curves.layers.max()]
    ends = curves.groupby("residual").last()
    depth, iterations = int(curves.layers.max()), int(curves.step.max())
    mean, low, high = (tuple(map(float, ends[column])) for column in ("mean", "low", "high"))
    return Asked(
        Levels(
            f"How many of its training digits does each network of {depth} layers get wrong after {iterations} iterations?",
            tuple(network_name(depth, bool(residual)) for residual in ends.index),
            axis="",
            quantity="training error, %",
            low=0,
            high=100,
            joined=False,
        ),
        Measured("measured", mean, low, high, int(ends.n.max())),
        lesson="Both saw the same digits in the same order, from the same initial weights: the shortcuts are all that differs.",
        provenance=study.words,
    )


def gradient_question(answers: MeasurementResults, layers: int) -> Asked | None:
    """How the gradient of a new plain network with batch norm runs back through its blocks, as the study `depth` recorded it.

    None where it recorded no such network, or norms beyond the range of numbers, which nobody can draw.
    """
    table = answers.table
    table = table[(table.layers == layers) & ~table.residual & table.batch_norm]
    if table.empty or not np.isfinite(table.gradient_norm).all():
        return None
    table = table.assign(relative=table.gradient_norm / table.groupby("run").gradient_norm.transform("last"))
    blocks = table.groupby("place").agg(
        block=("block", "first"), mean=("relative", _geometric_mean), low=("relative", "min"), high=("relative", "max")
    )
    blocks = blocks.iloc[np.linspace(len(blocks) - 1, 0, POINTS).round().astype(int)]
    name = network_name(layers, False)
    mean, low, high = (tuple(map(float, blocks[column])) for column in ("mean", "low", "high"))
    return Asked(
        Levels(
            f"Draw how large the gradient is on its way back through {name}, new and with batch norm: the last block's is 1.",
            tuple(blocks.block),
            axis="blocks, from the loss back to the image",
            quantity="gradient norm, relative to the last block's",
            low=1e-9,
            high=1e9,
            log=True,
            unit="",
        ),
        Measured(name, mean, low, high, int(table.seed.nunique()), residual=False),
        lesson="Batch norm keeps the signal alive on its way forward; every layer then enlarges the gradient on its way back, in "
        "theory by √(π/(π−1)), about 1.21 (Yang et al. 2019).",
        provenance=answers.words,
    )


def lesion_question(answers: MeasurementResults) -> tuple[Pick, tuple[str, ...], str]:
    """Which block a residual network can do without least, with re-estimated batch-norm statistics; options, right ones, why."""
    table = answers.table[answers.table.residual & answers.table.reestimated]
    whole = float(table[table.lesion == "none"].error_percent.mean())
    without = table[table.lesion == "one removed"].groupby("blocks").error_percent.mean()
    worst = without[without == without.max()].index
    name = network_name(int(table.layers.max()), True)
    because = (
        f"Without it the error rises from {whole:.1f} % to {without.max():.1f} %; without the median block, to "
        f"{without.median():.1f} %."
    )
    return Pick(f"One block of {name} is taken out. Which one hurts most?", tuple(without.index)), tuple(worst), because


def region_question(
    photograph: str, network: str, label: str, picture: str, cam: NDArray[np.floating]
) -> tuple[Pick, tuple[str, ...], str]:
    """In which part of a photograph Grad-CAM at the last block finds the most evidence; the question, the right answer, and why.

    Args:
        picture: the photograph as a data URI.
        cam: (H, W), not negative.
    """
    rows, columns = (np.array_split(np.arange(size), REGIONS) for size in cam.shape)
    sums = np.array([[float(cam[np.ix_(row, column)].sum()) for column in columns] for row in rows])
    names = tuple(f"row {i + 1}, column {j + 1}" for i in range(REGIONS) for j in range(REGIONS))
    best = names[int(sums.argmax())]
    share = 100 * sums.max() / sums.sum() if sums.sum() else 0.0
    pick = Pick(f"Where is the evidence of {network} for “{label}”?", names, picture, REGIONS)
    return pick, (best,), f"{share:.0f} % of the evidence that Grad-CAM finds in “{photograph}” lies there."


def _at(curve: pd.DataFrame, column: str, steps: NDArray[np.floating]) -> tuple[float, ...]:
    return tuple(float(value) for value in np.interp(steps, curve.step, curve[column]))


def _geometric_mean(values: pd.Series[float]) -> float:
    return float(np.exp(np.log(values).mean()))
