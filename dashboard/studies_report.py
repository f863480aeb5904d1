"""What did the studies find? `python -m dashboard.studies_report` writes tables and pictures of assets/studies/STUDIES.md anew.

Questions and methods are written by hand. A table stands between the comments `<!-- table KIND FOLDER -->` and `<!-- end -->`,
what was found between `<!-- finding KIND FOLDER -->` and `<!-- end -->`; the numbers of both come from the run directories in
FOLDER. README.md is written likewise. Pictures need Chrome or Chromium (through Plotly's Kaleido).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from dashboard.figures import initialisation, trained, trust
from dashboard.figures.agreement import WHOLE, by_depth
from dashboard.figures.degradation import degradation_curves
from dashboard.figures.gradient_flow import training_summary
from dashboard.figures.pair import rates_of_pair
from dashboard.figures.runs import precision
from dashboard.figures.schedules import by_schedule, over_schedules
from dashboard.figures.studies import study_pictures
from dashboard.figures.style import network_name, spread
from dashboard.findings import FINDINGS
from dashboard.findings.numbers import plain_decimal, wrapped
from resnet_core import runs
from resnet_core.assets import STUDIES
from resnet_core.atomic import replacing
from resnet_core.inspection.attribution.catalogue import METHODS
from resnet_core.runs import RunFacts, mean_final_errors
from resnet_core.studies.collection import load_measured
from resnet_core.studies.folders import study_name

TEXT = STUDIES / "STUDIES.md"
README = STUDIES.parents[1] / "README.md"  # of a checkout
_TABLE = re.compile(r"(<!-- table (\S+) (\S+) -->\n).*?(<!-- end -->)", re.DOTALL)
_FINDING = re.compile(r"(<!-- finding (\S+) (\S+) -->\n).*?(<!-- end -->)", re.DOTALL)


def _markdown(table: pd.DataFrame) -> str:
    rows = [table.columns, ["---"] * len(table.columns), *table.itertuples(index=False)]
    return "".join(f"| {' | '.join(map(str, row))} |\n" for row in rows)


def counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def made(folder: Path) -> pd.DataFrame:
    """What the runs say of themselves: data, recipe, seeds, precision, hardware, time, commits."""
    facts = [runs.read_run(path.parent) for path in sorted(folder.glob("*/run.json"))]

    def all_of(say: Callable[[RunFacts], object]) -> str:
        return ", ".join(dict.fromkeys(str(say(each)) for each in facts))

    seeds = sorted({each.seed for each in facts})
    iterations = all_of(lambda each: f"{each.iterations:,}")
    hardware = all_of(lambda each: f"{each.hardware.get('device', 'cpu')}, {counted(each.threads, 'thread')}")
    said = {
        "data": all_of(lambda each: each.source),
        "recipe": all_of(lambda each: each.recipe) + f": {iterations} iterations",
        "seeds": ", ".join(map(str, seeds)),
        "precision": ", ".join(dict.fromkeys(word for each in facts for word in precision(each).split(", "))),
        "hardware": hardware.replace("cpu", "CPU") + " a network",
        "time": f"{sum(each.seconds for each in facts) / 60:.0f} minutes in all, {counted(len(facts), 'run')}" + _shared(folder),
        "commits": all_of(lambda each: (each.commit or "none")[:10]),
    }
    return pd.DataFrame(said.items(), columns=["what", "value"])


def _shared(folder: Path) -> str:
    """How many of the runs other studies count too."""
    own = {(path.parent.name, path.read_bytes()) for path in folder.glob("*/run.json")}
    others = {(path.parent.name, path.read_bytes()) for path in folder.parent.glob("*/*/run.json") if path.parents[1] != folder}
    both = len(own & others)
    return f", {both} of them counted in another study too" if both else ""


def errors(folder: Path) -> pd.DataFrame:
    """Errors after the last iteration, a row a network."""
    table = runs.load(folder)
    rows = []
    for label, part in table.groupby("network", sort=False):
        ends = mean_final_errors(part).set_index("split")
        train, test = ends.loc["train"], ends.loc["test"]
        row = [label, spread(train["mean"], train.sd), spread(test["mean"], test.sd), int(test.n)]
        rows.append((part.layers.iloc[0], part.residual.iloc[0], label, row))
    columns = ["network", "training error, %", "test error, %", "seeds"]
    return pd.DataFrame([row for *_, row in sorted(rows)], columns=columns)


def schedules(study: Path) -> pd.DataFrame:
    """Errors after the last iteration of a study's networks at every length of its schedule, a row a network and length.

    study: the folders' name without its scale.
    """
    ends = at_every_length(study)
    rows = []
    for (residual, layers, iterations), part in ends.groupby(["residual", "layers", "iterations"]):
        train, test = part.set_index("split").loc["train"], part.set_index("split").loc["test"]
        errors = [spread(train["mean"], train.sd), spread(test["mean"], test.sd)]
        rows.append([network_name(layers, residual), f"{iterations:,}", *errors, int(test.n)])
    return pd.DataFrame(rows, columns=["network", "iterations", "training error, %", "test error, %", "seeds"])


def at_every_length(study: Path) -> pd.DataFrame:
    return by_schedule([runs.load(each) for each in sorted(study.parent.iterdir()) if study_name(each.name) == study.name])


def responses(folder: Path) -> pd.DataFrame:
    rows = []
    for (layers, residual), part in load_measured(folder).groupby(["layers", "residual"]):
        line = part.groupby("place").response_sd.mean()
        rows.append([network_name(layers, residual), *(f"{value:.2f}" for value in (line.mean(), line.min(), line.max()))])
    return pd.DataFrame(rows, columns=["network", "mean sd of a layer", "smallest", "largest"])


def flow(folder: Path) -> pd.DataFrame:
    table, rows = load_measured(folder), []
    ends, outputs = initialisation.ends_of_depth(table), initialisation.over_blocks(table, "output_rms")
    for norm, residual, layers in sorted(zip(ends.batch_norm, ends.residual, ends.layers, strict=True)):
        same = (outputs.layers == layers) & (outputs.residual == residual) & (outputs.batch_norm == norm)
        first, last = ends.set_index(["batch_norm", "residual", "layers"]).loc[(norm, residual, layers), ["first", "last"]]
        end = f"{outputs[same].value.iloc[-1]:.2g}" if same.any() and np.isfinite(last) else "overflows"
        quotients = [f"{first:.2e}", f"{last:.2e}", f"{first / last:.2g}"]
        words = (
            quotients if np.isfinite(first) else ["overflows", f"{last:.2e}" if np.isfinite(last) else "overflows", "overflows"]
        )
        rows.append([network_name(layers, residual, norm), *words, end])
    names = ["network", "gradient norm, first block", "last block", "first / last", "rms of the last block's outputs"]
    return pd.DataFrame(rows, columns=names)


def shattering(folder: Path) -> pd.DataFrame:
    table = load_measured(folder)
    columns = {angle: initialisation.at_angle(table, angle) for angle in (0.02, 0.1, 0.5)}
    keys = ["layers", "residual", "batch_norm"]
    first = next(iter(columns.values()))
    rows = []
    for norm, residual in ((True, False), (True, True), (False, False), (False, True)):
        for layers in sorted(first.layers.unique()):
            means = [found.set_index(keys)["mean"].get((layers, residual, norm)) for found in columns.values()]
            if means[0] is not None:
                rows.append([network_name(layers, residual, norm), *(f"{mean:.3f}" for mean in means)])
    return pd.DataFrame(rows, columns=["network", *(f"{found.radians.iloc[0]:g} rad apart" for found in columns.values())])


def agreement(folder: Path) -> pd.DataFrame:
    table = load_measured(folder)
    medians = by_depth(table).set_index(["batch_norm", "residual", "layers"])
    whole = table[table.layer == WHOLE].groupby(["batch_norm", "residual", "layers"]).cosine.mean()
    steps = table[table.layer != WHOLE].groupby(["batch_norm", "residual", "layers", "place"]).relative_gradient.mean()
    rows = []
    for (norm, residual, layers), median in medians.sort_index(ascending=[False, True, True]).iterrows():
        relative = steps[norm, residual, layers]
        cosines = [
            "{} ({} to {})".format(*map(plain_decimal, median[["mean", "min", "max"]])),
            plain_decimal(whole[norm, residual, layers]),
        ]
        rows.append([network_name(layers, residual, norm), *cosines, f"{relative.iloc[0]:.2g}", f"{relative.iloc[-1]:.2g}"])
    names = ["cosine, median layer (seeds)", "all kernels", "‖∂L/∂W‖ / ‖W‖, first layer", "last layer"]
    return pd.DataFrame(rows, columns=["network", *names])


def gradients(folder: Path) -> pd.DataFrame:
    return training_summary(runs.load(folder))


def lesion(folder: Path) -> pd.DataFrame:
    found = trained.lesion_summary(load_measured(folder)).sort_values(["layers", "residual", "lesion", "count"])
    rows = []
    for (layers, residual, kind, count), part in found.groupby(["layers", "residual", "lesion", "count"]):
        both = part.set_index("reestimated")
        values = [spread(row["mean"], row["std"], 1) for row in (both.loc[False], both.loc[True])]
        rows.append([network_name(layers, residual), kind, count, *values])
    names = ["network", "lesion", "how many", "test error, %", "with statistics anew, %"]
    order = {"none": 0, "one removed": 1, "several removed": 2, "exchanged": 3}
    rows.sort(key=lambda row: (row[0], order[row[1]], row[2]))
    return pd.DataFrame(rows, columns=names)


def paths(folder: Path) -> pd.DataFrame:
    rows = []
    for layers, part in trained.path_lengths(load_measured(folder)).groupby("layers"):
        mean_length = (part.length * part.effective).sum()
        below = part.effective.cumsum()
        low, high = part.length[below >= 0.05].iloc[0], part.length[below >= 0.95].iloc[0]
        blocks = part.blocks.iloc[0]
        rows.append([network_name(layers, True), blocks, f"{blocks / 2:.1f}", f"{mean_length:.1f}", f"{low} to {high}"])
    names = ["network", "blocks", "mean length of a path", "mean length, by gradient", "lengths that carry 90 % of it"]
    return pd.DataFrame(rows, columns=names)


def landscape(folder: Path) -> pd.DataFrame:
    table, rows = load_measured(folder), []
    keys = ["residual", "layers", "directions", "statistics"]
    for (residual, layers, directions, statistics), part in table.groupby(keys):
        centre = part[(part.alpha.abs() < 1e-9) & (part.beta.abs() < 1e-9)].loss.iloc[0]
        rows.append(
            [
                network_name(layers, residual), directions, statistics, f"{centre:.3f}", f"{part.loss.median():.2f}",
                f"{part.loss.max():.3g}", f"{100 * (part.loss < centre + 0.5).mean():.0f} %",
            ]
        )  # fmt: skip
    names = [
        "network",
        "directions",
        "statistics",
        "loss at the weights",
        "median",
        "largest",
        "area within 0.5 of the weights' loss",
    ]
    return pd.DataFrame(rows, columns=names)


def similarity(folder: Path) -> pd.DataFrame:
    table, rows = load_measured(folder), []
    for (layers, residual, other), part in table.groupby(["layers", "residual", "other"]):
        same, different = part[part.block == part.other_block].cka, part[part.block != part.other_block].cka
        rows.append([network_name(layers, residual), other, f"{same.mean():.2f}", f"{different.mean():.2f}"])
    return pd.DataFrame(rows, columns=["network", "compared with", "mean CKA of equal blocks", "of different blocks"])


def sanity(folder: Path) -> pd.DataFrame:
    found = trust.sanity_summary(load_measured(folder))
    rows = []
    for (network, method), part in found.groupby(["network", "method"], sort=False):
        rows.append([network, METHODS[method].title, *(spread(row["mean"], row.sd) for _, row in part.iterrows())])
    return pd.DataFrame(rows, columns=["network", "method", *(f"random down to {name}" for name in found.down_to.unique())])


TABLES: dict[str, Callable[[Path], pd.DataFrame]] = {
    table.__name__: table
    for table in (
        made,
        errors,
        schedules,
        responses,
        flow,
        agreement,
        shattering,
        gradients,
        lesion,
        paths,
        landscape,
        similarity,
        sanity,
    )
}


def rendered(text: str, root: Path = STUDIES) -> str:
    """The text with every table and every finding written anew from the runs below `root`."""
    text = _TABLE.sub(lambda found: f"{found[1]}{_markdown(TABLES[found[2]](root / found[3]))}{found[4]}", text)
    return _FINDING.sub(lambda found: f"{found[1]}\n{wrapped(FINDINGS[found[2]](root / found[3]))}\n\n{found[4]}", text)


def pictures(root: Path = STUDIES) -> Iterator[tuple[str, go.Figure]]:
    """Every figure of the text by its file's name."""
    yield "figure6-schedules", over_schedules(at_every_length(root / "figure6"))
    for folder in sorted(path for path in root.iterdir() if any(path.glob("*/run.json"))):
        kind = study_name(folder.name)
        if any(folder.glob("*/measured.parquet")):
            table = load_measured(folder)
        else:
            table = runs.load(folder)
            if kind == "pair" and table.network.str.contains("-rate-").all():
                yield f"{folder.name}-curves", rates_of_pair(table)
            if kind in ("race", "race-long", "figure4", "figure6"):
                for residual, name in ((False, "plain"), (True, "residual")):
                    if (table.residual == residual).any():
                        yield f"{folder.name}-{name}", degradation_curves(table, residual)
        for picture in study_pictures(table, kind):
            yield f"{folder.name}-{picture.name}", picture.figure


def named_in_order(svg: str) -> str:
    """The picture with its elements named in their order, so that equal figures are equal files: Plotly names them at random."""
    mark = re.compile(r"(clip|legend|defs-|trace|\bg)([0-9a-f]{6})")
    order = {found: f"{number:06}" for number, found in enumerate(dict.fromkeys(found for _, found in mark.findall(svg)))}
    return mark.sub(lambda found: found[1] + order[found[2]], svg)


def main() -> None:
    for text in (TEXT, README):
        with replacing(text) as beside:
            beside.write_text(rendered(text.read_text()))
    for name, figure in pictures():
        figure.update_layout(template="plotly_white", margin={"l": 60, "r": 24, "b": 60})
        with replacing(STUDIES / "pictures" / f"{name}.svg") as beside:
            svg = figure.to_image("svg", width=560 if figure.layout.height == 440 else 960)
            beside.write_text(named_in_order(svg.decode()))


if __name__ == "__main__":
    main()
