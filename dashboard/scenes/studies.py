"""What was trained and measured? The scenes of the page Studies: one run, and one measurement."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import pandas as pd

from dashboard import words
from dashboard.figures.runs import SHOWN, block_curves, facts_table, run_curves
from dashboard.figures.studies import study_pictures
from dashboard.figures.style import QUANTITIES
from dashboard.scenes.exhibit import Exhibit, Part, Table
from dashboard.scenes.link_words import STUDIES, LinkWords
from dashboard.scenes.scene import Scene
from resnet_core.runs import RunFacts
from resnet_core.studies.collection import MeasurementResults, StudyResults

QUESTION = "What was trained and measured?"
LINK = LinkWords(
    {"show": ("runs", "measurements"), "measurement": STUDIES, "asked": None, "run": None},
    ("run-*", *(f"{name.partition('-')[0]}-*" for name in STUDIES), "facts"),
)


def run_scene(study: StudyResults, run: str) -> Scene:
    """Return the scene of one run: its errors, its blocks over time, and its facts."""
    facts, table = study.facts[run], study.table[study.table.run == run]
    trained = f"{facts.data} · {facts.recipe}, {facts.iterations:,} iterations"
    if table.empty:
        return Scene(QUESTION, "This run has recorded nothing yet.", main=(facts_part(facts),), provenance=recipe_words(facts))
    curves: list[Part] = [
        Exhibit(
            key="run-errors",
            figure=run_curves(study.table, run),
            message=_ends(table),
            alt="Errors of the run over its iterations",
            origin="measured",
            provenance=trained,
            numbers=lambda: table[table.block.isna()],
            place="left",
        )
    ]
    blocks = [
        Exhibit(
            key=f"run-{quantity}",
            figure=block_curves(study.table, run, quantity),
            message=_over_time(table, quantity),
            alt=f"{QUANTITIES[quantity]}, block by block, from the first to the last record",
            origin="measured",
            provenance=trained,
            numbers=partial(_of_metric, table, quantity),
            place="right" if i == 0 else "left",
        )
        for i, quantity in enumerate(SHOWN)
        if (table.metric == quantity).any()
    ]
    return Scene(
        question=QUESTION,
        answer=f"{words.run(run)}: {_ends(table)}.",
        main=(*curves, *blocks[:1]),
        support=(*blocks[1:], facts_part(facts)),
        does_not_show="One run is one seed: only several show how far another would differ.",
        provenance=recipe_words(facts),
    )


def measurement_scene(study: StudyResults | MeasurementResults, findings: Sequence[str], facts: RunFacts) -> Scene:
    """Return the scene of one measurement: its figures, and what was found in it.

    Args:
        findings: a paragraph each, as Markdown of our own.
        facts: of the run whose facts are shown.
    """
    answer, notes, limits = _sorted(findings)
    exhibits = tuple(
        Exhibit(
            key=f"{study.kind}-{picture.name}",
            figure=picture.figure,
            message=picture.alt,
            alt=picture.alt,
            origin="measured",
            provenance=study.words,
            numbers=partial(_itself, picture.numbers),
        )
        for picture in study_pictures(study.table, study.kind)
    )
    return Scene(
        question=study.question,
        answer=answer,
        main=exhibits[:1],
        support=(*exhibits[1:], facts_part(facts)),
        does_not_show=limits,
        notes=notes,
        provenance=recipe_words(facts),
    )


def facts_part(facts: RunFacts) -> Table:
    """What run.json says beside the recipe."""
    return Table("facts", facts_table(facts), "Data, machine and versions", index=False)


def recipe_words(facts: RunFacts) -> tuple[str, ...]:
    """The recipe in full, a line a field."""
    recipe: Mapping[str, object] = facts.recorded["recipe"]
    return (facts.note, *(f"{key}: {value}" for key, value in recipe.items() if key != "note"))


def _ends(table: pd.DataFrame) -> str:
    errors = table[(table.metric == "error_percent") & table.block.isna()]
    said = []
    for split, said_of in (("train", "training error"), ("test", "test error")):
        rows = errors[errors.split == split].sort_values("step")
        if len(rows):
            said.append(f"{said_of} {rows.value.iloc[-1]:.2f} %")
    return ", ".join(said) or "no error is recorded yet"


def _over_time(table: pd.DataFrame, metric: str) -> str:
    """The median over blocks at the first record and at the last."""
    medians = _of_metric(table, metric).groupby("step").value.median()
    (first, start), (last, end) = medians.iloc[[0, -1]].items()
    return f"Median over blocks: {start:.3g} at iteration {first:,}, {end:.3g} at {last:,}"


def _of_metric(table: pd.DataFrame, metric: str) -> pd.DataFrame:
    return table[table.metric == metric]


def _itself(table: pd.DataFrame) -> pd.DataFrame:
    return table


def _sorted(findings: Sequence[str]) -> tuple[str, tuple[str, ...], str]:
    """The first sentence of what was found; all that follows, a paragraph each; and what it does not show."""
    said = [words.from_markdown(paragraph) for paragraph in findings]
    limits = [each.removeprefix("What it does not show. ") for each in said if each.startswith("What it does not show")]
    found = [each.removeprefix("What it shows. ") for each in said if not each.startswith("What it does not show")]
    if not found:
        return "", (), " ".join(limits)
    first, _, rest = found[0].partition(". ")
    return f"{first.rstrip('.')}.", tuple(filter(None, (rest, *found[1:]))), " ".join(limits)
