"""Which figures does a study have? By its name; the same on the page "Studies" and in STUDIES.md."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pandas as pd
import plotly.graph_objects as go

from dashboard.figures import initialisation, trained


@dataclass(frozen=True)
class Picture:
    name: str
    alt: str
    figure: go.Figure


def _figure7(table: pd.DataFrame) -> Iterator[Picture]:
    yield Picture("responses", "Standard deviation of the response of every layer", trained.layer_responses(table))


def _depth(table: pd.DataFrame) -> Iterator[Picture]:
    for quantity, words in initialisation.QUANTITIES.items():
        if quantity != "response_sd":
            figure = initialisation.signal_and_gradient(table, quantity)
            yield Picture(quantity, f"{words}, from the first block to the last, by depth", figure)


def _shattering(table: pd.DataFrame) -> Iterator[Picture]:
    for radians in (0.02, 0.1):
        figure = initialisation.shattered_gradients(table, radians)
        yield Picture(f"correlation-{radians:g}", f"Correlation of gradients {radians:g} rad apart over depth", figure)


def _lesion(table: pd.DataFrame) -> Iterator[Picture]:
    yield Picture("one", "Test error without each block", trained.single_lesions(table))
    yield Picture("many", "Test error without several blocks, and after exchanges", trained.many_lesions(table))


def _paths(table: pd.DataFrame) -> Iterator[Picture]:
    yield Picture("paths", "Gradient through paths by length, and how many there are", trained.path_gradients(table))


def _landscape(table: pd.DataFrame) -> Iterator[Picture]:
    for statistics in ("stored", "batch"):
        figure = trained.loss_landscapes(table, statistics=statistics)
        yield Picture(f"loss-{statistics}", f"Loss around the weights, {statistics} statistics of batch norm", figure)


def _similarity(table: pd.DataFrame) -> Iterator[Picture]:
    for layers, residual in sorted(set(zip(table.layers, table.residual, strict=True))):
        kind = "residual" if residual else "plain"
        figure = trained.block_similarity(table, layers, residual)
        yield Picture(f"cka-{kind}{layers}", f"CKA between blocks, {kind} network of {layers} layers", figure)


def _gradients(table: pd.DataFrame) -> Iterator[Picture]:
    alt = "Gradient norm by block in training, with and without batch norm and shortcuts"
    yield Picture("gradients", alt, initialisation.gradients_in_training(table))


PICTURES: dict[str, Callable[[pd.DataFrame], Iterator[Picture]]] = {
    "gradients": _gradients,
    "figure7": _figure7,
    "depth": _depth,
    "shattering": _shattering,
    "lesion": _lesion,
    "paths": _paths,
    "landscape": _landscape,
    "similarity": _similarity,
}
