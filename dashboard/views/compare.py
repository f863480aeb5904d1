"""What does each block of a plain and of a residual network see in one photograph?"""

from functools import partial

import pandas as pd
import streamlit as st

from dashboard import serving
from dashboard.figures.classes import top_classes
from dashboard.figures.detail import MAPS_SHAPE, block_maps, block_table, map_table
from dashboard.figures.flow import gradient_flow, responses
from dashboard.figures.overlay import SCALES, cam_maxima, thumbnail_uri
from dashboard.figures.strip import block_strip, difference_strip, difference_table, strip_shape
from dashboard.parts.figure_card import exhibit
from dashboard.parts.pickers import choose
from dashboard.parts.uploads import choose_point, explain_unknown, forget_own_photograph
from dashboard.plain import plain
from resnet_core.networks.architectures import all_blocks

st.title("What does every block see?", anchor=False)
intro = st.empty()
chosen = choose("The class whose evidence Grad-CAM and the gradients trace.")
titles, checkpoints, photograph, first = chosen.titles, chosen.checkpoints, chosen.photograph, chosen.common
architectures = [checkpoint.architecture for checkpoint in checkpoints]
labels = all_blocks(architectures)
twins = architectures[0].block_labels == architectures[1].block_labels and architectures[0].residual != architectures[1].residual
explain_unknown({"scale": SCALES, "block": labels, "difference": ["true", "false"] if twins else ["false"]})
with chosen.row:
    scale = st.segmented_control(
        "Colour scale", list(SCALES), default="block", required=True, key="scale", bind="query-params",
        help="; ".join(f"**{name}**: {words}" for name, words in SCALES.items()),
    )  # fmt: skip
    scale = scale or "block"  # an empty one in the link is None
    differences = st.toggle(
        "Difference", key="difference", bind="query-params", disabled=not twins,
        help="Residual less plain, block by block; of a plain and a residual network with the same blocks.",
    )  # fmt: skip
    block_label = st.selectbox("Block", labels[::-1], key="block", bind="query-params", width=130)  # at first, the last one
if chosen.matched:
    intro.markdown(
        f"One photograph, two trained networks of {first.architecture.layers} layers: the same layers, initial weights, data and "
        "recipe. One of them has shortcuts."
    )
else:
    intro.markdown("One photograph, two trained networks: what differs between them is what you chose.")
found = serving.inspections(chosen.names, photograph, chosen.targets)
picture = photograph.shown
maxima = cam_maxima(found, scale)
evidence = [checkpoint.classes[target] for checkpoint, target in zip(checkpoints, chosen.targets, strict=True)]
badge = chosen.badge
choices = [
    checkpoint.classes[inspection.probabilities.argmax()] for checkpoint, inspection in zip(checkpoints, found, strict=True)
]
own_blocks = [each.block_like(block_label) for each in architectures]
places = [each.block_labels.index(own) for each, own in zip(architectures, own_blocks, strict=True)]

left, *columns = st.columns([1, 2.4, 2.4], gap="medium")
with left:
    # inside the page: a file of Streamlit's may be gone again when a rerun comes before the browser asks for it
    st.image(thumbnail_uri(picture), caption=photograph.title, width="stretch", alt=photograph.title)
    if photograph.own:
        st.info(
            f"Your photograph stays in this session: a link to this page shows the sample “{chosen.sample}”.",
            icon=":material/lock:",
        )
        st.button("Back to the sample", key="sample-again", on_click=forget_own_photograph)
    else:
        st.caption(f"Source: {photograph.credit}")
    if choices[0] == choices[1]:
        st.success(f"They **agree**: {plain(choices[0])}.")
    else:
        says = ("plain", "residual") if chosen.matched else titles
        said = [f"{plain(name)} says {plain(choice)}" for name, choice in zip(says, choices, strict=True)]
        st.warning(f"They **disagree**: {', '.join(said)}.")
    shown = " and ".join(dict.fromkeys(evidence))
    st.caption(f"Evidence shown: **{plain(shown)}**. Colours: {SCALES[scale]}.")
