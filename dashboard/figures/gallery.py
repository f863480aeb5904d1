"""Which figures does a study have? By its name; the same on the page "Studies" and in STUDIES.md."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pandas as pd
import plotly.graph_objects as go

from dashboard.figures import initialisation, trained, trust
from dashboard.figures.agreement import agreement_by_depth, by_depth
from dashboard.figures.pair import by_rate, rates_of_pair
from dashboard.figures.style import QUANTITIES, heading
from dashboard.figures.variants import rate_curves, shortcut_curves
from dashboard.plain import plotly_plain


@dataclass(frozen=True)
class Picture:
    name: str
    alt: str
    figure: go.Figure
    numbers: pd.DataFrame  # behind the figure


def _gradients(table: pd.DataFrame) -> Iterator[Picture]:
    alt = "Gradient norm by block in training, with and without batch norm and shortcuts"
    numbers = table[table.metric == "gradient_norm"][["run", "residual", "batch_norm", "seed", "step", "block", "value"]]
    yield Picture("gradients", alt, initialisation.gradients_in_training(table), numbers)


def _errors(table: pd.DataFrame) -> pd.DataFrame:
    return table[table.metric == "error_percent"][["run", "seed", "step", "split", "value"]]


def _shortcuts(table: pd.DataFrame) -> Iterator[Picture]:
    yield Picture("options", "Training error by what stands on the shortcuts", shortcut_curves(table), _errors(table))


def _rates(table: pd.DataFrame) -> Iterator[Picture]:
    alt = "Training error by depth and by the learning rate at the start"
    yield Picture("rates", alt, rate_curves(table), _errors(table))


def _pair_rates(table: pd.DataFrame) -> Iterator[Picture]:
    yield Picture("rates", "Training error by learning rate, plain beside residual", rates_of_pair(table), by_rate(table))


def _figure7(table: pd.DataFrame) -> Iterator[Picture]:
    alt = "Standard deviation of the response of every layer"
    yield Picture("responses", alt, trained.layer_responses(table), table[["run", "place", "layer", "response_sd"]])


def _depth(table: pd.DataFrame) -> Iterator[Picture]:
    for quantity in ("gradient_norm", "output_rms"):
        alt = f"{QUANTITIES[quantity]}, from the first block to the last, by depth"
        figure = initialisation.signal_and_gradient(table, quantity)
        yield Picture(quantity, alt, figure, initialisation.over_blocks(table, quantity))


def _shattering(table: pd.DataFrame) -> Iterator[Picture]:
    for radians in (0.02, 0.1):
        figure, numbers = initialisation.shattered_gradients(table, radians), initialisation.at_angle(table, radians)
        yield Picture(f"correlation-{radians:g}", f"Correlation of gradients {radians:g} rad apart over depth", figure, numbers)


def _agreement(table: pd.DataFrame) -> Iterator[Picture]:
    alt = "Cosine between the gradients of two minibatches over depth, plain and residual, with and without batch norm"
    yield Picture("cosine", alt, agreement_by_depth(table), by_depth(table))


def _precision(table: pd.DataFrame) -> Iterator[Picture]:
    alt = "Cosine between the first gradient in bfloat16 and in float32 over depth, plain and residual"
    words = "cosine between the gradients ∂L/∂W in bfloat16 and in float32, median layer"
    yield Picture("cosine", alt, agreement_by_depth(table, words), by_depth(table))


def _lesion(table: pd.DataFrame) -> Iterator[Picture]:
    one = table[table.lesion == "one removed"][["run", "blocks", "reestimated", "error_percent"]]
    yield Picture("one", "Test error without each block", trained.single_lesions(table), one)
    alt = "Test error without several blocks, and after exchanges"
    yield Picture("many", alt, trained.many_lesions(table), trained.lesion_summary(table))


def _paths(table: pd.DataFrame) -> Iterator[Picture]:
    alt = "Gradient through paths by length, and how many there are"
    yield Picture("paths", alt, trained.path_gradients(table), trained.path_lengths(table))


def _landscape(table: pd.DataFrame) -> Iterator[Picture]:
    for statistics in ("stored", "batch"):
        figure = trained.loss_landscapes(table, statistics=statistics)
        numbers = table[table.statistics == statistics][["run", "directions", "alpha", "beta", "loss", "error_percent"]]
        yield Picture(f"loss-{statistics}", f"Loss around the weights, {statistics} statistics of batch norm", figure, numbers)


def _similarity(table: pd.DataFrame) -> Iterator[Picture]:
    for layers, residual in sorted(set(zip(table.layers, table.residual, strict=True))):
        kind = "residual" if residual else "plain"
        figure = trained.block_similarity(table, layers, residual)
        part = table[(table.layers == layers) & (table.residual == residual)]
        numbers = part[["run", "other", "block", "other_block", "cka"]]
        yield Picture(f"cka-{kind}{layers}", f"CKA between blocks, {kind} network of {layers} layers", figure, numbers)


def _sanity(table: pd.DataFrame) -> Iterator[Picture]:
    for network, part in table.groupby("network"):
        alt = f"How alike attributions of {network} are to themselves as it is randomised from the top"
        figure = trust.similarity(part, "absolute")
        figure.update_layout(title=heading(f"{plotly_plain(network)}: {figure.layout.title.text}"))
        yield Picture(str(network), alt, figure, part[["run", "image", "method", "random_down_to", "absolute", "signed"]])


Draw = Callable[[pd.DataFrame], Iterator[Picture]]
TRAINING_PICTURES: dict[str, Draw] = {  # from tables of runs.load
    "gradients": _gradients,
    "shortcuts": _shortcuts,
    "rates": _rates,
    "pair-rates": _pair_rates,
}
PICTURES: dict[str, Draw] = {  # from tables of runs.load_measured
    "figure7": _figure7,
    "depth": _depth,
    "shattering": _shattering,
    "agreement": _agreement,
    "precision": _precision,
    "lesion": _lesion,
    "paths": _paths,
    "landscape": _landscape,
    "similarity": _similarity,
    "sanity": _sanity,
}


def pictures(table: pd.DataFrame, study: str) -> list[Picture]:
    """The figures of the study of that name; none where it has none."""
    draw = (TRAINING_PICTURES | PICTURES).get(study)
    return list(draw(table)) if draw else []
