"""How does the gradient come back through a plain and a residual network, before training and in it?"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from dashboard.figures.colours import AMOUNT, of_network
from dashboard.figures.style import ABOVE, AXIS, QUANTITIES, TICKS, block_axis, heading, log_axis, network_name, spread, titled
from resnet_core.runs import mean_final_errors

if TYPE_CHECKING:
    from resnet_core.inspection.gradients import GradientFlow


def _curves(lines: Mapping[bool, tuple[Iterable[str], Iterable[float | None]]], title: str) -> go.Figure:
    """By network (residual or not): the blocks and their values."""
    figure = go.Figure()
    names: list[str] = []
    for residual, (blocks, values) in lines.items():
        names = list(blocks)
        figure.add_scatter(
            x=names, y=list(values), name="residual" if residual else "plain", mode="lines", hovertemplate="%{y:.3g}",
            line={"color": of_network(residual), "width": 3, "dash": "solid" if residual else "dot"},
        )  # fmt: skip
    figure.update_xaxes(title=titled("image → loss (the gradient comes back)"), **block_axis(names))
    margin = {"l": 0, "r": 8, "t": 52, "b": 48}
    return figure.update_layout(height=340, title=heading(title), legend=ABOVE, hovermode="x unified", margin=margin)


def flow_curves(flows: Mapping[bool, GradientFlow], quantity: str) -> go.Figure:
    """One of QUANTITIES by block, log scale; what is zero or overflowed is a gap."""
    lines = {
        residual: (
            [block.block for block in flow.blocks],
            [value if 0 < value < math.inf else None for value in (getattr(block, quantity) for block in flow.blocks)],
        )
        for residual, flow in flows.items()
    }
    figure = _curves(lines, QUANTITIES[quantity])
    shown = [value for _, values in lines.values() for value in values if value is not None]
    return figure.update_yaxes(**log_axis(shown))


def recorded_norms(table: pd.DataFrame, layers: int, batch_norm: bool) -> dict[bool, pd.Series]:
    """Return the gradient norms of new networks by block, geometric means over seeds, by whether residual.

    table: of the study "depth". What overflowed is missing.
    """
    rows = table[(table.layers == layers) & (table.batch_norm == batch_norm)].sort_values("place")
    logs = np.log(rows.gradient_norm.where(rows.gradient_norm > 0))
    return {
        bool(residual): np.exp(logs[part.index].groupby(part.block, sort=False).mean())
        for residual, part in rows.groupby("residual")
        if np.isfinite(logs[part.index]).any()
    }


def norm_curves(norms: Mapping[bool, pd.Series]) -> go.Figure:
    """Gradient norms by block, log scale: by whether residual."""
    lines: dict[bool, tuple[Iterable[str], Iterable[float | None]]] = {
        residual: (list(values.index), [value if math.isfinite(value) else None for value in values])
        for residual, values in norms.items()
    }
    figure = _curves(lines, QUANTITIES["gradient_norm"])
    return figure.update_yaxes(**log_axis([value for values in norms.values() for value in values]))


def correlation_curves(tables: Mapping[bool, pd.DataFrame]) -> go.Figure:
    """How alike the gradients at neighbouring inputs are, by block, from 0 (as noise) to 1.

    tables: of `gradient_correlation`, which say it for the image too; a block's is that with respect to its output.
    """
    lines: dict[bool, tuple[Iterable[str], Iterable[float | None]]] = {}
    for residual, table in tables.items():
        near = table[(table.lag == 1) & (table.block != "image")]
        lines[residual] = near.block, near.correlation.tolist()
    figure = _curves(lines, "correlation of gradients at neighbouring inputs")
    lowest = min(value for _, values in lines.values() for value in values if value is not None)
    return figure.update_yaxes(range=[min(-0.05, lowest), 1.05], **TICKS, **AXIS)


def flow_table(flows: Mapping[bool, GradientFlow]) -> pd.DataFrame:
    """A row a network and block."""
    rows = [{"network": "residual" if residual else "plain", **vars(b)} for residual, flow in flows.items() for b in flow.blocks]
    return pd.DataFrame(rows)


def first_to_last(flow: GradientFlow, quantity: str = "gradient_norm") -> float:
    """The first block's gradient norm over the last's: above 1 it grows on its way back, below 1 it vanishes.

    quantity: "scaled_gradient" for ‖∂L/∂y‖ ‖y‖, which is free of the scale of the outputs y.
    """
    first, last = getattr(flow.blocks[0], quantity), getattr(flow.blocks[-1], quantity)
    return first / last if last else math.nan


def _times(factor: float) -> str:
    """A factor of at least 1, to two digits: 22, 9,300, 10⁴⁰."""
    if factor < 1e6:
        return f"{float(f'{factor:.2g}'):,g}"
    return f"10{str(round(math.log10(factor))).translate(str.maketrans('0123456789', '⁰¹²³⁴⁵⁶⁷⁸⁹'))}"


def fold_words(ratio: float) -> str:
    """What a first-to-last ratio says in two words: "grows 9,300-fold"."""
    if not math.isfinite(ratio):
        return "overflows"
    if ratio == 0:
        return "is zero at the first block"
    return f"{'grows' if ratio >= 1 else 'shrinks'} {_times(max(ratio, 1 / ratio))}-fold"


def _networks(table: pd.DataFrame, layers: int, seed: int) -> list[tuple[str, pd.DataFrame]]:
    """The gradient norms of each network of that depth and seed, with its name: plain ones first, those with batch norm first."""
    rows = table[(table.metric == "gradient_norm") & (table.layers == layers) & (table.seed == seed)]
    groups = rows.groupby([~rows.batch_norm, "residual", "network"])
    kinds = [network_name(layers, residual, not without) for (without, residual, _), _ in groups]
    # of several of one kind, the study's own name says which
    return [
        (kind if kinds.count(kind) == 1 else network, part) for kind, ((_, _, network), part) in zip(kinds, groups, strict=True)
    ]


def evolution(table: pd.DataFrame, layers: int, seed: int) -> go.Figure:
    """Gradient norm by iteration and block, as a heat map a network of that depth and seed; one colour scale, by its logarithm.

    table: of runs.load. What is zero is left blank.
    """
    networks = _networks(table, layers, seed)
    figure = make_subplots(
        math.ceil(len(networks) / 2), 2, horizontal_spacing=0.08, vertical_spacing=0.16,
        subplot_titles=[name for name, _ in networks], shared_yaxes=True,
    )  # fmt: skip
    for i, (_, part) in enumerate(networks):
        square = part.pivot_table(index="block", columns="step", values="value", sort=False)
        square = square.sort_index(key=lambda blocks: [list(part.block.unique()).index(block) for block in blocks])
        with np.errstate(divide="ignore"):
            logs = np.log10(square.to_numpy())
        cell = {"row": i // 2 + 1, "col": i % 2 + 1}
        figure.add_heatmap(
            z=np.where(np.isfinite(logs), logs, None), x=square.columns, y=list(square.index), coloraxis="coloraxis",
            hovertemplate="iteration %{x}, %{y}: 10^%{z:.2f}<extra></extra>", **cell,
        )  # fmt: skip
        figure.update_yaxes(**block_axis(square.index), **cell)
        figure.update_xaxes(title=titled("iteration") if i >= len(networks) - 2 else None, **AXIS, **cell)
        figure.layout.annotations[i].font = {"size": 14, "color": of_network(bool(part.residual.iloc[0]))}
    norms = pd.concat([part.value for _, part in networks])
    norms = norms[norms > 0]
    ticks = log_axis(norms)
    bar = {
        "title": {"text": "norm", "font": {"size": 13}}, "thickness": 12, "tickfont": {"size": 12},
        "tickvals": np.log10(ticks["tickvals"]).tolist(), "ticktext": ticks["ticktext"],
    }  # fmt: skip
    height = 300 * math.ceil(len(networks) / 2) + 60
    axis = {"colorscale": AMOUNT, "cmin": ticks["range"][0], "cmax": ticks["range"][1], "colorbar": bar}
    margin = {"l": 0, "r": 0, "t": 64, "b": 44}
    return figure.update_layout(height=height, title=heading(QUANTITIES["gradient_norm"]), coloraxis=axis, margin=margin)


def _short(value: float) -> str:
    """To two digits: 0.17, 4,500, 4.6 × 10⁻⁴."""
    if value == 0 or 1e-3 <= value < 1e6:
        return f"{float(f'{value:.2g}'):,g}"
    digits, _, power = f"{value:.1e}".partition("e")
    return f"{digits} × 10{str(int(power)).translate(str.maketrans('-0123456789', '⁻⁰¹²³⁴⁵⁶⁷⁸⁹'))}"


def _relative(part: pd.DataFrame) -> pd.DataFrame:
    """A network's gradient norms over that of its last block, where that is not zero: a row a record, a column a block."""
    square = part.pivot_table(index="step", columns="block", values="value", sort=False)[part.block.unique()]
    return square.div(square.iloc[:, -1].replace(0, math.nan), axis=0).dropna(how="all")


