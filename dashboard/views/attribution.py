"""Attribution: two networks, a photograph, a class or a contrast of two, and methods."""

import streamlit as st

from dashboard import serving, words
from dashboard.figures.overlay import thumbnail_uri
from dashboard.parts import link
from dashboard.parts.ask import asks_first, choice
from dashboard.parts.evidence_sliders import evidence_sliders
from dashboard.parts.long_running import asked_for, finish, progress_bar
from dashboard.parts.pickers import Contrast, choose
from dashboard.parts.present import presenting
from dashboard.parts.show import begin, exhibits, more
from dashboard.plain import plain
from dashboard.scenes import Exhibit
from dashboard.scenes.attribution import Evidence, attribution, method_exhibits
from dashboard.scenes.questions import region_question
from dashboard.serving.answers import is_slow
from dashboard.views.attribution_tests import belief_section
from resnet_core.inspection.attribution.catalogue import METHODS

NO_OTHER = "nothing"

page = begin("attribution")
chosen = choose("The class that the pixels speak for or against.")
names, checkpoints, photograph = chosen.names, chosen.checkpoints, chosen.photograph
with chosen.row, more():
    other = link.select(
        "Rather than", "against", [NO_OTHER, *chosen.classes], width=230,
        help="A class to contrast with: the pictures then show what moves the difference of both classes' logits.",
    )  # fmt: skip
    ask = asks_first()
methods = link.pills(
    "Methods", "methods", {method: row.title for method, row in METHODS.items()},
    ["grad-cam", "guided-grad-cam", "smoothgrad"], old={row.title: method for method, row in METHODS.items()},
)  # fmt: skip

evidence_sliders()
inspections = serving.inspections(names, photograph, chosen.targets)
if ask:
    last, label = inspections[-1].blocks[-1], checkpoints[-1].labels[chosen.targets[-1]]
    asking = region_question(photograph.title, chosen.titles[-1], label, thumbnail_uri(photograph.shown), last.cam)
    choice(f"region-{photograph.digest}-{names[-1]}-{chosen.targets[-1]}", *asking)
asked = [
    Contrast.of(checkpoint, target, other if other != NO_OTHER else None)
    for checkpoint, target in zip(checkpoints, chosen.targets, strict=True)
]
for sentence in dict.fromkeys(each.refusal for each in asked if each.refusal):
    st.warning(plain(sentence), icon=":material/compare_arrows:")


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
        found.append(Evidence(title, name, words.training(checkpoints[i]), target, probability, each.words, values))
    bar.empty()
    finish(method, stop)
    return found


if not methods:
    st.info("Choose a method.", icon=":material/filter_center_focus:")
shown: dict[str, list[Evidence]] = {}
drawn: list[Exhibit] = []
for number, method in enumerate(methods):  # in the order of the pills, a row each
    with st.container(key=f"method-{method}"):
        if is_slow(method):
            st.markdown(f"**{METHODS[method].title}**")
        shown[method] = evidence(method)
        of_method = method_exhibits(shown[method], method, photograph.shown, photograph.title)
        drawn += of_method
        if number == 0 or not presenting():
            exhibits(of_method, main=number == 0)
first = next((found for found in shown.values() if found), [])
scene = attribution(drawn, first, chosen.provenance)
page.answer(scene)
if not presenting():
    belief_section(chosen, inspections, [each.against for each in asked], methods)
page.end(scene)
