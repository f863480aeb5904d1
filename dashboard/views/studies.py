"""What was trained and measured, where, and how did it go? Every shipped and own run, with all that it takes to repeat it."""

from collections.abc import Mapping
from typing import Literal, get_args

import pandas as pd
import streamlit as st

from dashboard import serving
from dashboard.figures.gallery import TRAINING_PICTURES, pictures
from dashboard.figures.runs import SHOWN, block_curves, facts_table, run_curves, runs_table
from dashboard.figures.style import QUANTITIES
from dashboard.parts.exhibit import exhibit
from dashboard.parts.left_out import say_left_out
from dashboard.parts.uploads import explain_unknown
from dashboard.plain import plain
from resnet_core.runs import RunFacts
from resnet_core.studies.collection import Answers, Study

Shown = Literal["training runs", "measurements"]


def show_facts(facts: RunFacts) -> None:
    st.table(facts_table(facts).map(plain), hide_index=True)
    with st.expander("The recipe in full"):
        said = {key: str(value) for key, value in facts.recorded["recipe"].items() if key != "note"}
        st.table(pd.DataFrame(said.items(), columns=["what", "value"]).map(plain), hide_index=True)
    st.caption(plain(facts.note))


def show_measurements(known: Mapping[str, Study]) -> None:
    asked: dict[str, Study | Answers] = {name: study for name, study in known.items() if study.kind in TRAINING_PICTURES}
    asked |= serving.answers()
    explain_unknown({"measurement": asked})
    if not asked:
        st.info("There is no measurement yet; `python -m resnet_core study depth` makes one.", icon=":material/science:")
        return
    name = st.selectbox("Measurement", list(asked), key="measurement", bind="query-params", width=520)
    study = asked[name]
    st.subheader(plain(study.question), anchor=False)
    findings = serving.findings(study)
    st.markdown("".join(findings[:1]))  # what it shows, above the figures; what else is to be said, below them
    for picture in serving.drawn(pictures, study, study.kind):
        exhibit(
            picture.figure, key=f"{study.kind}-{picture.name}", alt=picture.alt, origin="measured", words=study.words,
            numbers=picture.numbers,
        )  # fmt: skip
    st.markdown("\n\n".join(findings[1:]))
    explain_unknown({"asked": study.facts})
    show_facts(study.facts[st.selectbox("Run", list(study.facts), key="asked", bind="query-params", width=520)])


def show_runs(known: Mapping[str, Study]) -> None:
    if not known:
        st.info("There is no run yet; `python -m resnet_core train` makes one.", icon=":material/science:")
        return
    runs = {f"{name}/{run}": (study, run) for name, study in known.items() for run in study.facts}
    explain_unknown({"run": runs})
    rows = [serving.drawn(runs_table, study, name, study.facts) for name, study in known.items()]
    st.dataframe(
        pd.concat(rows),
        hide_index=True, height=260,
        column_config={
            "training error": st.column_config.NumberColumn(format="%.2f %%"),
            "test error": st.column_config.NumberColumn(format="%.2f %%"),
            "minutes": st.column_config.NumberColumn(format="%.1f"),
            "schedule": st.column_config.NumberColumn(format="%.3g", help="times the recipe's iterations"),
        },
    )  # fmt: skip
    chosen = st.selectbox("Run", list(runs), key="run", bind="query-params", width=520)
    study, run = runs[chosen]
    facts, table = study.facts[run], study.table[study.table.run == run]
    if table.empty:
        st.info("This run has recorded nothing yet.", icon=":material/hourglass:")
        return
    words = f"{chosen} · {facts.data} · {facts.recipe}, {facts.iterations:,} iterations"
    left, right = st.columns([1.5, 1], gap="medium")
    with left:
        exhibit(
            serving.drawn(run_curves, study, run),
            key="run-errors",
            alt="Errors of the run over its iterations",
            origin="measured",
            words=words,
            numbers=table[table.block.isna()],
        )
        for quantity in SHOWN:
            if (table.metric == quantity).any():
                exhibit(
                    serving.drawn(block_curves, study, run, quantity),
                    key=f"run-{quantity}",
                    alt=f"{QUANTITIES[quantity]}, block by block, from the first to the last record",
                    origin="measured",
                    words=words,
                    numbers=table[table.metric == quantity],
                )
    with right:
        show_facts(facts)


st.title("What was trained and measured?", anchor=False)
say_left_out()
studies = serving.studies()
explain_unknown({"show": get_args(Shown)})
shown = st.segmented_control(
    "Show", get_args(Shown), default="training runs", required=True, key="show", bind="query-params", label_visibility="collapsed"
)
if shown == "measurements":
    show_measurements(studies)
else:
    show_runs(studies)
