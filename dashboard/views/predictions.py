"""Predictions: two networks and up to 32 photographs."""

from functools import partial

import streamlit as st

from dashboard import serving
from dashboard.parts.pickers import made, two_networks
from dashboard.parts.show import begin
from dashboard.parts.uploads import own_photographs, say_refusal
from dashboard.plain import plain
from dashboard.scenes.predictions import predictions
from dashboard.serving.limits import SESSION_PHOTOGRAPHS as MOST
from resnet_core import InputError
from resnet_core.pictures.samples import SAMPLES

page = begin("predictions")
with st.container(horizontal=True, vertical_alignment="bottom"):
    _, named = two_networks()
    with st.popover("Your own photographs…", icon=":material/add_a_photo:"):
        album = own_photographs(f"Your own photographs, up to {MOST}", serving.own_photograph, MOST)
photographs = []
for title, own in album.items():
    if isinstance(own, InputError):
        say_refusal(f"{title}: {own}")
    elif own is not None:
        photographs.append((title, own))
        if own.note:
            st.warning(plain(f"{title}: {own.note}"), icon=":material/palette:")
if None in album.values():
    st.warning(f"You gave {len(album)} photographs; here are the first {MOST}.", icon=":material/content_cut:")
if photographs:
    st.info("Your photographs stay in this session: a link to this page shows the samples.", icon=":material/lock:")
else:
    samples = [serving.sample_photograph(name) for name in SAMPLES]
    photographs = [(sample.title, sample) for sample in samples]

titles, pictures = zip(*photographs, strict=True)
checkpoints = [serving.checkpoint(name) for name in named.values()]
scene = serving.scene(
    ("predictions", *named.values(), *titles, *(each.digest for each in pictures)),
    partial(
        predictions,
        list(named),
        checkpoints,
        [serving.predictions(name, pictures) for name in named.values()],
        titles,
        [each.shown for each in pictures],
        [each.classes for each in pictures],
        made(named, checkpoints),
    ),
)
page.show(scene)
