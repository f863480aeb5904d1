"""How does the gradient come back through a plain and a residual network, before training and in it?"""

import pandas as pd
import streamlit as st

from dashboard import serving
from dashboard.figures.gradient_flow import (
    correlation_curves,
    do_they_vanish,
    evolution,
    evolution_table,
    extremes,
    first_to_last,
    flow_curves,
    flow_table,
    in_words,
    training_summary,
)
from dashboard.parts.exhibit import exhibit
from dashboard.parts.left_out import say_left_out
from dashboard.parts.long_running import asked_for, over, telling
from dashboard.parts.pickers import usable
from dashboard.parts.uploads import explain_unknown, forget_own_photograph, number_bind, own_photograph
from resnet_core.pictures.decode import SAMPLES

NEW = "new, not trained"
DEPTHS = [20, 32, 44, 56, 110, 1202]
LONG = 200  # layers: from here on, a person is asked first
LONGER = 8  # times as long a layer as in 20 layers, and with the correlation, of more inputs
SEEDS = 1000
DIGITS, PHOTOGRAPHS = "8 digits", "all sample photographs"

st.title("How does the gradient come back?", anchor=False)
st.markdown("One batch, a forward and a backward pass: the length of the loss's gradient at every block's output.")
pairs = serving.pairs()
explain_unknown({"networks": [NEW, *pairs], "layers": list(map(str, DEPTHS))})
with st.container(horizontal=True, vertical_alignment="bottom"):
    which = st.selectbox("Networks", [NEW, *pairs], key="networks", bind="query-params", width=180)
    new = which == NEW
    layers, batch_norm, seed = 0, True, 0
    if new:
        layers = st.selectbox("Layers", DEPTHS, index=3, key="layers", bind="query-params", width=100)
        explain_unknown({"bn": ["true", "false"], "seed": list(map(str, range(SEEDS)))})
        batch_norm = st.toggle("Batch norm", True, key="bn", bind="query-params")
        seed = st.number_input("Seed", 0, SEEDS - 1, 0, key="seed", bind=number_bind("seed"), width=120)
    choices = [*([DIGITS] if new else []), PHOTOGRAPHS, *SAMPLES]
    explain_unknown({"images": choices})
    images = st.selectbox("Images", choices, key="images", bind="query-params", width=210, on_change=forget_own_photograph)
    own = own_photograph(serving.own_photograph)
batch = serving.digits_batch(8)
if images != DIGITS:
    shown = list(SAMPLES) if images == PHOTOGRAPHS else [images]
    batch = serving.photographs_batch([serving.sample_photograph(name) for name in shown])
if mine := usable(own, f"“{images}”"):
    batch = serving.photographs_batch([mine])
    st.info(f"Your photograph stays in this session: a link to this page shows “{images}”.", icon=":material/lock:")
plain, residual = (f"plain{layers}-cifar", f"resnet{layers}-cifar") if new else pairs[which]
names = {False: plain, True: residual}

waiting, place, bar = f"gradients-{layers}", st.empty(), st.empty()
missing = [name for name in names.values() if not serving.known_gradients(name, batch_norm, seed, batch)]
wanted = True
if missing and layers >= LONG:
    seconds = LONGER * serving.gradient_flow("resnet20-cifar", batch_norm, seed, batch).seconds * layers / 20
    wanted = asked_for(waiting, seconds * len(missing), place)
