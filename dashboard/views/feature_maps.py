"""What is in every channel of a block, and what do F(x), the shortcut, their sum and ReLU make of it?"""

from functools import partial

import streamlit as st

from dashboard import serving
from dashboard.figures.feature_maps import (
    EQUATION_SHAPE,
    OVER_SHAPE,
    PLACES,
    POSITIVE,
    SORTS,
    channel_grid,
    channel_over,
    channel_table,
    equation,
    equation_limit,
    grid_shape,
    limit_of,
    order_of,
    values_table,
)
from dashboard.parts.exhibit import exhibit
from dashboard.parts.pickers import choose
from dashboard.parts.uploads import explain_unknown, number_bind
from dashboard.plain import plain
from resnet_core.networks.architectures import all_blocks

SCALES = {"shared": "all channels of both networks on one scale", "own": "every channel on its own scale"}

st.title("What is in every channel?", anchor=False)
chosen = choose("The class whose logit the class gradients are of.")
photograph, architectures = chosen.photograph, [checkpoint.architecture for checkpoint in chosen.checkpoints]
labels = all_blocks(architectures)
last = max(architecture.features for architecture in architectures) - 1
explain_unknown({"block": labels, "sort": SORTS, "colours": SCALES, "channel": list(map(str, range(last + 1)))})


def choose_channel(grid: str) -> None:
    """Callback of a grid."""
    st.session_state["channel"] = int(st.session_state[grid].point)


with chosen.row:
    block = st.selectbox("Block", labels, index=3, key="block", bind="query-params", width=105)
    blocks = [architecture.block_like(block) for architecture in architectures]
    asked_of = zip(chosen.names, blocks, chosen.targets, strict=True)
    found = [serving.feature_maps(name, photograph, own, target) for name, own, target in asked_of]
    places = [place for place in PLACES if any(place in each.maps for each in found)]
    explain_unknown({"place": [PLACES[place] for place in places]})
    shown = st.selectbox(
        "Place in it", places, index=len(places) - 1, format_func=PLACES.__getitem__, key="place", bind="query-params", width=165
    )
    sort = st.selectbox("Sorted by", SORTS, key="sort", bind="query-params", width=125)
    asked = st.number_input(
        "Channel",
        0,
        last,
        None,
        key="channel",
        bind=number_bind("channel"),
        width=110,
        placeholder="first",
        help="Or click a map.",
    )
    scale = st.segmented_control(
        "Colours", list(SCALES), default="shared", required=True, key="colours", bind="query-params",
        help="; ".join(f"**{name}**: {words}" for name, words in SCALES.items()),
    )  # fmt: skip
    scale = scale or "shared"  # an empty one in the link is None
sorted_by = next(each for each in found[::-1] if shown in each.maps)  # the residual network has all that the plain one has
channel = int(order_of(sorted_by, shown, sort, like=0)[0]) if asked is None else asked
limit = limit_of(found, shown)
most = equation_limit(found, channel)
badge = chosen.badge
signs = "dark is zero" if shown in POSITIVE else "pale is zero, blue below it, red above"
st.caption(
    f"{photograph.title}, {' and '.join(dict.fromkeys(blocks))}, {PLACES[shown]}: {signs}; "
    + (f"full colour from {limit:.3g} on. " if scale == "shared" else "full colour at each channel's largest value. ")
    + "Below, the equation of the framed channel: pale is zero, blue below it, red above"
    + (f", full colour from {most:.3g} on. " if scale == "shared" else "; full colour at each network's largest value. ")
    + chosen.source
)
for column, name, architecture, block, maps in zip(
    st.columns(2, gap="medium"), chosen.titles, architectures, blocks, found, strict=True
):
    residual = architecture.residual
    with column:
        st.subheader(f":{'blue' if residual else 'orange'}[{plain(name)}]", anchor=False)
        if shown not in maps.maps:
            st.info(f"Block {block} of {plain(name)} has no {PLACES[shown]}.", icon=":material/remove_selection:")
        elif channel >= len(maps.maps[shown]):
            st.info(f"There is no channel {channel} in {len(maps.maps[shown])}.", icon=":material/remove_selection:")
        else:
            order = order_of(maps, shown, sort, channel)
            grid = f"grid-{name}"
            exhibit(
                channel_grid(maps, shown, order, limit if scale == "shared" else None, channel, residual),
                key=grid,
                alt=f"All {len(order)} channels of {name} in {block}, {PLACES[shown]}",
                origin="measured",
                words=badge,
                numbers=channel_table(maps, shown, order, channel),
                on_click=partial(choose_channel, grid),
                shape=grid_shape(len(order)),
            )
        if channel < len(maps.maps["output"]):
            if scale != "shared":
                most = equation_limit([maps], channel)
            exhibit(
                equation(maps, channel, most),
                key=f"equation-{name}",
                alt=f"Channel {channel} of {name}: F(x), the shortcut, their sum, and what ReLU leaves",
                origin="measured",
                words=badge,
                numbers=values_table(maps, channel),
                shape=EQUATION_SHAPE,
            )
        if shown in maps.maps and channel < len(maps.maps[shown]):
            exhibit(
                channel_over(maps, shown, channel, photograph.shown, limit),
                key=f"channel-{name}",
                alt=f"Channel {channel} of {name} over the photograph, and a histogram of its values",
                origin="measured",
                words=badge,
                numbers=values_table(maps, channel),
                shape=OVER_SHAPE,
            )
twins = "; twins start from equal weights" if chosen.matched else ""
st.info(f"{chosen.note} Channels have no order of their own{twins}.", icon=":material/timer:")
