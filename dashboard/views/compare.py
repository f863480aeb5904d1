"""What does each block of a plain and of a residual network see in one photograph?"""

from functools import partial

import pandas as pd
import streamlit as st

from dashboard import resources
from dashboard.choices import choose
from dashboard.exhibit import exhibit
from dashboard.figures.classes import top_classes
from dashboard.figures.detail import MAPS_SHAPE, block_maps, block_table, map_table
from dashboard.figures.flow import gradient_flow, responses
from dashboard.figures.overlay import SCALES, cam_maxima
from dashboard.figures.strip import block_strip, difference_strip, difference_table, strip_shape
from dashboard.state import choose_point, explain_unknown, forget_own_photograph

st.title("What does every block see?", anchor=False)
intro = st.empty()
chosen = choose("The class whose evidence Grad-CAM and the gradients trace.")
names, checkpoints, photograph, first = chosen.names, chosen.checkpoints, chosen.photograph, chosen.common
labels = first.architecture.block_labels
explain_unknown({"scale": SCALES, "block": labels})
with chosen.row:
    scale = st.segmented_control(
        "Colour scale", list(SCALES), default="block", required=True, key="scale", bind="query-params",
        help="; ".join(f"**{name}**: {words}" for name, words in SCALES.items()),
    )  # fmt: skip
    differences = st.toggle("Difference", key="difference", bind="query-params", help="Residual less plain, block by block.")
    block_label = st.selectbox("Block", labels[::-1], key="block", bind="query-params", width=130)  # at first, the last one
intro.markdown(
    f"One photograph, two trained networks of {first.architecture.layers} layers: the same layers, initial weights, data and "
    "recipe. One of them has shortcuts."
)
found = resources.inspections(names, photograph, chosen.target)
picture = photograph.shown
maxima = cam_maxima(found, scale)
place = labels.index(block_label)
target_class = first.classes[chosen.target]
badge = chosen.badge
choices = [
    checkpoint.classes[inspection.probabilities.argmax()] for checkpoint, inspection in zip(checkpoints, found, strict=True)
]

left, *columns = st.columns([1, 2.4, 2.4], gap="medium")
with left:
    st.image(picture, caption=photograph.title, width="stretch", alt=photograph.title)
    if photograph.own:
        st.info(
            f"Your photograph stays in this session: a link to this page shows the sample “{chosen.sample}”.",
            icon=":material/lock:",
        )
        st.button("Back to the sample", on_click=forget_own_photograph)
    else:
        st.caption(f"Source: {photograph.credit}")
    if choices[0] == choices[1]:
        st.success(f"They **agree**: {choices[0]}.")
    else:
        st.warning(f"They **disagree**: plain says {choices[0]}, residual says {choices[1]}.")
    st.caption(f"Evidence shown: **{target_class}**. Colours: {SCALES[scale]}.")
for column, name, checkpoint, inspection, limits in zip(columns, names, checkpoints, found, maxima, strict=True):
    residual = checkpoint.architecture.residual
    with column:
        st.subheader(f":{'blue' if residual else 'orange'}[{name}]", anchor=False)
        st.caption(f"{checkpoint.test_error_percent:.1f} % test error on {checkpoint.data}")
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
            block_strip(inspection, picture, limits, scale, block_label, residual),
            key=strip,
            alt=f"Grad-CAM of every block of {name} for {target_class}",
            origin="measured",
            words=f"{checkpoint.run} · {photograph.title}",
            numbers=pd.DataFrame([block.numbers() for block in inspection.blocks]),
            on_click=partial(choose_point, "block", strip),
            shape=strip_shape(inspection),
        )

if differences:
    _, middle, words = st.columns([1, 2.4, 2.4], gap="medium")
    with middle:
        st.subheader("Residual less plain", anchor=False)
        exhibit(
            difference_strip(*found, picture, maxima, block_label),
            key="strip-difference",
            alt=f"Grad-CAM of every block for {target_class}: the residual network's less the plain one's",
            origin="measured",
            words=badge,
            numbers=difference_table(*found, maxima),
            on_click=partial(choose_point, "block", "strip-difference"),
            shape=strip_shape(found[0]),
        )
    words.caption(
        "Blue: the residual network finds more evidence there, orange: the plain one. " + SCALES[scale].capitalize() + "."
    )

quoted = resources.paper()["imagenet_10crop_top1_error_percent"]
st.info(
    f"{first.note} Both networks had the same iterations, one seed. Fully trained, the paper's pair differs less: "
    f"{quoted['plain34']} % and {quoted['resnet34']} % top-1 error on ImageNet ({quoted['table']}).",
    icon=":material/timer:",
)
by_name = dict(zip(names, found, strict=True))
both = pd.concat(
    [pd.DataFrame([block.numbers() for block in each.blocks]).assign(network=name) for name, each in by_name.items()]
)
for column, (title, key, draw) in zip(
    st.columns(2, gap="medium"),
    [
        ("How strongly each block moves the target", "gradient-norm", gradient_flow),
        ("How large each block's response is", "response", responses),
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

st.subheader(f"Block {block_label}", anchor=False)
blocks = {name: inspection.blocks[place] for name, inspection in by_name.items()}
brightest = max(float(block.activation.max()) for block in blocks.values())
for column, (name, block), limits in zip(st.columns(2, gap="medium"), blocks.items(), maxima, strict=True):
    with column:
        st.markdown(f"**{name}**")
        exhibit(
            block_maps(block, picture, limits[place], brightest),
            key=f"maps-{name}",
            alt=f"Grad-CAM and mean activation of block {block_label} of {name}",
            origin="measured",
            words=badge,
            numbers=map_table(block),
            shape=MAPS_SHAPE,
        )
st.table(block_table(blocks))