if wanted:
    flows, alike = {}, {}
    for step, (kind, name) in enumerate(names.items()):
        tell = telling(bar, f"{name}, forward and backward")
        if name in missing:
            tell(step / 2)
        flows[kind] = serving.gradient_flow(name, batch_norm, seed, batch)
        if name in missing:
            tell(step / 2 + 0.25)
        alike[kind] = serving.gradient_correlation(name, batch_norm, seed, batch)
    bar.empty()
    over(waiting, place)
    norm = "with batch norm" if batch_norm else "without batch norm"
    badge = f"{batch.title} · {' and '.join(names.values())}" + (f" · {norm} · initialised from seed {seed}" if new else "")
    left, right = st.columns(2, gap="medium")
    with left:
        exhibit(
            flow_curves(flows, "gradient_norm"), key="gradient-norm-of-batch", alt="Gradient norm of every block, both networks",
            origin="measured", words=badge, numbers=flow_table(flows),
        )  # fmt: skip
        st.markdown(
            f"The gradient of the :orange[plain] network {in_words(first_to_last(flows[False]))}. "
            f"That of the :blue[residual] one {in_words(first_to_last(flows[True]))}."
        )
        if not batch.labels:
            against = (
                "its first class, as a new network knows none" if new else "what the residual network takes each picture for"
            )
            st.caption(f"The loss is against {against}.")
    with right:
        exhibit(
            correlation_curves(alike), key="correlation", alt="Correlation of gradients at neighbouring inputs, by block",
            origin="measured", words=f"{badge} · {serving.NEARBY} inputs, {serving.RADIANS} rad apart",
            numbers=pd.concat([alike[False].assign(network="plain"), alike[True].assign(network="residual")]),
        )  # fmt: skip
        st.markdown(
            "1: the gradient of a neighbouring input points the same way. 0: it might as well be noise, and a step that helps "
            "one input says nothing about the next (*shattered gradients*, Balduzzi et al. 2017)."
        )

st.subheader("Is it vanishing gradients?", anchor=False)
say_left_out()
studies = {name: study for name, study in serving.studies().items() if study.gradient_seeds}
quoted, ours = st.columns(2, gap="medium")
with quoted:
    st.markdown(
        "**The usual story** is that gradients vanish in deep plain networks, and that shortcuts cure it. **He et al. 2015, "
        "section 4.1,** measured their plain networks, which have batch norm, and found healthy norms: “neither forward nor "
        "backward signals vanish”. The table shows how it was in ours, at the start and at the end, with batch norm and without; "
        "the heat maps below show it between, in every recorded training: it depends on the data, and on when one looks."
    )
    st.markdown(
        "**Balduzzi et al. 2017** have another: with depth, neighbouring inputs' gradients lose their likeness in plain "
        "networks, with batch norm almost at once, without it slowly. Switch batch norm off above, and compare."
    )
    found = [name for name in ("gradients", "shattering") if name in studies or name in serving.answers()]
    for name in found:
        to_study = {"show": "measurements", "measurement": name}
        st.page_link("views/studies.py", label=f"Our measurement: {name}", icon=":material/science:", query_params=to_study)
with ours:
    if "gradients" in studies:
        st.markdown("**What we measured**, 56 layers on handwritten digits, gradient norms and errors, means over seeds:")
        st.table(serving.drawn(training_summary, studies["gradients"]), hide_index=True)

st.subheader("How did it develop in training?", anchor=False)
explain_unknown({"study": studies})
if studies:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        study = studies[st.selectbox("Study", list(studies), key="study", bind="query-params", width=260)]
        depths = list(study.gradient_seeds)[::-1]
        explain_unknown({"depth": list(map(str, depths))})
        depth = st.selectbox("Layers", depths, key="depth", bind="query-params", width=100)
        seeds = study.gradient_seeds[depth]
        explain_unknown({"of": list(map(str, seeds))})
        of = st.selectbox("Seed", seeds, key="of", bind="query-params", width=90)
    exhibit(
        serving.drawn(evolution, study, depth, of), key="evolution", origin="measured",
        words=f"{study.words} · shown: seed {of}", numbers=serving.drawn(evolution_table, study, depth, of),
        alt=f"Gradient norm by iteration and block, {depth} layers",
    )  # fmt: skip
    st.markdown(
        f"**Do they vanish here?** Seed {of}, the extremes of all blocks and records:\n\n"
        + serving.drawn(do_they_vanish, study, depth, of)
    )
    st.caption("Norms over that of the last block, below as in the sentences. White in the figure: the norm is zero.")
    st.table(serving.drawn(extremes, study, depth, of), hide_index=True)
