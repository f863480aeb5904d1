"""What did one training run do? Its errors, its blocks over time, and its facts as tables."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
import plotly.graph_objects as go
from plotly.colors import sample_colorscale

from dashboard.figures.colours import NEUTRAL, of_network
from dashboard.figures.degradation import errors
from dashboard.figures.style import AXIS, BELOW, QUANTITIES, TICKS, block_axis, heading, log_axis
from resnet_core.runs import RunFacts, mean_final_errors

SHOWN = ("gradient_norm", "response_sd")  # of QUANTITIES
RECORDS = 5  # of a block quantity that are drawn, evenly over the training
_LAYOUT = {"margin": {"l": 0, "r": 8, "t": 40, "b": 44}, "legend": BELOW, "hovermode": "x unified"}


def run_curves(table: pd.DataFrame, run: str) -> go.Figure:
    """Top-1 error in percent over the iterations of one run: on the training batches (dashed) and the test images (solid)."""
    table = table[table.run == run]
    rows, residual, lines = errors(table), bool(table.residual.iloc[0]), []
    for split, name, dash in (("train_batches", "training batches", "dash"), ("test", "test", "solid")):
        points = rows[rows.split == split].sort_values("step")
        lines.append(
            go.Scatter(
                x=points.step, y=points.value, name=name, mode="lines+markers" if len(points) < 30 else "lines",
                line={"color": of_network(residual), "width": 3 if dash == "solid" else 1.8, "dash": dash},
                hovertemplate="%{y:.2f} %",
            )
        )  # fmt: skip
    xaxis = {
        "title": {"text": "iteration", "font": {"size": 14}, "standoff": 4},
        "rangemode": "tozero",
        "showgrid": False,
        **AXIS,
    }
    yaxis = {"rangemode": "tozero", **TICKS, **AXIS}
    return go.Figure(lines, {"height": 380, "title": heading("error, %"), "xaxis": xaxis, "yaxis": yaxis, **_LAYOUT})


def block_curves(table: pd.DataFrame, run: str, quantity: str) -> go.Figure:
    """One of SHOWN by block of one run, at up to RECORDS iterations from the first (light) to the last, log scale."""
    rows = table[(table.run == run) & (table.metric == quantity)]
    residual = bool(rows.residual.iloc[0])
    steps = sorted(rows.step.unique())
    shown = [steps[round(i * (len(steps) - 1) / max(1, RECORDS - 1))] for i in range(min(RECORDS, len(steps)))]
    shown = sorted(set(shown))
    shades = sample_colorscale([NEUTRAL, of_network(residual)], [i / max(1, len(shown) - 1) for i in range(len(shown))])
    lines = []
    for step, colour in zip(shown, shades, strict=True):
        points = rows[rows.step == step]
        lines.append(
            go.Scatter(
                x=list(points.block), y=[value or None for value in points.value], name=f"iteration {step:,}",
                mode="lines+markers", line={"color": colour, "width": 3 if step == shown[-1] else 1.5}, marker={"size": 5},
                hovertemplate="%{y:.3g}",
            )
        )  # fmt: skip
    words = heading(QUANTITIES[quantity])
    return go.Figure(
        lines, {"height": 360, "title": words, "xaxis": block_axis(rows.block), "yaxis": log_axis(rows.value), **_LAYOUT}
    )


def runs_table(table: pd.DataFrame, study: str, runs: Mapping[str, RunFacts]) -> pd.DataFrame:
    """A row a run of a study: what it trained, on what, how long, and its errors in percent at the end (None while it has none).

    runs: what run.json says, by the run's name.
    """
    rows = []
    for run, facts in runs.items():
        ends = dict(mean_final_errors(table[table.run == run])[["split", "mean"]].itertuples(index=False))
        rows.append(
            {
                "run": f"{study}/{run}",
                "network": facts.architecture,
                "data": facts.data,
                "recipe": facts.recipe,
                "schedule": facts.scale,
                "iterations": facts.iterations,
                "seed": facts.seed,
                "training error": ends.get("train"),
                "test error": ends.get("test"),
                "minutes": facts.seconds / 60,
                "status": facts.status,
                "commit": (facts.commit or "none")[:10],
            }
        )
    return pd.DataFrame(rows)


def precision(facts: RunFacts) -> str:
    """In words: the numbers' format, and whether the network was compiled, which rounds otherwise."""
    said = "bfloat16 autocast" if facts.precision == "bf16-mixed" else "float32"
    return f"{said}, compiled" if facts.compiled else said


def facts_table(facts: RunFacts) -> pd.DataFrame:
    """What run.json says beside the recipe, in words: a row a fact."""
    shortcut = f"shortcuts of option {facts.shortcut}" if facts.residual else "no shortcuts"
    norm = "with" if facts.batch_norm else "without"
    width = f", width {facts.width}" if facts.width else ""
    said = {
        "network": f"{facts.architecture}{width}, {shortcut}, {norm} batch norm",
        "data": f"{facts.data}: {facts.source}",
        "seed": facts.seed,
        "weights" if facts.measurement else "first weights": facts.start or "He initialisation from the seed",
        "precision": precision(facts),
        "commit": facts.commit or "none",
        "hardware": ", ".join(f"{key} {value}" for key, value in facts.hardware.items()),
        "versions": ", ".join(f"{key} {value}" for key, value in facts.versions.items()),
        "time": f"{facts.seconds / 60:.1f} minutes",
        "status": facts.status,
    }
    return pd.DataFrame([(key, str(value)) for key, value in said.items()], columns=["what", "value"])
