"""What was trained and measured? Folders of run directories, shipped with the project or made here, read as studies."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from pathlib import Path

import pandas as pd

from resnet_core import runs
from resnet_core.errors import InputError
from resnet_core.runs import RunFacts
from resnet_core.studies.catalogue import STUDIES, Measurement
from resnet_core.studies.folders import study_name


@dataclass(frozen=True, eq=False)
class StudyResults:
    """Runs that lie side by side in one folder; `facts` by the run's name."""

    name: str  # the folder's, after "own/" where it was made here
    changed: int  # another number when a run was written, added or removed
    facts: dict[str, RunFacts]
    table: pd.DataFrame  # of runs.load; a row a measurement

    @cached_property
    def kind(self) -> str:
        """Its name in the catalogue of studies, whatever its scale."""
        return study_name(self.name.split("/")[-1])

    @cached_property
    def question(self) -> str:
        return STUDIES[self.kind].question

    @cached_property
    def networks(self) -> dict[tuple[int, bool], list[tuple[str, str]]]:
        """Return (network, recipe) pairs by (layers, residual)."""
        rows = self.table.groupby(["layers", "residual"])[["network", "recipe"]]
        return {key: sorted(set(part.itertuples(index=False, name=None))) for key, part in rows}

    def same_but_for_length(self, other: StudyResults) -> bool:
        """Return whether `other` differs in its schedule alone: folder above, kind, data and networks of common depths agree."""
        beside = self.name.rpartition("/")[0] == other.name.rpartition("/")[0]
        common = self.networks.keys() & other.networks.keys()
        same = all(self.networks[key] == other.networks[key] for key in common)
        return beside and same and (self.kind, self.data) == (other.kind, other.data)

    @cached_property
    def data(self) -> list[str]:
        return list(dict.fromkeys(facts.data for facts in self.facts.values()))

    @cached_property
    def scale(self) -> float:
        """Return the smallest fraction of the recipe's iterations that a run was scaled to."""
        return float(self.table.scale.min())

    @cached_property
    def of_cifar10(self) -> bool:
        """Return whether all runs used CIFAR-10, or a copy named after it, so that the paper's Table 6 can stand beside them."""
        return all(title.split(" (")[0] == "CIFAR-10" for title in self.data)

    @cached_property
    def depths(self) -> list[int]:
        return sorted(map(int, self.table.layers.unique()))

    @cached_property
    def kinds(self) -> set[bool]:
        """Return which kinds of network there are: {False} plain, {True} residual, or both."""
        return set(map(bool, self.table.residual.unique()))

    @cached_property
    def one_a_depth(self) -> bool:
        """Return whether a depth and a kind name exactly one network."""
        return all(len({name for name, _recipe in networks}) == 1 for networks in self.networks.values())

    @cached_property
    def gradient_seeds(self) -> dict[int, list[int]]:
        """Return, by depth, the seeds of the runs that recorded their blocks' gradients in training."""
        rows = self.table[self.table.metric == "gradient_norm"]
        return {int(depth): sorted(map(int, part.seed.unique())) for depth, part in rows.groupby("layers")}

    @cached_property
    def words(self) -> str:
        """Return the text of a badge: data, schedule, seeds."""
        table = self.table
        schedules = [f"{n:,}" for n in sorted(table.iterations.unique())]
        seeds = table.groupby("network").seed.nunique()
        count = f"{seeds.min()}" if seeds.min() == seeds.max() else f"{seeds.min()} to {seeds.max()}"
        return f"{', '.join(self.data)} · {' or '.join(schedules)} iterations · {count} {'seed' if count == '1' else 'seeds'}"


