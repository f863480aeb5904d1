"""Do deeper networks learn worse? Training and test error of plain and residual networks, by depth."""

from typing import get_args

import streamlit as st

from dashboard import serving
from dashboard.figures.degradation import Axis, Shown, degradation, size_changes
from dashboard.figures.schedules import schedules
from dashboard.parts.exhibit import exhibit
from dashboard.parts.left_out import say_left_out
from dashboard.parts.uploads import explain_unknown
from dashboard.plain import plain

QUOTED = " · ◇ the paper, Table 6, after 64,000 iterations"

st.title("Do deeper networks learn worse?", anchor=False)
say_left_out()
known = {name: study for name, study in serving.studies().items() if len(study.depths) > 1 and study.one_a_depth}
if not known:
    st.info(
        "There is no study of several depths yet; `python -m resnet_core study figure6 --scale 0.025` trains one.",
        icon=":material/science:",
    )
    st.stop()
explain_unknown({"study": known, "error": get_args(Shown), "over": get_args(Axis)})
with st.container(horizontal=True, vertical_alignment="bottom"):
    # the longest training in which plain and residual networks can be compared
    usual = max(known.values(), key=lambda each: (each.kind == "figure6", len(each.kinds), each.scale))
    name = st.selectbox("Study", list(known), list(known).index(usual.name), key="study", bind="query-params", width=260)
    study = known[name]
    explain_unknown({f"depths-{name}": ["", *map(str, study.depths)]})
    depths = st.pills(
        "Layers", study.depths, selection_mode="multi", default=study.depths, key=f"depths-{name}", bind="query-params"
    )  # fmt: skip
    shown = st.segmented_control("Error", get_args(Shown), default="both", required=True, key="error", bind="query-params")
    axis = st.segmented_control("Over", get_args(Axis), default="iterations", required=True, key="over", bind="query-params")
shown, axis = shown or "both", axis or "iterations"  # an empty one in the link is None
if not depths:
    st.info("Choose a number of layers.", icon=":material/layers:")
    st.stop()

paper = serving.paper()["cifar10_test_error_percent"] if study.of_cifar10 else None
found = serving.drawn(degradation, study, tuple(depths), shown, axis, paper)
left, middle, right = st.columns([1.15, 1.15, 1], gap="medium")
for column, residual, kind in ((left, False, "plain"), (middle, True, "residual")):
    with column:
        if residual not in study.kinds:
            st.info(f"This study has no {kind} networks.", icon=":material/remove_selection:")
            continue
        exhibit(
            found.curves[residual],
            key=f"degradation-{kind}",
            alt=f"Error over training of {kind} networks, a curve a depth",
            origin="measured",
            words=study.words + (QUOTED if residual and paper and shown != "training" else ""),
            numbers=found.errors[residual],
        )
with right:
    exhibit(
        found.ends,
        key="degradation-ends",
        alt="Error at the end of training over the number of layers, plain and residual",
        origin="measured",
        words="training images as they are · bars: standard deviation over seeds"
        + (QUOTED if paper and shown != "training" else ""),
        numbers=found.at_the_end,
    )
if sizes := size_changes(facts.phases for facts in study.facts.values()):
    st.info(sizes, icon=":material/photo_size_select_large:")
if found.overfitting:
    st.subheader("Is it overfitting?", anchor=False)
    st.markdown(found.overfitting)
alike = tuple(each for each in known.values() if study.same_but_for_length(each))
if len({each.scale for each in alike}) > 1:
    st.subheader("How long must one train until depth pays?", anchor=False)
    others = serving.drawn_together(schedules, alike, tuple(depths), shown)
    left, right = st.columns([1.6, 1], gap="medium")
    with left:
        exhibit(
            others.figure,
            key="degradation-schedules",
            alt="Error at the end of training over the number of iterations trained, a line a network",
            origin="measured",
            words=f"{', '.join(each.name for each in alike)} · {', '.join(study.data)} · bars: standard deviation over seeds",
            numbers=others.ends,
        )
    right.markdown(others.answer)
if findings := serving.findings(study):
    with st.expander("What this study shows, and what it does not"):
        st.markdown("\n\n".join(findings))
notes = list(dict.fromkeys(facts.note for facts in study.facts.values()))
if study.scale < 1:
    st.caption(
        f"These networks were trained for {study.scale:.3g} of the recipe's iterations, with the steps of the "
        "learning rate moved as much: far from converged, and so short a schedule may hold deep residual networks back too. "
        + ("The paper trained for 64,000. " if paper else "")
        + f"Of the whole recipe: {plain(' '.join(notes))}"
    )
