"""Which pixels speak for a class, by which method, in a plain and in a residual network?"""

import streamlit as st

from dashboard import serving
from dashboard.figures.attribution import METHODS, STRONGEST, attribution_map, attribution_numbers
from dashboard.parts.evidence_sliders import cover
from dashboard.parts.exhibit import exhibit
from dashboard.parts.long_running import asked_for, over, telling
from dashboard.parts.pickers import Contrast, choose
from dashboard.parts.uploads import explain_unknown
from dashboard.plain import plain
from dashboard.views.attribution_tests import trust

NO_OTHER = "nothing"
SLOW = {"integrated-gradients": 40, "occlusion": 40}  # how many times as long as one inspection, at 128 pixels on a CPU

st.title("Which pixels speak for it?", anchor=False)
chosen = choose("The class that the pixels speak for or against.")
names, checkpoints, photograph = chosen.names, chosen.checkpoints, chosen.photograph
others = [NO_OTHER, *chosen.classes]
explain_unknown({"against": others, "methods": ["", *(title for title, _, _ in METHODS.values())]})
with chosen.row:
    other = st.selectbox(
        "Rather than", others, key="against", bind="query-params", width=230,
        help="A class to contrast with: the pictures then show what moves the difference of both classes' logits.",
    )  # fmt: skip
methods = st.pills(
    "Methods", list(METHODS), format_func=lambda method: METHODS[method][0], selection_mode="multi",
    default=["grad-cam", "guided-grad-cam", "smoothgrad"], key="methods", bind="query-params",
)  # fmt: skip

cover()
inspections = serving.inspections(names, photograph, chosen.targets)
asked = [
    Contrast.of(checkpoint, target, other if other != NO_OTHER else None)
    for checkpoint, target in zip(checkpoints, chosen.targets, strict=True)
]
for sentence in dict.fromkeys(each.refusal for each in asked if each.refusal):
    st.warning(plain(sentence), icon=":material/compare_arrows:")
evidence = " and ".join(dict.fromkeys(each.words for each in asked))
st.caption(
    f"{photograph.title}: evidence for **{plain(evidence)}**. Magenta speaks for it, green against it; each picture has "
    "its own scale. " + chosen.source
)


def pictures(method: str) -> None:
    """Both networks' by one method, below each other; what takes long only when it is asked for, with a way to stop it."""
    missing = [
        name
        for name, each in zip(names, asked, strict=True)
        if serving.known_attribution(name, photograph, each.target, each.against, method) is None
    ]
    stop = st.empty()
    if missing and method in SLOW:
        seconds = sum(SLOW[method] * each.seconds for name, each in zip(names, inspections, strict=True) if name in missing)
        if not asked_for(method, seconds, stop):
            return
    for name, title, checkpoint, each in zip(names, chosen.titles, checkpoints, asked, strict=True):
        what = (name, photograph, each.target, each.against, method)
        if name in missing:
            bar = st.progress(0.0, text=plain(title))
            serving.attribution(*what, telling(bar, plain(title)))
            bar.empty()
        found = serving.attribution(*what)
        st.markdown(f":{'blue' if checkpoint.architecture.residual else 'orange'}[{plain(title)}]")
        exhibit(
            attribution_map(found.values, photograph.shown),
            key=f"{method}-{title}",
            alt=f"{METHODS[method][0]} of {title} for {each.words}",
            origin="measured",
            words=f"{checkpoint.run} · {photograph.title}",
            numbers=attribution_numbers(found.values),
            shape=1.0,
            strongest=STRONGEST,
        )
    over(method, stop)


if not methods:
    st.info("Choose a method.", icon=":material/filter_center_focus:")
quick = [method for method in methods if method not in SLOW]
columns = dict(zip(methods, st.columns(max(1, len(methods)), gap="medium"), strict=False))
for method in [*quick, *(method for method in methods if method in SLOW)]:  # who waits sees the quick ones meanwhile
    title, question, source = METHODS[method]
    with columns[method]:
        st.markdown(f"**{title}**")
        pictures(method)
        st.caption(f"{question} ({source})")
trust(chosen, inspections, [each.against for each in asked], methods)
st.info(
    f"{chosen.note} An attribution says what moved a network's answer, not whether the answer is right.", icon=":material/timer:"
)
