"""Feature maps: two networks, a photograph, a block, a place in it, a channel."""

from functools import partial
from typing import get_args

import streamlit as st

from dashboard import serving
from dashboard.figures.feature_maps import PLACES, SORTS
from dashboard.parts import link
from dashboard.parts.pickers import choose
from dashboard.parts.show import begin, more
from dashboard.scenes.feature_maps import Colours, Maps, feature_maps, first_channel
from resnet_core.networks.architectures import all_blocks

COLOURS = {"shared": "all channels of both networks on one scale", "own": "every channel on its own scale"}
PLACE_IDS = {"F(x)": "residual-function"}  # short and safe in a link; the others are their own
OLD_PLACES = {words: PLACE_IDS.get(place, place) for place, words in PLACES.items()}

page = begin("feature_maps")
chosen = choose("The class whose logit the class gradients are of.")
photograph, architectures = chosen.photograph, [checkpoint.architecture for checkpoint in chosen.checkpoints]


def choose_channel(grid: str) -> None:
    """Callback of a grid."""
    link.choose("channel", int(st.session_state[grid].point))


with chosen.row:
    labels = all_blocks(architectures)
    block = link.chip("Block", "block", labels, labels[min(3, len(labels) - 1)])
    asked_of = zip(chosen.names, architectures, chosen.targets, strict=True)
    found = [serving.feature_maps(name, photograph, each.block_like(block), target) for name, each, target in asked_of]
    places = {PLACE_IDS.get(place, place): place for place in PLACES if any(place in each.maps for each in found)}
    ids = {each: PLACES[place] for each, place in places.items()}
    place = places[link.chip("Maps of", "place", ids, "output", old=OLD_PLACES)]
with chosen.row, more():
    sort = link.select("Sorted by", "sort", SORTS, width=125)
    last = max(architecture.features for architecture in architectures) - 1
    asked = link.number("Channel", "channel", 0, last, width=110, placeholder="first", help="Or click a map.")
    colours = link.segmented(
        "Colours", "colours", get_args(Colours), help="; ".join(f"**{name}**: {words}" for name, words in COLOURS.items())
    )
pair = [Maps(*each) for each in zip(chosen.titles, chosen.names, [a.residual for a in architectures], found, strict=True)]
channel = first_channel(pair, place, sort) if asked is None else asked
scene = serving.scene(
    ("feature maps", *chosen.key, block, place, sort, channel, colours),
    partial(
        feature_maps,
        (pair[0], pair[1]),
        picture=photograph.shown,
        photograph=photograph.title,
        place=place,
        sort=sort,
        channel=channel,
        colours=colours,
        badge=chosen.badge,
        provenance=chosen.provenance,
    ),
)
page.show(scene, {f"grid-{title}": partial(choose_channel, f"grid-{title}") for title in chosen.titles})