def _at(found: pd.DataFrame, largest: bool) -> tuple[float, str, int]:
    """The extreme value, its block, and its iteration."""
    line = found.stack()
    step, block = line.idxmax() if largest else line.idxmin()
    return float(line[step, block]), str(block), int(step)


HEALTHY = 10.0  # a factor within which gradient norms of blocks may differ, and nobody says that they vanish or explode


def do_they_vanish(table: pd.DataFrame, layers: int, seed: int) -> str:
    """The answer that these records give, in Markdown, a line a network: beside the last block's norm, within HEALTHY or not."""
    said = []
    for name, part in _networks(table, layers, seed):
        relative = _relative(part)
        if relative.empty:
            said.append(f"- **{name}**: the norm of the last block is zero in every record.")
            continue
        words = []
        for word, largest in (("smaller", False), ("larger", True)):
            value, block, step = _at(relative, largest)
            ends = value, _at(relative.iloc[[-1]], largest)[0]
            most, at_the_end = (each if largest else 1 / each if each else math.inf for each in ends)
            if most < HEALTHY:
                continue
            if at_the_end == math.inf:
                after = "and still at the end"
            else:
                after = "no longer at the end" if at_the_end < 1.05 else f"at the end {_times(at_the_end)} times"
            if most == math.inf:
                words.append(f"zero in {block} at iteration {step}, {after}")
            else:
                words.append(f"{_times(most)} times {word} than at the last block ({block}, iteration {step}), {after}")
        healthy = f"the norms of all blocks stay within a factor of {HEALTHY:.0f} of the last block's"
        said.append(f"- **{name}**: {'; '.join(words) or healthy}.")
    return "\n".join(said)


