"""Likeness: with which network the blocks are compared, and whose profile is drawn."""

from functools import partial

import streamlit as st

from dashboard import serving
from dashboard.figures.likeness import OTHERS
from dashboard.parts import link
from dashboard.parts.left_out import say_left_out
from dashboard.parts.show import begin, more
from dashboard.scenes.likeness import blocks_of, likeness_scene

page = begin("likeness")
say_left_out()
study = next((study for study in serving.shipped_answers() if study.kind == "similarity"), None)
if study is None:
    st.info("There is no study of similarity yet; `resnet-lens study similarity` makes one.", icon=":material/science:")
    st.stop()
with st.container(horizontal=True, vertical_alignment="bottom"):
    other = link.segmented("Compared with", "other", OTHERS)
    block_place = st.container(width=200)
    with more():
        depths = sorted(study.table.layers.unique(), reverse=True)
        layers = int(link.segmented("Layers", "pair-layers", [str(depth) for depth in depths]))
with block_place:
    blocks = blocks_of(study, layers)
    block = link.select("Block", "block", blocks, blocks[len(blocks) // 2])
scene = serving.scene(
    ("likeness", study.name, study.changed, layers, other, block), partial(likeness_scene, study, layers, other, block)
)
page.show(scene, {key: partial(link.choose_point, "block", key) for key in ("likeness-plain", "likeness-residual")})
