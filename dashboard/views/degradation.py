"""Degradation: a study of several depths, which of them, which error, over what."""

from functools import partial
from typing import get_args

import streamlit as st

from dashboard import serving, words
from dashboard.figures.degradation import Axis, Shown
from dashboard.parts import link
from dashboard.parts.ask import asks_first, predicted
from dashboard.parts.left_out import say_left_out
from dashboard.parts.show import begin, more
from dashboard.scenes.degradation import degradation_scene
from dashboard.scenes.questions import degradation_question

page = begin("degradation")
say_left_out()
known = {name: study for name, study in serving.studies().items() if len(study.depths) > 1 and study.one_a_depth}
if not known:
    st.info(
        "There is no study of several depths yet; `resnet-lens study figure6 --scale 0.025` trains one.",
        icon=":material/science:",
    )
    st.stop()
with st.container(horizontal=True, vertical_alignment="bottom"):
    # the longest training in which plain and residual networks can be compared
    usual = max(known.values(), key=lambda each: (each.kind == "figure6", len(each.kinds), each.scale))
    name = link.select("Training", "study", {key: words.study(each) for key, each in known.items()}, usual.name, width=380)
    study = known[name]
    every = list(map(str, study.depths))
    depths = [int(depth) for depth in link.pills("Layers", f"depths-{name}", every, every)]
    with more():
        error = link.segmented("Error", "error", get_args(Shown), "both")
        axis = link.segmented("Over", "over", get_args(Axis), "iterations")
        ask = asks_first()
if not depths:
    st.info("Choose a number of layers.", icon=":material/layers:")
    st.stop()
alike = [each for each in known.values() if study.same_but_for_length(each)]
scene = serving.scene(
    ("degradation", *((each.name, each.changed) for each in alike), name, tuple(depths), error, axis),
    partial(
        degradation_scene,
        study,
        depths,
        error,
        axis,
        serving.paper()["cifar10_test_error_percent"] if study.of_cifar10 else None,
        alike,
        serving.findings(study),
    ),
)
if ask and (asked := degradation_question(study)):
    scene = predicted(scene, f"degradation-{name}", asked)
page.show(scene)