def evolution_table(table: pd.DataFrame, layers: int, seed: int) -> pd.DataFrame:
    """The numbers behind `evolution`."""
    rows = table[(table.metric == "gradient_norm") & (table.layers == layers) & (table.seed == seed)]
    return rows[["run", "residual", "batch_norm", "step", "block", "value"]]


def training_summary(table: pd.DataFrame) -> pd.DataFrame:
    """A row a network: gradient norm of its first and last block at the first and last record, and its errors at the end.

    table: of runs.load; means over seeds, of the errors with their sd.
    """
    rows = []
    norms = table[table.metric == "gradient_norm"]
    firsts, lasts = norms.step.min(), norms.step.max()
    for (norm, residual), part in norms.groupby(["batch_norm", "residual"]):
        mean = part.groupby(["step", "block"], sort=False).value.mean().unstack("block")
        ends = mean_final_errors(table[(table.batch_norm == norm) & (table.residual == residual)]).set_index("split")
        row = [network_name(part.layers.iloc[0], residual, norm)]
        for step in (firsts, lasts):
            row += [_short(mean.loc[step].iloc[0]), _short(mean.loc[step].iloc[-1])]
        rows.append([*row, *(spread(ends.loc[split, "mean"], ends.loc[split, "sd"], 1) for split in ("train", "test"))])
    names = [f"{block} block, iteration {step}" for step in (firsts, lasts) for block in ("first", "last")]
    return pd.DataFrame(rows, columns=["network", *names, "training error, %", "test error, %"])
