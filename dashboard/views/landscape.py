"""Landscape: how deep the networks are, and from where their surfaces are seen."""

from functools import partial

import streamlit as st

from dashboard import serving
from dashboard.parts import link
from dashboard.parts.left_out import say_left_out
from dashboard.parts.show import begin
from dashboard.scenes.landscape import landscape_scene

page = begin("landscape")
say_left_out()
study = next((study for study in serving.shipped_answers() if study.kind == "landscape"), None)
if study is None:
    st.info("There is no study of the loss yet; `resnet-lens study landscape` makes one.", icon=":material/science:")
    st.stop()
depths = sorted(study.table.layers.unique(), reverse=True)
with st.container(horizontal=True, vertical_alignment="bottom"):
    layers = int(link.segmented("Layers", "pair-layers", [str(depth) for depth in depths]))
    turn = link.slider("Turn both, degrees", "turn", 0, 360, 45, 15, width=260)
    with st.popover("Why the statistics matter"):
        st.write(
            "Most pictures of loss surfaces keep the statistics of batch norm that training stored. They fit the trained weights "
            "alone."
        )
        why = link.toggle("Show the surface with stored statistics", "why")
scene = serving.scene(
    ("landscape", study.name, study.changed, layers, turn, why), partial(landscape_scene, study, layers, turn, why)
)
page.show(scene)
