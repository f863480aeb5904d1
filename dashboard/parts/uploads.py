"""What does a visitor bring? Photographs and weights, which no link can hold."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TypeVar

import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from dashboard.plain import plain
from dashboard.serving import limits
from resnet_core import InputError

NAME = 60  # characters of a file's name
PHOTOGRAPHS = ["jpg", "jpeg", "png", "webp", "bmp", "gif"]  # endings of their files
Own = TypeVar("Own")
OWN_SHOWN = "own-photographs-shown"  # in the session: whether the page shows photographs of the visitor's own


def say_refusal(sentence: object, instead: str = "") -> None:
    """Show why something cannot be used, whatever a stranger has put into the sentence; `instead`: what the page shows."""
    until_then = f" Until then you see {instead}." if instead else ""
    st.error(plain(f"{sentence}{until_then}"), icon=":material/broken_image:")


def own_photograph(take: Callable[[bytes], Own]) -> Own | InputError | None:
    """What `take` made of the photograph that the visitor uploaded or took, here or on another page; None if there is none.

    An InputError says why it cannot be used. No link can hold a photograph.
    """
    if not limits.uploads_allowed():
        return None
    turn = st.session_state.setdefault("own_photographs", 0)
    with st.popover("Your own…", icon=":material/add_a_photo:"):
        st.file_uploader(
            "A photograph", type=PHOTOGRAPHS, key=f"upload-{turn}", max_upload_size=limits.PHOTOGRAPH_BYTES // 10**6,
            on_change=_keep, args=(f"upload-{turn}", take),
        )  # fmt: skip
        if st.toggle("Use the webcam", key=f"webcam-{turn}"):  # without it, the browser would ask for the camera at once
            st.camera_input(
                "Webcam", key=f"photo-{turn}", label_visibility="collapsed", on_change=_keep, args=(f"photo-{turn}", take)
            )
        own: Own | InputError | None = st.session_state.get("own_photograph")
        if own:
            st.button("Back to the sample", key="back-to-the-sample", on_click=forget_own_photograph)
    st.session_state[OWN_SHOWN] = own is not None and not isinstance(own, InputError)
    return own


def _keep(key: str, take: Callable[[bytes], Own]) -> None:
    """Callback: a widget's value ends with its page, and a photograph is to be looked at on all of them."""
    file = st.session_state[key]
    try:
        st.session_state["own_photograph"] = take(file.getvalue()) if file else None
    except InputError as error:
        st.session_state["own_photograph"] = error


def forget_own_photograph() -> None:
    """Callback: a visitor asks for a sample again. A new key is how an uploader is emptied."""
    st.session_state["own_photographs"] = st.session_state.get("own_photographs", 0) + 1
    st.session_state["own_photograph"] = None


def own_photographs(label: str) -> list[tuple[str, bytes]]:
    """Names and bytes of the photographs that the visitor uploads together."""
    if not limits.uploads_allowed():
        return []
    uploads = st.file_uploader(
        label, PHOTOGRAPHS, accept_multiple_files=True, max_upload_size=limits.PHOTOGRAPH_BYTES // 10**6, width=460
    )
    st.session_state[OWN_SHOWN] = bool(uploads)
    return _named(uploads)


def own_weights() -> list[tuple[str, bytes]]:
    """Names and bytes of the weights that the visitor uploads. No link can hold them."""
    if not limits.uploads_allowed():
        return []
    with st.popover("Your own weights…", icon=":material/upload_file:"):
        uploads = st.file_uploader(
            "safetensors files that ResNet Lens saved, such as a run's last.safetensors", ["safetensors"],
            accept_multiple_files=True, max_upload_size=limits.FILE_BYTES // 2**20, key="weights",
        )  # fmt: skip
        st.caption("They stay in this session: no link can hold them.")
    return _named(uploads)


def _named(uploads: Collection[UploadedFile]) -> list[tuple[str, bytes]]:
    """The files' names are for reading only: cut short, each on one line, none twice."""
    named: dict[str, bytes] = {}
    for number, upload in enumerate(uploads, start=1):
        name = "".join(filter(str.isprintable, upload.name))[-NAME:]
        named[name if name not in named else f"{name} ({number})"] = upload.getvalue()
    return list(named.items())
