"""Lecture: tours over the pages, which come with the project or in a file, and their hand-outs."""

from functools import partial

import streamlit as st

from dashboard import serving
from dashboard.lecture import bar
from dashboard.lecture.tours import MOST_BYTES, TOURS, Tour, read
from dashboard.pages import PAGES
from dashboard.parts.show import begin
from dashboard.parts.uploads import say_refusal
from dashboard.plain import plain
from dashboard.serving import limits
from resnet_core import InputError


def take_own() -> None:
    """Callback of the upload."""
    st.session_state.pop("tour-refused", None)
    file = st.session_state["own-tour"]
    if file is None:
        return bar.bring(None)
    try:
        if file.size > MOST_BYTES:
            raise InputError(f"{file.name} has more than {MOST_BYTES:,} bytes; divide the tour into several files.")
        bar.bring(read(file.getvalue().decode(), file.name))
    except UnicodeDecodeError:
        st.session_state["tour-refused"] = f"{file.name} is not a text file in UTF-8; save it as one."
    except InputError as error:
        st.session_state["tour-refused"] = str(error)


def card(name: str, tour: Tour) -> None:
    """Draw a tour and what can be done with it."""
    with st.container(border=True):
        st.subheader(plain(tour.title), anchor=False)
        st.write(plain(tour.summary))
        with st.container(horizontal=True, vertical_alignment="center"):
            st.button(
                "Begin", key=f"begin-{name}", type="primary", icon=":material/play_arrow:", on_click=bar.open_tour, args=(name,)
            )
            if name != bar.OWN:
                hand_out(name)
            st.caption(f"{len(tour.steps)} steps, {tour.minutes:g} minutes")
        with st.expander("The steps"):
            for number, step in enumerate(tour.steps, 1):
                st.button(
                    f"{number}. {plain(step.title)} · {PAGES[step.page].name}", key=f"begin-{name}-{number}", type="tertiary",
                    on_click=bar.open_tour, args=(name, number),
                )  # fmt: skip


def hand_out(name: str) -> None:
    """Draw the button that makes a tour's hand-out, and then the one that saves it."""
    if not serving.known_hand_out(name) and not st.session_state.get(f"make-{name}"):
        st.button("Make the hand-out", key=f"make-{name}", icon=":material/description:", help="One file; takes about a minute.")
        return
    try:
        with st.spinner("Visiting every page of the tour: about a minute"):
            made = serving.hand_out(name)
    except InputError as error:
        say_refusal(error)
        return
    st.download_button("Save the hand-out", made, f"{name}.html", "text/html", icon=":material/download:", on_click="ignore")


page = begin("lecture")
st.html(
    '<p class="answer">Open a tour. A bar leads you through the pages, step by step: what to look at, and one thing to try.</p>'
)
st.write(
    "Move with Space, the arrow keys, Page Up and Page Down, or a clicker. *Notes* opens a second window with your notes and a "
    "clock. *Explore from here* lets you use the page freely, and brings you back."
)
for name, tour in bar.every_tour().items():
    card(name, tour)
st.subheader("Your own tour", anchor=False)
example = TOURS / "why-residual.yaml"
with st.container(horizontal=True, vertical_alignment="bottom"):
    if limits.uploads_allowed():
        st.file_uploader(
            "A tour as a YAML file", ["yaml", "yml"], key="own-tour", on_change=take_own, max_upload_size=1, width=460
        )
    st.download_button(
        "An example to start from",
        partial(example.read_bytes),
        example.name,
        "text/yaml",
        icon=":material/download:",
        on_click="ignore",
    )
if refused := st.session_state.get("tour-refused"):
    say_refusal(refused)
st.write("To remove controls for a class, name them in the link: after `?hide=study,error`, no page shows these two choices.")
