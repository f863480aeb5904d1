"""Operations: two networks, a photograph, a block, a channel and a pixel; and a look at what makes it."""

import streamlit as st

from dashboard import serving
from dashboard.figures.overlay import thumbnail_uri
from dashboard.parts import link
from dashboard.parts.operations import Lane as Part
from dashboard.parts.operations import operations as draw
from dashboard.parts.pickers import choose
from dashboard.parts.show import answer, limits
from dashboard.scenes import operations as scenes
from dashboard.serving import blocks
from resnet_core.networks.architectures import all_blocks

STRONGEST = "strongest"

st.title(scenes.QUESTION, anchor=False)
chosen = choose("The class whose logit the gradients are of.")
photograph, architectures = chosen.photograph, [checkpoint.architecture for checkpoint in chosen.checkpoints]
with chosen.row:
    labels = all_blocks(architectures)
    block = link.select("Block", "block", labels, labels[1], width=105)
    asked_of = zip(chosen.names, architectures, chosen.targets, strict=True)
    found = [blocks.operations(name, photograph, each.block_like(block), target) for name, each, target in asked_of]
    last = min(len(each.output) for each in found) - 1
    asked = link.number("Channel", "channel", 0, last, width=110, placeholder=STRONGEST, help="Empty: the strongest one.")
look = link.segmented("Look at", "look", scenes.LOOKS, label_visibility="collapsed")
channel = scenes.strongest(found[-1]) if asked is None else asked
_, rows, columns = found[-1].output.shape
cells = {f"{row}-{column}": (row, column) for row in range(rows) for column in range(columns)}
pixel = link.kept("pixel", (STRONGEST, *cells), STRONGEST)
row, column = cells.get(pixel, scenes.strongest_cell(found[-1], channel))
inputs = [str(i) for i in range(found[-1].convolutions[-1].weight.shape[1])]
through = link.kept("through", (STRONGEST, *inputs), STRONGEST)
lanes = []
for each, title, architecture in zip(found, chosen.titles, architectures, strict=True):
    traced = scenes.traced_channels(each, channel, None if through == STRONGEST else int(through))
    place = row * each.output.shape[1] // rows, column * each.output.shape[2] // columns
    lanes.insert(0, scenes.Lane(title, architecture.residual, each, traced, *place))


def on_choice(key: str, value: str) -> None:
    """Callback of the part: a person pinned a pixel, or follows a channel back."""
    link.choose(key, value)


parts = []
for lane, name, target in zip(lanes, chosen.names[::-1], chosen.targets[::-1], strict=True):
    key = (name, photograph.digest, lane.found.block, target)
    maps, of_channel = blocks.packed_maps(key, lane.found), blocks.packed_channel(key, lane.found, lane.traced)
    parts.append(Part(lane.title, lane.residual, lane.found.block, maps, of_channel, blocks.extents(name, lane.found.block), {}))
sentence = " ".join(map(scenes.what_makes_the_pixel, lanes))
scene = scenes.operations(lanes, look, sentence, chosen.provenance, photograph.title)
answer(scene)
draw(look, parts, (row, column), thumbnail_uri(photograph.shown), chosen.checkpoints[-1].resolution, on_choice)
limits(scene)
