"""Which pixels speak for a class, by which method, in a plain and in a residual network?"""

import streamlit as st

from dashboard import resources
from dashboard.exhibit import exhibit
from dashboard.figures.attribution import METHODS, attribution_map, attribution_numbers
from dashboard.state import explain_unknown, forget_own_photograph, own_photograph
from resnet_core import InputError
from resnet_core.images import SAMPLES

MOST_PROBABLE = "most probable"
SLOW = {"integrated-gradients": 100, "occlusion": 90}  # how many times as long as one inspection, about

st.title("Which pixels speak for it?", anchor=False)
pairs = resources.pairs()
explain_unknown({"pair": pairs, "sample": SAMPLES})
with st.container(horizontal=True, vertical_alignment="bottom"):
    names = pairs[st.selectbox("Matched pair", list(pairs), key="pair", bind="query-params", width=140)]
    checkpoints = [resources.checkpoint(name) for name in names]
    first = checkpoints[0]
    explain_unknown({"target": [MOST_PROBABLE, *first.classes]})
    sample = st.selectbox(
        "Photograph", list(SAMPLES), key="sample", bind="query-params", width=150, on_change=forget_own_photograph
    )
    own = own_photograph()
    target_name = st.selectbox(
        "Evidence for", [MOST_PROBABLE, *sorted(first.classes)], key="target", bind="query-params", width=230,
        help="“Most probable” is the residual network's first choice.",
    )  # fmt: skip
methods = st.pills(
    "Methods", list(METHODS), format_func=lambda method: METHODS[method][0], selection_mode="multi",
    default=["grad-cam", "guided-grad-cam", "smoothgrad"], key="methods", bind="query-params",
)  # fmt: skip

photograph = resources.sample_photograph(sample)
if own:
    try:
        photograph = resources.own_photograph(own)
    except InputError as error:
        st.error(f"{error} Until then you see the sample “{sample}”.", icon=":material/broken_image:")
inspections = resources.inspections(names, photograph, None if target_name == MOST_PROBABLE else first.classes.index(target_name))
target = inspections[0].target
st.caption(
    f"{photograph.title}: evidence for **{first.classes[target]}**. Magenta speaks for it, green against it; each picture has "
    "its own scale. "
    + ("Your photograph stays in this session: no link can hold it." if photograph.own else f"Source: {photograph.credit}")
)


def pictures(method: str) -> None:
    """Both networks' by one method, below each other; what takes long only when it is asked for, with a way to stop it."""
    asked = f"asked-{method}"
    missing = [name for name in names if resources.known_attribution(name, photograph, target, method) is None]
    if missing and method in SLOW:
        if not st.session_state.get(asked):
            seconds = sum(SLOW[method] * each.seconds for name, each in zip(names, inspections, strict=True) if name in missing)
            st.button(
                f"Compute: about {max(1, seconds):.0f} s", key=f"compute-{method}", icon=":material/play_arrow:",
                on_click=st.session_state.__setitem__, args=(asked, True),
            )  # fmt: skip
            return
        # a click reruns the page, and Streamlit ends the run that computes at its next word to the bar
        st.button(
            "Stop", key=f"stop-{method}", icon=":material/stop:", on_click=st.session_state.__setitem__, args=(asked, False)
        )
    for name, checkpoint in zip(names, checkpoints, strict=True):
        bar = st.progress(0.0, text=name) if name in missing else None

        def tell(share: float, bar=bar, name=name) -> bool:  # type: ignore[no-untyped-def]
            if bar is not None:
                bar.progress(share, text=name)
            return True

        found = resources.attribution(name, photograph, target, method, tell)
        if bar is not None:
            bar.empty()
        st.markdown(f":{'blue' if checkpoint.architecture.residual else 'orange'}[{name}]")
        exhibit(
            attribution_map(found.values, photograph.shown),
            key=f"{method}-{name}",
            alt=f"{METHODS[method][0]} of {name} for {first.classes[target]}",
            origin="measured",
            words=photograph.title,
            numbers=attribution_numbers(found.values),
            shape=1.0,
        )
    st.session_state[asked] = False


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
st.info(
    f"{first.note} An attribution says what moved this network's answer, not whether the answer is right.",
    icon=":material/timer:",
)
