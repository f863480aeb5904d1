"""Myths: a popular sentence, and what a person predicts of it."""

from functools import partial
from typing import get_args

import streamlit as st

from dashboard import serving
from dashboard.parts import link
from dashboard.parts.left_out import say_left_out
from dashboard.parts.show import begin
from dashboard.scenes.myth import Verdict
from dashboard.scenes.myths import WORDS, myths_scene
from dashboard.scenes.six_myths import MYTHS

OPEN = "open"

page = begin("myths")
say_left_out()
every = serving.studies() | serving.answers()
studies = {name: every[name] for name in dict.fromkeys(name for each in MYTHS.values() for name in each.studies) if name in every}
known = {key: each.says for key, each in MYTHS.items() if set(each.studies) <= studies.keys()}
if not known:
    st.info("The studies that come with ResNet Lens are not there.", icon=":material/science:")
    st.stop()
with st.container(horizontal=True, vertical_alignment="bottom"):
    myth = link.select("People say", "myth", known, width=440)
    said = link.segmented("You predict", f"says-{myth}", {OPEN: "no answer yet", **WORDS})
others = {key: link.asked(f"says-{key}", (OPEN, *get_args(Verdict))) for key in known if key != myth}
predicted = {key: value for key, value in ({myth: said} | others).items() if value not in (None, OPEN)}
changed = tuple((name, study.changed) for name, study in studies.items())
scene = serving.scene(
    ("myths", myth, tuple(sorted(predicted.items())), changed),
    partial(myths_scene, myth, predicted, studies, serving.paper()),
)
page.show(scene)
