"""What was trained and measured? Folders of run directories, shipped with the project or made here, read as studies."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from resnet_core import runs
from resnet_core.training.catalogue import STUDIES, study_of


@dataclass(frozen=True, eq=False)
class Study:
    """Runs that lie side by side in one folder; `facts` by the run's name."""

    name: str  # the folder's, after "own/" where it was made here
    changed: float  # when its last file was written
    facts: dict[str, dict[str, Any]]
    table: pd.DataFrame  # of runs.load; a row a measurement

    @cached_property
    def kind(self) -> str:
        """Its name in the catalogue of studies, whatever its scale."""
        return study_of(self.name.split("/")[-1])

    @cached_property
    def question(self) -> str:
        return STUDIES[self.kind].question

    @cached_property
    def networks(self) -> dict[tuple[int, bool], list[tuple[str, str]]]:
        """By layers, and whether residual: the networks, each with its recipe."""
        rows = self.table.groupby(["layers", "residual"])[["network", "recipe"]]
        return {key: sorted(set(part.itertuples(index=False, name=None))) for key, part in rows}

    def same_but_for_length(self, other: Study) -> bool:
        """Whether the other is this study with another schedule: it lies beside it, and networks of one depth are the same."""
        beside = self.name.rpartition("/")[0] == other.name.rpartition("/")[0]
        common = self.networks.keys() & other.networks.keys()
        same = all(self.networks[key] == other.networks[key] for key in common)
        return beside and same and (self.kind, self.data) == (other.kind, other.data)

    @cached_property
    def data(self) -> list[str]:
        return list(dict.fromkeys(facts["data"]["title"] for facts in self.facts.values()))

    @cached_property
    def scale(self) -> float:
        """The smallest share of the recipe's iterations."""
        return float(self.table.scale.min())

    @cached_property
    def of_cifar10(self) -> bool:
        """Whether the paper's Table 6 can stand beside it; a copy of the data says so in its title."""
        return all(title.split(" (")[0] == "CIFAR-10" for title in self.data)

    @cached_property
    def depths(self) -> list[int]:
        return sorted(map(int, self.table.layers.unique()))

    @cached_property
    def kinds(self) -> set[bool]:
        """Whether its networks are residual: both, or one of them."""
        return set(map(bool, self.table.residual.unique()))

    @cached_property
    def one_a_depth(self) -> bool:
        """Whether its networks differ in nothing but depth and shortcuts, so that a depth says which one is meant."""
        return all(len({name for name, _recipe in each}) == 1 for each in self.networks.values())

    @cached_property
    def seeds(self) -> list[int]:
        return sorted(map(int, self.table.seed.unique()))

    @cached_property
    def records_gradients(self) -> bool:
        """Whether its runs recorded their blocks' gradients in training."""
        return bool((self.table.metric == "gradient_norm").any())

    @cached_property
    def words(self) -> str:
        """What a badge says: data, schedule, seeds."""
        table = self.table
        schedules = [f"{n:,}" for n in sorted(table.iterations.unique())]
        recipes = ", ".join(dict.fromkeys(table.recipe))
        seeds = table.groupby("network").seed.nunique()
        count = f"{seeds.min()}" if seeds.min() == seeds.max() else f"{seeds.min()} to {seeds.max()}"
        return (
            f"{self.name} · {', '.join(self.data)} · {recipes}, {' or '.join(schedules)} iterations · "
            f"{count} {'seed' if count == '1' else 'seeds'}"
        )


@dataclass(frozen=True, eq=False)
class Answers:
    """What networks, trained or new, gave as answers to one question."""

    name: str  # as a Study's
    kind: str  # its name in the catalogue of studies
    question: str
    changed: float
    facts: dict[str, dict[str, Any]]
    table: pd.DataFrame  # of runs.load_measured

    @cached_property
    def words(self) -> str:
        """What a badge says: data, networks, seeds."""
        table, seeds = self.table, self.table.seed.nunique()
        trained = [f"{n:,} iterations" for n in sorted(table.iterations.unique()) if n]
        return (
            f"{self.name} · {', '.join(dict.fromkeys(table.data))} · {' or '.join(trained) or 'not trained'} · "
            f"{seeds} {'seed' if seeds == 1 else 'seeds'}"
        )


def read(folder: Path, name: str, changed: float) -> Study | Answers | None:
    """None where nothing was recorded yet. Raises InputError where a run is broken."""
    facts = {path.parent.name: runs.read_facts(path.parent) for path in sorted(folder.glob("*/run.json"))}
    asked = [each["measurement"] for each in facts.values() if "measurement" in each]
    if asked:
        return Answers(name, asked[0]["name"], asked[0]["question"], changed, facts, runs.load_measured(folder))
    recorded = [folder / run for run in facts if (folder / run / "metrics.parquet").exists()]
    return Study(name, changed, facts, runs.load(*recorded)) if recorded else None


def folders(root: Path, prefix: str) -> Iterator[tuple[Path, str, float]]:
    """Each folder of runs below `root`, its name after `prefix`, and when its last run was written; races are left out."""
    for folder in sorted({path.parents[1] for path in root.rglob("run.json")}):
        if not (folder / "race.json").exists():
            place = folder.relative_to(root).as_posix()
            # every record ends with a run.json, which is replaced, so at any moment there is one
            yield folder, prefix + ("runs" if place == "." else place), max(p.stat().st_mtime for p in folder.glob("*/run.json"))


def findings(text: str) -> dict[str, list[str]]:
    """Of STUDIES.md, by study: the paragraphs that begin in bold (what it shows, what differs, what it does not show).

    Those that only introduce a table are left out.
    """
    found = {}
    for section in re.split(r"^## ", text, flags=re.MULTILINE)[1:]:
        paragraphs = [each.strip() for each in section.split("\n\n")]
        found[section.split(":")[0]] = [each for each in paragraphs if each.startswith("**") and not each.endswith(":")]
    return found
