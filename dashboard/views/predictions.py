"""What do a plain and a residual network take many photographs for, and do they agree?"""

import streamlit as st

from dashboard import resources
from dashboard.exhibit import exhibit
from dashboard.figures.predictions import confidence, predictions_gallery, predictions_table
from dashboard.state import explain_unknown
from resnet_core import InputError
from resnet_core.images import SAMPLES

MOST = 32  # photographs at once

st.title("Do they agree?", anchor=False)
pairs = resources.pairs()
explain_unknown({"pair": pairs})
with st.container(horizontal=True, vertical_alignment="top"):
    names = pairs[st.selectbox("Matched pair", list(pairs), key="pair", bind="query-params", width=140)]
    uploads = st.file_uploader(
        f"Your own photographs, up to {MOST}", ["jpg", "jpeg", "png", "webp", "bmp", "gif"], accept_multiple_files=True,
        max_upload_size=20, width=460,
    )  # fmt: skip
photographs = []
for upload in uploads[:MOST]:
    try:
        photographs.append((upload.name, resources.own_photograph(upload.getvalue())))
    except InputError as error:
        st.error(f"{upload.name}: {error}", icon=":material/broken_image:")
if len(uploads) > MOST:
    st.warning(f"You gave {len(uploads)} photographs; here are the first {MOST}.", icon=":material/content_cut:")
if photographs:
    st.info("Your photographs stay in this session: a link to this page shows the samples.", icon=":material/lock:")
else:
    samples = [resources.sample_photograph(name) for name in SAMPLES]
    photographs = [(sample.title, sample) for sample in samples]

first = resources.checkpoint(names[0])
titles, pictures = zip(*photographs, strict=True)
found = {residual: resources.predictions(name, pictures) for residual, name in zip((False, True), names, strict=True)}
table = predictions_table(titles, first.classes, found)
st.markdown(
    f"They agree on **{table.agree.sum()} of {len(table)}**. On average :orange[plain] gives its first choice "
    f"**{table.plain_percent.mean():.0f} %**, :blue[residual] **{table.residual_percent.mean():.0f} %**."
)
left, right = st.columns([3, 2], gap="medium")
with left:
    st.html(predictions_gallery(table, [picture.shown for picture in pictures]))
with right:
    exhibit(
        confidence(table), key="confidence", alt="Probability of the first choice, plain against residual, a point a photograph",
        origin="measured", words=f"{' and '.join(names)} · {first.data}", numbers=table,
    )  # fmt: skip
    st.caption(
        "On the dashed line both are equally sure; above it the residual network is surer. Sure is not right: nobody told these "
        "networks what is on the photographs."
    )
st.info(first.note, icon=":material/timer:")
