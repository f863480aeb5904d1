"""Predictions: two networks and up to 32 photographs."""

from functools import partial

import streamlit as st

from dashboard import serving
from dashboard.parts.pickers import made, two_networks
from dashboard.parts.show import begin
from dashboard.parts.uploads import own_photographs, say_refusal
from dashboard.scenes.predictions import predictions
from dashboard.serving.limits import SESSION_PHOTOGRAPHS as MOST
from resnet_core import InputError
from resnet_core.pictures.samples import SAMPLES

page = begin("predictions")
with st.container(horizontal=True, vertical_alignment="bottom"):
    matched, named = two_networks()
    with st.popover("Your own photographs…", icon=":material/add_a_photo:"):
        uploads = own_photographs(f"Your own photographs, up to {MOST}")
photographs = []
for title, data in uploads[:MOST]:
    try:
        photographs.append((title, serving.own_photograph(data)))
    except InputError as error:
        say_refusal(f"{title}: {error}")
if len(uploads) > MOST:
    st.warning(f"You gave {len(uploads)} photographs; here are the first {MOST}.", icon=":material/content_cut:")
if photographs:
    st.info("Your photographs stay in this session: a link to this page shows the samples.", icon=":material/lock:")
else:
    samples = [serving.sample_photograph(name) for name in SAMPLES]
    photographs = [(sample.title, sample) for sample in samples]

titles, pictures = zip(*photographs, strict=True)
checkpoints = [serving.checkpoint(name) for name in named.values()]
scene = serving.scene(
    ("predictions", *named.values(), matched, *titles, *(each.digest for each in pictures)),
    partial(
        predictions,
        ["plain", "residual"] if matched else list(named),
        checkpoints,
        [serving.predictions(name, pictures) for name in named.values()],
        titles,
        [each.shown for each in pictures],
        [each.classes for each in pictures],
        made(named, checkpoints),
    ),
)
page.show(scene)