for column, name, checkpoint, inspection, limits, own_block, target_class in zip(
    columns, titles, checkpoints, found, maxima, own_blocks, evidence, strict=True
):
    residual = checkpoint.architecture.residual
    with column:
        st.subheader(f":{'blue' if residual else 'orange'}[{plain(name)}]", anchor=False)
        tested = checkpoint.test_error_percent
        error = "test error unknown; trained" if tested is None else f"{tested:.1f} % test error"
        st.caption(f"{error} on {plain(checkpoint.data)}")
        probabilities = pd.DataFrame({"class": checkpoint.classes, "probability": inspection.probabilities})
        exhibit(
            top_classes(inspection, checkpoint.classes, residual),
            key=f"classes-{name}",
            alt=f"The five most probable classes of {name}",
            origin="measured",
            words=checkpoint.run,
            numbers=probabilities.sort_values("probability", ascending=False),
        )
        strip = f"strip-{name}"
        exhibit(
            block_strip(inspection, picture, limits, scale, own_block, residual),
            key=strip,
            alt=f"Grad-CAM of every block of {name} for {target_class}",
            origin="measured",
            words=f"{checkpoint.run} · {photograph.title}",
            numbers=pd.DataFrame([block.numbers() for block in inspection.blocks]),
            on_click=partial(choose_point, "block", strip),
            shape=strip_shape(inspection),
        )

if differences and twins:
    _, middle, words = st.columns([1, 2.4, 2.4], gap="medium")
    with middle:
        st.subheader("Residual less plain", anchor=False)
        exhibit(
            difference_strip(found, picture, maxima, block_label),
            key="strip-difference",
            alt=f"Grad-CAM of every block for {shown}: the residual network's less the plain one's",
            origin="measured",
            words=badge,
            numbers=difference_table(found, maxima),
            on_click=partial(choose_point, "block", "strip-difference"),
            shape=strip_shape(found[0]),
        )
    words.caption(
        "Blue: the residual network finds more evidence there, orange: the plain one. " + SCALES[scale].capitalize() + "."
    )

if chosen.matched:
    quoted = serving.paper()["imagenet_10crop_top1_error_percent"]
    st.info(
        f"{plain(first.note)} Both networks had the same iterations, one seed. Fully trained, the paper's pair differs less: "
        f"{quoted['plain34']} % and {quoted['resnet34']} % top-1 error on ImageNet ({quoted['table']}).",
        icon=":material/timer:",
    )
else:
    st.info(chosen.note, icon=":material/timer:")
by_name = dict(zip(titles, found, strict=True))
both = pd.concat(
    [pd.DataFrame([block.numbers() for block in each.blocks]).assign(network=name) for name, each in by_name.items()]
)
for column, (title, key, draw, caution) in zip(
    st.columns(2, gap="medium"),
    [
        (
            "How sensitive the target is to each block",
            "gradient-norm",
            gradient_flow,
            "Per unit of the block's output, so it is large where outputs are small: compare how it runs through the blocks of "
            "one network, not how high it lies in both.",
        ),
        (
            "How large each block's response is",
            "response",
            responses,
            "He et al. found smaller responses in residual networks than in plain ones, over all of CIFAR-10 (Figure 7). With "
            "one photograph and other networks it may be otherwise.",
        ),
    ],
    strict=True,
):
    with column:
        st.subheader(title, anchor=False)
        exhibit(
            draw(by_name, block_label),
            key=key,
            alt=f"{title}: both networks, block by block",
            origin="measured",
            words=badge,
            numbers=both,
        )
        st.caption(caution)

st.subheader(f"Block {' and '.join(dict.fromkeys(own_blocks))}", anchor=False)
blocks = {name: inspection.blocks[place] for (name, inspection), place in zip(by_name.items(), places, strict=True)}
brightest = max(float(block.activation.max()) for block in blocks.values())
for column, (name, block), place, limits in zip(st.columns(2, gap="medium"), blocks.items(), places, maxima, strict=True):
    with column:
        st.markdown(f"**{plain(name)}**")
        exhibit(
            block_maps(block, picture, limits[place], brightest),
            key=f"maps-{name}",
            alt=f"Grad-CAM and mean activation of block {block.label} of {name}",
            origin="measured",
            words=badge,
            numbers=map_table(block),
            shape=MAPS_SHAPE,
        )
st.table(block_table({plain(name): block for name, block in blocks.items()}))
