"""Which attributions deserve belief? How much of each outlives what the network learnt, and what its first pixels do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from dashboard.figures.colours import NEUTRAL, OF_METHOD
from dashboard.figures.style import AXIS, BELOW, TICKS, heading, titled
from resnet_core.inspection.attribution.catalogue import METHODS

if TYPE_CHECKING:  # at run time, they would bring torch
    from resnet_core.inspection.attribution.sanity_checks import DeletionInsertion, RandomisationTest

Ranked = Literal["absolute", "signed"]
RANKED: dict[Ranked, str] = {"absolute": "of the values' sizes, as in Adebayo et al.", "signed": "of the values as they are"}


def similarity(table: pd.DataFrame, ranked: Ranked) -> go.Figure:
    """How alike each method's map is to the original one, as the network is randomised from the top. A line a method.

    table: of `similarity_numbers`, or of the study "sanity" for one network: of several images, the mean over them.
    y: Spearman's rank correlation; a gap where a map is constant. x: the layer that is random last, from fc to conv1.
    """
    layers = table.random_down_to.drop_duplicates().tolist()
    lines = table.groupby(["method", "random_down_to"], sort=False)[ranked].mean()
    figure = go.Figure()
    for method in (each for each in table.method.drop_duplicates() if each in METHODS):
        figure.add_scatter(
            x=["nothing", *layers], y=[1.0, *lines[method].reindex(layers)], name=METHODS[method].title, mode="lines+markers",
            line={"color": OF_METHOD[method], "width": 2.5}, marker={"size": 6}, hovertemplate="%{y:.2f}",
        )  # fmt: skip
    shown = [name for name in layers if name.endswith("_1") or not name[-1].isdigit() or name == layers[-1]]
    short = [name.removeprefix("conv") for name in shown]
    title = titled("weights are random from the classifier (fc) down to this block")
    figure.update_xaxes(type="category", tickmode="array", tickvals=shown, ticktext=short, showgrid=False, title=title, **AXIS)
    figure.update_yaxes(range=[np.nanmin([0.0, *lines]) - 0.05, 1.05], **TICKS, **AXIS)
    figure.update_layout(
        height=460, margin={"l": 0, "r": 8, "t": 44, "b": 130}, legend=BELOW, hovermode="x unified",
        title=heading("rank correlation with the original map"),
    )  # fmt: skip
    return figure


def sanity_summary(table: pd.DataFrame) -> pd.DataFrame:
    """Mean and sd over images of the correlation of absolute values: a row a network, method and depth of the randomisation.

    table: of the study "sanity". down_to: "fc", then the last stage ("conv5_x"), then "conv1", when all is random.
    """
    stage = table.random_down_to[table.random_down_to.str.endswith("_1")].iloc[0]  # the last one's first block
    found = table[table.random_down_to.isin(["fc", stage, "conv1"])]
    found = found.assign(down_to=found.random_down_to.replace(stage, f"{stage.removesuffix('1')}x"))
    grouped = found.groupby(["network", "residual", "method", "down_to"], sort=False).absolute
    return grouped.agg(mean="mean", sd="std", images="size").reset_index()


def deletion_insertion(found: Sequence[DeletionInsertion], random: Sequence[DeletionInsertion]) -> go.Figure:
    """The class's probability by the share of deleted (left) and inserted (right) pixels. A line a method, with both AUCs.

    random: the same with pixels in random orders, in grey.
    """
    figure = make_subplots(1, 2, shared_yaxes=True, horizontal_spacing=0.05, subplot_titles=("deletion", "insertion"))
    areas = [each.deletion_auc for each in random], [each.insertion_auc for each in random]
    of_random = f"{len(random)} random orders " + ", ".join(f"{min(each):.3f} to {max(each):.3f}" for each in areas)
    lines = [(each, f"{METHODS[each.method].title} {each.deletion_auc:.3f}, {each.insertion_auc:.3f}") for each in found]
    for each, name in (*lines, *((each, of_random) for each in random)):
        colour = OF_METHOD.get(each.method)
        line = {"color": colour or NEUTRAL, "width": 2.5 if colour else 1, "dash": "solid" if colour else "dot"}
        for column, values in ((1, each.deletion), (2, each.insertion)):
            figure.add_scatter(
                x=100 * each.share, y=values, mode="lines", line=line, hovertemplate="%{y:.3f}", name=name, row=1, col=column,
                showlegend=column == 1 and (each is random[0] or colour is not None), hoverinfo=None if colour else "skip",
            )  # fmt: skip
    figure.update_xaxes(title=titled("% of pixels"), tickvals=[0, 25, 50, 75], showgrid=False, **AXIS)
    figure.update_yaxes(rangemode="tozero", **TICKS, **AXIS)
    figure.update_layout(
        height=460, margin={"l": 0, "r": 8, "t": 60, "b": 130}, legend=BELOW, hovermode="x unified",
        title=heading("probability of the class; AUC of deletion, insertion"),
    )  # fmt: skip
    return figure


def similarity_numbers(cascades: Sequence[RandomisationTest]) -> pd.DataFrame:
    """A row a method and layer."""
    return pd.concat(
        [
            pd.DataFrame({"method": each.method, "random_down_to": each.layers, "absolute": each.absolute, "signed": each.signed})
            for each in cascades
        ]
    )


def curve_numbers(found: Sequence[DeletionInsertion]) -> pd.DataFrame:
    """A row a method and share of the pixels."""
    return pd.concat(
        [
            pd.DataFrame({"method": each.method, "share": each.share, "deletion": each.deletion, "insertion": each.insertion})
            for each in found
        ]
    )


CHANGED = 0.5  # a rank correlation below which a map no longer resembles the original one


def changed(cascades: Sequence[RandomisationTest]) -> set[str]:
    """The methods whose maps change with the weights of the last stage."""
    return {each.method for each in cascades if each.absolute[_last_stage(each)] < CHANGED}


def verdicts(
    cascades: Sequence[RandomisationTest], found: Sequence[DeletionInsertion], random: Sequence[DeletionInsertion]
) -> pd.DataFrame:
    """A row a method: whether its map changes with the weights of the last stage, and whether its first pixels beat chance."""
    followed, better = changed(cascades), _better(found, random)
    return pd.DataFrame(
        [
            {
                "method": METHODS[cascade.method].title,
                "map changes with the weights": "✓" if cascade.method in followed else "✗",
                "deletion better than chance": "✓" if curves in better[0] else "✗",
                "insertion better than chance": "✓" if curves in better[1] else "✗",
            }
            for cascade, curves in zip(cascades, found, strict=True)
        ]
    )


def _last_stage(cascade: RandomisationTest) -> int:
    return next(i for i, name in enumerate(cascade.layers) if name.endswith("_1"))  # the last stage's first block


def what_stays(cascades: Sequence[RandomisationTest]) -> str:
    """In words: how alike the maps are to the original ones, by absolute values, when fc and all of the last stage are random."""
    last = _last_stage(cascades[0])
    stage = cascades[0].layers[last].removesuffix("1")
    said = [f"{METHODS[each.method].title} {each.absolute[last]:.2f}".replace("-0.", "−0.") for each in cascades]
    return f"With random weights from the classifier down to {stage}x, maps still correlate with the original: {', '.join(said)}."


def _better(
    found: Sequence[DeletionInsertion], random: Sequence[DeletionInsertion]
) -> tuple[list[DeletionInsertion], list[DeletionInsertion]]:
    """Those whose first pixels matter more than in the random orders, by deletion and by insertion.

    By more than the random orders differ among themselves; what is less may be their chance.
    """
    deletion, insertion = [each.deletion_auc for each in random], [each.insertion_auc for each in random]
    low, high = 2 * min(deletion) - max(deletion), 2 * max(insertion) - min(insertion)
    return [each for each in found if each.deletion_auc < low], [each for each in found if each.insertion_auc > high]


def what_the_pixels_do(found: Sequence[DeletionInsertion], random: Sequence[DeletionInsertion]) -> str:
    """In words: whose first pixels matter more than those of the random orders, by either AUC."""
    words = [", ".join(METHODS[each.method].title for each in chosen) or "none" for chosen in _better(found, random)]
    return f"Clearly better than {len(random)} random orders: by deletion {words[0]}; by insertion {words[1]}."
