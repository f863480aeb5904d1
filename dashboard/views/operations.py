"""Operations: two networks, a photograph, a block, a channel and a pixel; and a look at what makes it."""

from functools import partial

import streamlit as st

from dashboard.figures.overlay import thumbnail_uri
from dashboard.parts import link
from dashboard.parts.long_running import progress_bar
from dashboard.parts.operations import Lane as Part
from dashboard.parts.operations import operations as draw
from dashboard.parts.pickers import choose
from dashboard.parts.show import begin, more
from dashboard.scenes import operations as scenes
from dashboard.serving import blocks, looks
from resnet_core.networks.architectures import all_blocks

STRONGEST = "strongest"

page = begin("operations")
chosen = choose("The class whose logit the gradients are of.")
photograph = chosen.photograph
architectures = [checkpoint.architecture for checkpoint in chosen.checkpoints]
with chosen.row:
    labels = all_blocks(architectures)
    block = link.chip("Block", "block", labels, labels[min(1, len(labels) - 1)])
    asked_of = zip(chosen.names, architectures, chosen.targets, strict=True)
    found = [blocks.operations(name, photograph, each.block_like(block), target) for name, each, target in asked_of]
    last = min(len(each.output) for each in found) - 1
    with more():
        asked = link.number("Channel", "channel", 0, last, width=110, placeholder=STRONGEST, help="Empty: the strongest one.")
look = link.segmented("Look at", "look", scenes.LOOKS, label_visibility="collapsed")
scope = "block"
if look == "residual":
    places = {"block": f"factors in {block}", "all": "factors in all blocks"}
    scope = link.segmented("Where the factors stand", "scope", places, label_visibility="collapsed")

channel = min(scenes.strongest(found[-1]), last) if asked is None else asked
_, rows, columns = found[-1].output.shape
cells = {f"{row}-{column}": (row, column) for row in range(rows) for column in range(columns)}
pixel = link.kept("pixel", (STRONGEST, *cells), STRONGEST)
row, column = cells.get(pixel, scenes.strongest_cell(found[-1], channel))
inputs = [str(i) for i in range(found[-1].convolutions[-1].weight.shape[1])]
through = link.kept("through", (STRONGEST, *inputs), STRONGEST)
names, targets, known = chosen.names[::-1], chosen.targets[::-1], chosen.checkpoints[::-1]
lanes = [
    scenes.Lane(
        title,
        architecture.residual,
        each,
        scenes.traced_channels(each, channel, None if through == STRONGEST else int(through)),
        row * each.output.shape[1] // rows,
        column * each.output.shape[2] // columns,
        architecture.block_labels,
    )
    for each, title, architecture in zip(found[::-1], chosen.titles[::-1], architectures[::-1], strict=True)
]
extents = [blocks.extents(name, lane.found.block) for name, lane in zip(names, lanes, strict=True)]
bar = st.empty()
seen = looks.look(
    look, looks.Asked(names, lanes, known, targets, photograph, extents, scope == "all", partial(progress_bar, bar))
)
bar.empty()

parts = []
for lane, name, target, cell_extents, pack, extra in zip(lanes, names, targets, extents, seen.packs, seen.extras, strict=True):
    key = (name, photograph.digest, lane.found.block, target)
    maps, of_channel = blocks.packed_maps(key, lane.found), blocks.packed_channel(key, lane.found, lane.traced)
    parts.append(Part(lane.title, lane.residual, lane.found.block, maps, of_channel, pack, cell_extents, extra))
scene = scenes.operations(lanes, look, seen.answer, chosen.provenance, photograph.title)
page.answer(scene)
draw(look, parts, (row, column), pixel != STRONGEST, thumbnail_uri(photograph.shown), known[0].resolution, link.choose)
page.end(scene)
