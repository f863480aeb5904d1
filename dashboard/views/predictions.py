"""What do two networks take many photographs for, and do they agree?"""

import streamlit as st

from dashboard import serving
from dashboard.figures.predictions import confidence, how_often_right, predictions_gallery, predictions_table
from dashboard.parts.exhibit import exhibit
from dashboard.parts.pickers import notes, two_networks
from dashboard.parts.uploads import own_photographs, say_refusal
from dashboard.plain import plain
from dashboard.serving.limits import SESSION_PHOTOGRAPHS as MOST
from resnet_core import InputError
from resnet_core.pictures.decode import SAMPLES

st.title("Do they agree?", anchor=False)
with st.container(horizontal=True, vertical_alignment="bottom"):
    matched, named = two_networks()
    uploads = own_photographs(f"Your own photographs, up to {MOST}")
photographs = []
for title, data in uploads[:MOST]:
    try:
        photographs.append((title, serving.own_photograph(data)))
    except InputError as error:
        say_refusal(f"{title}: {error}")
if len(uploads) > MOST:
    st.warning(f"You gave {len(uploads)} photographs; here are the first {MOST}.", icon=":material/content_cut:")
if photographs:
    st.info("Your photographs stay in this session: a link to this page shows the samples.", icon=":material/lock:")
else:
    samples = [serving.sample_photograph(name) for name in SAMPLES]
    photographs = [(sample.title, sample) for sample in samples]

checkpoints = {title: serving.checkpoint(name) for title, name in named.items()}
titles, pictures = zip(*photographs, strict=True)
found = [serving.predictions(name, pictures) for name in named.values()]
truths = [picture.classes for picture in pictures]
table = predictions_table(titles, [checkpoint.classes for checkpoint in checkpoints.values()], found, truths)
residual = [checkpoint.architecture.residual for checkpoint in checkpoints.values()]
names = ["plain", "residual"] if matched else list(named)
sides = list(zip(("left", "right"), names, strict=True))
left_said, right_said = (f":{'blue' if kind else 'orange'}[{plain(name)}]" for name, kind in zip(names, residual, strict=True))
st.markdown(
    f"They agree on **{table.agree.sum()} of {len(table)}**. On average {left_said} gives its first choice "
    f"**{table.left_percent.mean():.0f} %**, {right_said} **{table.right_percent.mean():.0f} %**. "
    + how_often_right(table, (left_said, right_said))
)
left, right = st.columns([3, 2], gap="medium")
with left:
    st.html(predictions_gallery(table, [picture.shown for picture in pictures], residual))
with right:
    exhibit(
        confidence(table, names), key="confidence",
        alt=f"Probability of the first choice, {' against '.join(names)}, a point a photograph",
        origin="measured", words=" · ".join(checkpoint.run for checkpoint in checkpoints.values()),
        numbers=table.rename(columns={side + of: name + of for side, name in sides for of in ("", "_percent", "_correct")}),
    )  # fmt: skip
    st.caption(
        f"On the dashed line both are equally sure; above it {plain(names[1])} is surer. Sure is not right: what is none of the "
        "classes that they have learned, they take for one of them all the same."
    )
st.info(notes(matched, checkpoints), icon=":material/timer:")