@dataclass(frozen=True, eq=False)
class MeasurementResults:
    """One measurement of several networks, trained or new: a row of the catalogue, and the tables of its runs."""

    name: str  # as of StudyResults
    kind: str  # its name in the catalogue of studies
    question: str
    changed: int
    facts: dict[str, RunFacts]
    table: pd.DataFrame  # of load_measured

    @cached_property
    def words(self) -> str:
        """Return the text of a badge: data, length of the training, seeds."""
        table, seeds = self.table, self.table.seed.nunique()
        trained = [f"{n:,} iterations" for n in sorted(table.iterations.unique()) if n]
        return (
            f"{', '.join(dict.fromkeys(table.data))} · {' or '.join(trained) or 'not trained'} · "
            f"{seeds} {'seed' if seeds == 1 else 'seeds'}"
        )


@dataclass(frozen=True)
class Found:
    """What a folder of run directories holds: a study, answers, both or neither; and a sentence for each run left out."""

    studies: tuple[StudyResults | MeasurementResults, ...]
    left_out: tuple[str, ...]


def measured(facts: RunFacts) -> pd.DataFrame | None:
    """Return what a measurement recorded, as `runs.measured`, with the columns that the catalogue gives it."""
    study = STUDIES.get(facts.measurement or "")
    return runs.measured(facts, study.columns if isinstance(study, Measurement) else {})


def load_measured(*roots: Path) -> pd.DataFrame:
    """Return all finished measurements in or below the folders, which must be of one kind, as one tidy table.

    Columns: run … seconds as in `runs.load`, then those of the measurement. Raises InputError where there is none, or one is
    broken.
    """
    measurements = (facts for facts in map(runs.read_run, runs.find(*roots)) if facts.measurement is not None)
    return runs.together(map(measured, measurements), roots, "measurement")


def read(folder: Path, name: str, changed: int) -> Found:
    """Read every run directory in the folder; one that is broken is left out, and hides no other."""
    recorded: list[tuple[RunFacts, pd.DataFrame | None]] = []
    left_out = []
    for run in runs.find(folder):
        try:
            if run.parent == folder:
                facts = runs.read_run(run)
                recorded.append((facts, runs.results(facts) if facts.measurement is None else measured(facts)))
        except InputError as error:
            left_out.append(f"A run is left out: {error}")
    # of one folder's measurements, the most frequent: one figure shows one kind
    kinds = Counter(facts.measurement for facts, _ in recorded if facts.measurement).most_common()
    studies: list[StudyResults | MeasurementResults] = []
    for kind in (None, *(kind for kind, _ in kinds[:1])):
        every = {facts.run: facts for facts, _ in recorded if facts.measurement == kind}
        tables = [table for facts, table in recorded if facts.measurement == kind and table is not None]
        if not tables:
            continue
        table = pd.concat(tables, ignore_index=True)
        if kind is None:
            studies.append(StudyResults(name, changed, every, table))
        else:
            question = next(iter(every.values())).question or ""
            studies.append(MeasurementResults(name, kind, question, changed, every, table))
    for facts, _ in recorded:
        if facts.measurement not in (None, *(kind for kind, _ in kinds[:1])):
            left_out.append(f"A run is left out: {facts.folder} holds another measurement than most beside it.")
    return Found(tuple(studies), tuple(left_out))


def folders(root: Path, prefix: str) -> Iterator[tuple[Path, str, int]]:
    """Yield every folder of runs below `root`, but for races: path, `prefix` + name, a number that changes with its files."""
    for folder, inside in groupby(sorted(runs.find(root), key=lambda run: run.parent), key=lambda run: run.parent):
        if folder.is_relative_to(root) and not (folder / "race.json").exists():  # a run directory may itself be the root
            place = folder.relative_to(root).as_posix().encode(errors="replace").decode()
            yield folder, prefix + ("runs" if place == "." else place), hash(tuple(map(_last_written, inside)))


def _last_written(run: Path) -> tuple[str, int, int]:
    """Return the path of a run directory, and the times when it and its run.json were last written; 0 if it is gone."""
    try:
        return str(run), run.stat().st_mtime_ns, (run / "run.json").stat().st_mtime_ns
    except OSError:
        return str(run), 0, 0
