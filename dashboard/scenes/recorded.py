"""How are recorded studies named on a page? Their data, length of training and seeds in words; no names of folders."""

from __future__ import annotations

from collections.abc import Iterable

from resnet_core.studies.collection import MeasurementResults, StudyResults

Recorded = StudyResults | MeasurementResults


def data_words(study: Recorded) -> str:
    """Return what a badge says: data, iterations of training, seeds."""
    table = study.table
    data = " and ".join(dict.fromkeys(table.data))
    lengths = [f"{count:,}" for count in sorted(table.iterations.unique()) if count]
    trained = f"trained for {' or '.join(lengths)} iterations" if lengths else "not trained"
    return f"{data} · {trained} · {seed_words(study)}"


def seed_words(study: Recorded) -> str:
    """Return how many seeds each network has: "3 seeds", or "2 to 3 seeds"."""
    seeds = study.table.groupby("network").seed.nunique()
    low, high = int(seeds.min()), int(seeds.max())
    return _count(low, "seed") if low == high else f"{low} to {high} seeds"


def made_words(*studies: Recorded) -> tuple[str, ...]:
    """Return how studies were made, a paragraph a study, for "How it was made"."""
    return tuple(dict.fromkeys(_made(study) for study in studies))


def _made(study: Recorded) -> str:
    facts = list(study.facts.values())
    hours = sum(run.seconds for run in facts) / 3600
    time = f"{hours:.1f} hours" if hours >= 1 else _count(max(1, round(60 * hours)), "minute")
    return (
        f"{study.question} Data: {_listed(run.source or run.data for run in facts)}. "
        f"Recipe: {_listed(run.note.replace('`', '') for run in facts if run.note)} "
        f"{_count(len(facts), 'run')}, {seed_words(study)}, {time} in all; precision {_listed(run.precision for run in facts)}. "
        "The page Studies lists every run with its recipe in full."
    )


def _listed(words: Iterable[str]) -> str:
    return "; ".join(dict.fromkeys(words))


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' * (number != 1)}"
