"""What has a person chosen? Every choice is a widget bound to a query parameter, so the URL is the view, but for uploads."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from typing import Literal

import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from resnet_core import InputError


def explain_unknown(known: Mapping[str, Collection[str]]) -> None:
    """Say which of the link's choices do not exist here; Streamlit drops them without a word. Call it before the widgets."""
    for name, options in known.items():
        value = next((each for each in st.query_params.get_all(name) if each not in options), None)
        if value is not None:
            st.warning(
                f"The link asks for {name} “{value[:60]}”, which does not exist here; the page shows its usual choice instead.",
                icon=":material/link_off:",
            )


def number_bind(key: str) -> Literal["query-params"] | None:
    """Return how a widget of whole numbers is bound to the link: not to an infinite one, at which Streamlit raises an error."""
    for value in st.query_params.get_all(key):
        with suppress(ValueError):
            if math.isinf(float(value)):
                return None
    return "query-params"


def choose_point(key: str, exhibit: str) -> None:
    """Callback of an exhibit: the customdata of the clicked point becomes the choice named `key`."""
    if point := st.session_state[exhibit].point:
        st.session_state[key] = point


def own_photograph() -> bytes | None:
    """What the person uploaded or took, on this page or another, asked for behind a button; None if there is nothing.

    No link can hold it.
    """
    turn = st.session_state.setdefault("own_photographs", 0)
    with st.popover("Your own…", icon=":material/add_a_photo:"):
        st.file_uploader(
            "A photograph", type=["jpg", "jpeg", "png", "webp", "bmp", "gif"], key=f"upload-{turn}", max_upload_size=20,
            on_change=_keep, args=(f"upload-{turn}",),
        )  # fmt: skip
        if st.toggle("Use the webcam", key=f"webcam-{turn}"):  # without it, the browser would ask for the camera at once
            st.camera_input("Webcam", key=f"photo-{turn}", label_visibility="collapsed", on_change=_keep, args=(f"photo-{turn}",))
        own: bytes | None = st.session_state.get("own_photograph")
        if own:
            st.button("Back to the sample", key="back-to-the-sample", on_click=forget_own_photograph)
    return own


def _keep(key: str) -> None:
    """Callback: a widget's value ends with its page, and a photograph is to be looked at on all of them."""
    file = st.session_state[key]
    st.session_state["own_photograph"] = file.getvalue() if file else None


def forget_own_photograph() -> None:
    """Callback: a person asks for a sample again. A new key is how an uploader is emptied."""
    st.session_state["own_photographs"] += 1
    st.session_state["own_photograph"] = None


def own_weights(take: Callable[[UploadedFile], str]) -> dict[str, str]:
    """What `take` made of the weights that the person uploaded, by the files' names. No link can hold them."""
    with st.popover("Your own weights…", icon=":material/upload_file:"):
        uploads = st.file_uploader(
            "safetensors files that ResNet Lens saved, such as a run's last.safetensors", ["safetensors"],
            accept_multiple_files=True, max_upload_size=200, key="weights",
        )  # fmt: skip
        st.caption("They stay in this session: no link can hold them.")
    taken: dict[str, str] = {}
    for number, upload in enumerate(uploads, start=1):
        try:
            taken[upload.name if upload.name not in taken else f"{upload.name} ({number})"] = take(upload)
        except InputError as error:
            st.error(str(error), icon=":material/broken_image:")
    return taken
