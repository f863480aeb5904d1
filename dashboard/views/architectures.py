"""What is each network made of, and what does it cost?"""

import pandas as pd
import streamlit as st

from dashboard.figures.block_diagram import block_diagram
from dashboard.parts.exhibit import exhibit
from dashboard.parts.uploads import explain_unknown
from dashboard.serving import paper
from resnet_core import REGISTRY, architecture
from resnet_core.networks.cost import stage_table

explain_unknown({"network": REGISTRY, "first": ["true", "false"]})
st.title("What is a network made of?", anchor=False)
with st.container(horizontal=True, vertical_alignment="bottom"):
    name = st.selectbox(
        "Network", list(REGISTRY), index=list(REGISTRY).index("resnet34"), key="network", bind="query-params", width=230
    )
    chosen = architecture(name)
    stages = {stage.name: stage for stage in chosen.stages}
    explain_unknown({"stage": stages})
    stage = st.segmented_control(
        "Stage of the block", list(stages), default="conv2_x", required=True, key="stage", bind="query-params"
    )
    stage = stage or "conv2_x"  # an empty one in the link is None
    first = st.toggle(
        "its first block", key="first", bind="query-params", help="The first block of a stage may change the dimensions."
    )

rows = pd.DataFrame(stage_table(chosen))
layers = str(chosen.layers)
reference = paper()
imagenet = chosen.stem == "imagenet"
cost = reference["imagenet_multiply_adds"][layers] if imagenet else None
millions = None if imagenet else reference["cifar10_parameters_million"].get(f"resnet{layers}")
quoted = {
    "Parameters": f"{millions} million ({reference['cifar10_parameters_million']['table']})" if millions else None,
    "Multiply-adds": f"{cost / 1e9:.1f} billion ({reference['imagenet_multiply_adds']['table']})" if cost else None,
}
computed = {
    "Weighted layers": layers,
    "Parameters": f"{rows.parameters.sum():,}",
    "Multiply-adds": f"{rows.multiply_adds.sum() / 1e9:.2f} billion",
}
with st.container(horizontal=True, gap="large"):
    for label, value in computed.items():
        said = f"the paper: {quoted[label]}" if quoted.get(label) else None
        st.metric(label, value, said, delta_color="off", delta_arrow="off", width="content")

shown = rows.rename(columns={"output": "output size"}).drop(columns="multiply_adds")
shown["parameters"] = rows.parameters.map("{:,}".format)
shown["multiply-adds"] = (rows.multiply_adds / 1e6).map("{:,.1f} million".format)
if imagenet:
    shown["Table 1 of the paper"] = shown.stage.map(reference["table1"]["blocks"][layers])
drawing, table = st.columns([1, 2.2], gap="large")
with table:
    st.table(shown, hide_index=True)
    if chosen.block == "bottleneck":
        st.caption(
            "Bottlenecks stride in their 3x3 convolution, as torchvision's do; the paper's in the first 1x1, which costs less."
        )
    if not chosen.residual:
        st.caption("A plain network: the same layers as its residual twin, without the addition. Table 1 lists both alike.")
with drawing:
    where = "first block" if first else "block"
    exhibit(
        block_diagram(chosen, stages[stage], first),
        key="block-diagram",
        alt=f"The {where} of {stage} in {name}: the layers on its main path, and its shortcut",
        origin="from the paper",
        words=f"after Figure 5 and Section 3.3 · {name}, {where} of {stage}",
        numbers=rows,
    )
