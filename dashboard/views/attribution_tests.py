"""Which of the drawn attributions deserve belief? The section below them: asked for, told how long, and stopped."""

from collections.abc import Sequence

import streamlit as st

from dashboard import serving, words
from dashboard.figures.trust import RANKED
from dashboard.parts import link
from dashboard.parts.left_out import say_left_out
from dashboard.parts.long_running import asked_for, finish, progress_bar
from dashboard.parts.pickers import Choice
from dashboard.parts.show import exhibits, more
from dashboard.scenes.attribution import belief
from resnet_core.inspection.attribution.catalogue import METHODS
from resnet_core.inspection.records import RANDOM_ORDERS, Inspection

KINDS, SIDES = ("plain", "residual"), ("left", "right")
CURVES = 25  # how many times as long as one inspection, at 128 pixels on a CPU


def belief_section(
    chosen: Choice, inspections: tuple[Inspection, Inspection], against: Sequence[int | None], methods: Sequence[str]
) -> None:
    """Both tests of the methods whose pictures are drawn above, for one of the networks; `against` of each as in `attribute`."""
    st.subheader("Which of these pictures can be believed?", anchor=False)
    kinds, key = (KINDS, "trust") if chosen.matched else (SIDES, "side")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        kind = link.segmented("Network under test", key, kinds, kinds[1])
        ranks = "; ".join(f"**{ranks}**: {says}" for ranks, says in RANKED.items())
        with more():
            ranked = link.segmented("Correlation", "ranks", list(RANKED), "absolute", help=ranks)
        place = st.empty()
    side = kinds.index(kind)
    inspection, name = inspections[side], chosen.titles[side]
    asked = (chosen.names[side], chosen.photograph, inspection.target, against[side])
    ready = [method for method in methods if serving.known_attribution(*asked, method)]
    if not ready:
        st.caption("As soon as there is a picture of this network.")
        return
    missing = [method for method in ready if not serving.known_trust(*asked, method)]
    if missing:
        each = sum(CURVES + METHODS[method].randomisation_cost for method in missing)
        seconds = inspection.seconds * (each + CURVES * RANDOM_ORDERS)
        if not asked_for("trust", seconds, place):
            st.caption(
                "Two tests: does a picture change when what the network has learnt is taken away, and does the class depend on "
                "the pixels that it names?"
            )
            return
    bar = st.empty()
    cascades, curves = [], []
    for method in ready:
        says = f"{METHODS[method].title}: the network is made random, layer by layer"
        cascades.append(serving.randomisation_test(*asked, method, progress_bar(bar, says)))
        says = f"{METHODS[method].title}: pixels are deleted and inserted"
        curves.append(serving.deletion_insertion(*asked, method, progress_bar(bar, says)))
    says = f"Pixels are deleted and inserted in {RANDOM_ORDERS} random orders"
    random = serving.random_baseline(*asked[:3], progress_bar(bar, says))
    bar.empty()
    finish("trust", place)
    badge = f"{words.training(chosen.checkpoints[side])} · {chosen.photograph.title}"
    exhibits(belief(cascades, curves, random, name, ranked, badge))
    say_left_out()
    if "sanity" in serving.answers():
        to_study = {"show": "measurements", "measurement": "sanity"}
        st.page_link(
            "views/studies.py",
            label=f"Our measurement: {words.STUDIES['sanity']}",
            icon=":material/science:",
            query_params=to_study,
        )
