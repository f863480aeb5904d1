"""What `benchmarks/grid.py` measures: the Feature maps page's figures for a block of 512 channels of 28 x 28, twice."""

import streamlit as st

from dashboard.figures.feature_maps import (
    EQUATION_SHAPE,
    OVER_SHAPE,
    channel_grid,
    channel_over,
    channel_table,
    equation,
    grid_shape,
    limit_of,
    order_of,
    values_table,
)
from dashboard.parts.figure_card import bring_plotly, exhibit
from resnet_core import FeatureMaps, architecture, build, feature_maps
from resnet_core.pictures.preprocess import square
from resnet_core.pictures.samples import sample

BLOCK, PLACE = "conv3_4", "output"  # of ResNet-50
st.set_page_config(layout="wide")
photograph = square(sample("coffee"), 224)


@st.cache_resource
def found(seed: int) -> FeatureMaps:
    import torch

    image = torch.from_numpy(photograph).permute(2, 0, 1).float() / 64 - 2
    return feature_maps(build(architecture("resnet50"), seed), image, BLOCK)


sort = st.segmented_control("Sorted by", ["energy", "mean", "variance"], default="energy", required=True)
limit = limit_of([found(0), found(1)], PLACE)
channel = int(st.session_state.get("channel", 0))
for seed, column in enumerate(st.columns(2, gap="medium")):
    with column:
        maps = found(seed)
        order = order_of(maps, PLACE, sort, channel)
        common = {"origin": "measured", "words": "random weights"}

        def chosen(grid: str = f"grid-{seed}") -> None:
            st.session_state["channel"] = int(st.session_state[grid].point)

        exhibit(
            channel_grid(maps, PLACE, order, limit, channel, residual=bool(seed)), key=f"grid-{seed}", alt="grid",
            numbers=channel_table(maps, PLACE, order, channel), on_click=chosen, shape=grid_shape(len(order)), **common,
        )  # fmt: skip
        numbers = values_table(maps, channel)
        exhibit(
            equation(maps, channel), key=f"equation-{seed}", alt=f"channel {channel}", numbers=numbers, shape=EQUATION_SHAPE,
            **common,
        )  # fmt: skip
        exhibit(
            channel_over(maps, PLACE, channel, photograph, limit), key=f"channel-{seed}", alt=f"channel {channel}",
            numbers=numbers, shape=OVER_SHAPE, **common,
        )  # fmt: skip
bring_plotly()
