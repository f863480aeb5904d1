"""Lesion: a missing block, and which statistics of batch norm."""

from functools import partial

import streamlit as st

from dashboard import serving
from dashboard.parts import link
from dashboard.parts.ask import asks_first, choice
from dashboard.parts.left_out import say_left_out
from dashboard.parts.show import begin, more
from dashboard.scenes.lesion import blocks_of, lesion_scene
from dashboard.scenes.questions import lesion_question
from dashboard.scenes.recorded import data_words

EVERY = "every"

page = begin("lesion")
say_left_out()
studies = {study.name: study for study in serving.shipped_answers() if study.kind == "lesion"}
if not studies:
    st.info("There is no study of lesions yet; `resnet-lens study lesion` makes one.", icon=":material/science:")
    st.stop()
with st.container(horizontal=True, vertical_alignment="bottom"):
    block_place = st.container(width=240)
    statistics = link.segmented(
        "Statistics of batch norm", "statistics", {"anew": "re-estimated (fair)", "stored": "stored"},
        help="Without a block, the statistics that training stored no longer fit; estimated anew, they add no damage.",
    )  # fmt: skip
    with more():
        # at first, a study in which plain and residual networks can be compared
        usual = max(studies.values(), key=lambda study: study.table.residual.nunique()).name
        name = link.select("Networks", "study", {name: data_words(study) for name, study in studies.items()}, usual)
        ask = asks_first()
with block_place:
    study = studies[name]
    block = link.select("Missing block", "missing", {EVERY: "each in turn", **{each: each for each in blocks_of(study)}})
scene = serving.scene(
    ("lesion", name, study.changed, statistics, block),
    partial(lesion_scene, study, statistics == "anew", None if block == EVERY else block),
)
if ask:
    choice(f"lesion-{name}", *lesion_question(study))
page.show(scene, {"lesion-one": partial(link.choose_point, "missing", "lesion-one")})
