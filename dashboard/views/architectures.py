"""Architectures: a network of the registry, and one of its blocks."""

from functools import partial

import streamlit as st

from dashboard import serving, words
from dashboard.parts import link
from dashboard.parts.show import begin, more
from dashboard.scenes.architectures import architectures
from resnet_core import REGISTRY, architecture

page = begin("architectures")
with st.container(horizontal=True, vertical_alignment="bottom"):
    chosen = architecture(
        link.select(
            "Network",
            "network",
            {name: words.network(name) + (" for CIFAR-10" if name.endswith("-cifar") else "") for name in REGISTRY},
            "resnet34",
            width=230,
        )
    )
    stage = link.segmented("Stage of the block", "stage", [stage.name for stage in chosen.stages])
    with more():
        first = link.toggle("First block of the stage", "first", help="The first block of a stage may change the dimensions.")
scene = serving.scene(("architectures", chosen.name, stage, first), partial(architectures, chosen, stage, first, serving.paper()))
page.show(scene)
