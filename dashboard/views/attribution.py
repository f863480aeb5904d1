"""Attribution: two networks, a photograph, a class or a contrast of two, and methods."""

import streamlit as st

from dashboard import serving
from dashboard.parts import link
from dashboard.parts.evidence_sliders import cover
from dashboard.parts.figure_card import figure_card
from dashboard.parts.long_running import asked_for, finish, progress_bar
from dashboard.parts.pickers import Contrast, choose
from dashboard.parts.show import answer, limits
from dashboard.plain import plain
from dashboard.scenes import Exhibit
from dashboard.scenes.attribution import QUESTION, Evidence, attribution, method_exhibits
from dashboard.serving.answers import is_slow
from dashboard.views.attribution_tests import belief_section
from resnet_core.inspection.attribution.catalogue import METHODS

NO_OTHER = "nothing"

st.title(QUESTION, anchor=False)
chosen = choose("The class that the pixels speak for or against.")
names, checkpoints, photograph = chosen.names, chosen.checkpoints, chosen.photograph
with chosen.row:
    other = link.select(
        "Rather than", "against", [NO_OTHER, *chosen.classes], width=230,
        help="A class to contrast with: the pictures then show what moves the difference of both classes' logits.",
    )  # fmt: skip
methods = link.pills(
    "Methods", "methods", {method: row.title for method, row in METHODS.items()},
    ["grad-cam", "guided-grad-cam", "smoothgrad"], old={row.title: method for method, row in METHODS.items()},
)  # fmt: skip

cover()
inspections = serving.inspections(names, photograph, chosen.targets)
asked = [
    Contrast.of(checkpoint, target, other if other != NO_OTHER else None)
    for checkpoint, target in zip(checkpoints, chosen.targets, strict=True)
]
for sentence in dict.fromkeys(each.refusal for each in asked if each.refusal):
    st.warning(plain(sentence), icon=":material/compare_arrows:")
above = st.empty()


def evidence(method: str) -> list[Evidence]:
    """Both networks' evidence by one method; what takes long only when it is asked for, with a way to stop it."""
    missing = [
        name
        for name, each in zip(names, asked, strict=True)
        if not serving.known_attribution(name, photograph, each.target, each.against, method)
    ]
    stop, bar = st.empty(), st.empty()
    if missing and is_slow(method):
        inspected = sum(each.seconds for name, each in zip(names, inspections, strict=True) if name in missing)
        if not asked_for(method, METHODS[method].cost * inspected, stop):
            return []
    found = []
    for i, (name, title, each) in enumerate(zip(names, chosen.titles, asked, strict=True)):
        values = serving.attribution(name, photograph, each.target, each.against, method, progress_bar(bar, title))
        target = checkpoints[i].labels[each.target]
        probability = float(inspections[i].probabilities[each.target])
        found.append(Evidence(title, name, checkpoints[i].run, target, probability, each.words, values))
    bar.empty()
    finish(method, stop)
    return found


if not methods:
    st.info("Choose a method.", icon=":material/filter_center_focus:")
quick = [method for method in methods if not is_slow(method)]
columns = dict(zip(methods, st.columns(max(1, len(methods)), gap="medium"), strict=False))
shown: dict[str, list[Evidence]] = {}
exhibits: list[Exhibit] = []
for method in [*quick, *(method for method in methods if is_slow(method))]:  # who waits sees the quick ones meanwhile
    with columns[method]:
        st.markdown(f"**{METHODS[method].title}**")
        shown[method] = evidence(method)
        of_method = method_exhibits(shown[method], method, photograph.shown, photograph.title)
        exhibits += of_method
        for exhibit in of_method:
            figure_card(exhibit)
first = next((found for found in shown.values() if found), [])
scene = attribution(exhibits, first, chosen.provenance)
with above:
    answer(scene)
belief_section(chosen, inspections, [each.against for each in asked], methods)
limits(scene)
