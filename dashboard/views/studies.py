"""Studies: a recorded run, or a measurement."""

from collections.abc import Mapping
from functools import partial

import pandas as pd
import streamlit as st

from dashboard import serving, words
from dashboard.figures.runs import runs_table
from dashboard.figures.studies import has_pictures
from dashboard.parts import link
from dashboard.parts.left_out import say_left_out
from dashboard.parts.show import IN_SIGHT, Template, begin, more
from dashboard.plain import plain
from dashboard.scenes.studies import measurement_scene, run_scene
from resnet_core.studies.collection import MeasurementResults, StudyResults

RUNS, MEASUREMENTS = "runs", "measurements"
OLD = {"training runs": RUNS}  # what links said before they held ids


def show_measurements(page: Template, known: Mapping[str, StudyResults]) -> None:
    asked: dict[str, StudyResults | MeasurementResults] = {
        name: study for name, study in known.items() if has_pictures(study.kind)
    }
    asked |= serving.answers()
    if not asked:
        st.info("There is no measurement yet; `resnet-lens study depth` makes one.", icon=":material/science:")
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = link.select("Measurement", "measurement", {key: words.study(each) for key, each in asked.items()}, width=520)
        study = asked[name]
        with more():
            run = link.select("Run whose recipe is shown", "asked", {each: words.run(each) for each in study.facts}, width=520)
    st.subheader(plain(study.question), anchor=False)
    scene = serving.scene(
        ("measurement", name, study.changed, run),
        partial(measurement_scene, study, serving.findings(study), study.facts[run]),
    )
    page.show(scene, in_sight=min(IN_SIGHT, len(scene.support) - 1))


def show_runs(page: Template, known: Mapping[str, StudyResults]) -> None:
    if not known:
        st.info("There is no run yet; `resnet-lens train` makes one.", icon=":material/science:")
        return
    known = dict(sorted(known.items(), key=lambda item: item[1].kind != "figure6"))  # those of the story first
    runs = {f"{name}/{run}": (study, run) for name, study in known.items() for run in study.facts}
    rows = [serving.drawn(runs_table, study, name, study.facts) for name, study in known.items()]
    table = pd.concat(rows).drop(columns=["run", "commit", "recipe"])
    st.dataframe(
        table.assign(network=table.network.map(words.network)),
        hide_index=True, height=150,
        column_config={
            "training error": st.column_config.NumberColumn(format="%.2f %%"),
            "test error": st.column_config.NumberColumn(format="%.2f %%"),
            "minutes": st.column_config.NumberColumn(format="%.1f"),
            "schedule": st.column_config.NumberColumn(format="%.3g", help="times the recipe's iterations"),
        },
    )  # fmt: skip
    named = {key: f"{words.run(run)} · {words.study(study)}" for key, (study, run) in runs.items()}
    chosen = link.select("Run", "run", named, width=520)
    study, run = runs[chosen]
    scene = serving.scene(("run", chosen, study.changed), partial(run_scene, study, run))
    page.show(scene, in_sight=len(scene.support) - 1)


page = begin("studies")
say_left_out()
shown = link.segmented(
    "Show", "show", {RUNS: "training runs", MEASUREMENTS: "measurements"}, old=OLD, label_visibility="collapsed"
)
if shown == MEASUREMENTS:
    show_measurements(page, serving.studies())
else:
    show_runs(page, serving.studies())
