"""Which of the drawn attributions deserve belief? The section below them: asked for, told how long, and stopped."""

from collections.abc import Sequence

import streamlit as st

from dashboard import serving
from dashboard.figures.attribution import METHODS
from dashboard.figures.trust import (
    RANKED,
    curve_numbers,
    deletion_insertion,
    similarity,
    similarity_numbers,
    what_stays,
    what_the_pixels_do,
)
from dashboard.parts.exhibit import exhibit
from dashboard.parts.left_out import say_left_out
from dashboard.parts.long_running import asked_for, over, telling
from dashboard.parts.pickers import Choice
from dashboard.parts.uploads import explain_unknown
from resnet_core.inspection.records import RANDOM_ORDERS, Inspection

KINDS, SIDES = ("plain", "residual"), ("left", "right")
# how many times as long as one inspection, at 128 pixels on a CPU
CURVES = 25
CASCADE = {"grad-cam": 30, "guided-backprop": 35, "guided-grad-cam": 45, "gradient-x-input": 30, "smoothgrad": 220}
SLOW_CASCADE = 800


def trust(
    chosen: Choice, inspections: tuple[Inspection, Inspection], against: Sequence[int | None], methods: Sequence[str]
) -> None:
    """Both tests of the methods whose pictures are drawn above, for one of the networks; `against` of each as in `attribute`."""
    st.subheader("Which of these pictures deserve belief?", anchor=False)
    kinds, key = (KINDS, "trust") if chosen.matched else (SIDES, "side")
    explain_unknown({key: kinds, "ranks": RANKED})
    with st.container(horizontal=True, vertical_alignment="bottom"):
        kind = st.segmented_control("Network under test", kinds, default=kinds[1], required=True, key=key, bind="query-params")
        ranked = st.segmented_control(
            "Correlation", list(RANKED), default="absolute", required=True, key="ranks", bind="query-params",
            help="; ".join(f"**{name}**: {words}" for name, words in RANKED.items()),
        )  # fmt: skip
        kind, ranked = kind or kinds[1], ranked or "absolute"  # an empty one in the link is None
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
        each = sum(CURVES + CASCADE.get(method, SLOW_CASCADE) for method in missing)
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
        words = f"{METHODS[method][0]}: the network is made random, layer by layer"
        cascades.append(serving.cascade(*asked, method, telling(bar, words)))
        words = f"{METHODS[method][0]}: pixels are deleted and inserted"
        curves.append(serving.curves(*asked, method, telling(bar, words)))
    words = f"Pixels are deleted and inserted in {RANDOM_ORDERS} random orders"
    random = serving.random_curves(*asked[:3], telling(bar, words))
    bar.empty()
    over("trust", place)

    left, right = st.columns(2, gap="medium")
    badge = f"{name} · {chosen.photograph.title}"
    with left:
        exhibit(
            similarity(similarity_numbers(cascades), ranked),
            key=f"similarity-{name}",
            alt=f"How alike each attribution of {name} is to itself as the network is randomised from the top",
            origin="measured",
            words=f"{badge} · random weights of seed 0",
            numbers=similarity_numbers(cascades),
        )
        st.caption(
            f"**Does it follow from what was learnt?** {what_stays(cascades)} Adebayo et al. 2018 (section 3.1) found that "
            "guided backpropagation and Guided Grad-CAM hardly change while upper layers become random, and that gradients and "
            "Grad-CAM do: a picture that stays cannot show what was learnt there."
        )
    with right:
        exhibit(
            deletion_insertion(curves, random),
            key=f"deletion-insertion-{name}",
            alt=f"Probability of the class as pixels are deleted and inserted in the order of each attribution of {name}",
            origin="measured",
            words=badge,
            numbers=curve_numbers([*curves, *random]),
        )
        st.caption(
            f"**Do the first pixels matter?** {what_the_pixels_do(curves, random)} Petsiuk et al. 2018 (section 4): "
            "where they do, the probability falls at once as they are deleted (to the mean colour), and rises at once as "
            "they are inserted (into a blurred picture). But scattered grey pixels are also what no network has seen."
        )
    say_left_out()
    if "sanity" in serving.answers():
        to_study = {"show": "measurements", "measurement": "sanity"}
        st.page_link("views/studies.py", label="Our measurement: sanity", icon=":material/science:", query_params=to_study)
