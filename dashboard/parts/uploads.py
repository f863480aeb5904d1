"""What does a visitor bring? Photographs and weights, which no link can hold."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any, TypeVar

import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from dashboard.plain import plain
from dashboard.serving import limits
from resnet_core import InputError
from resnet_core.pictures.decode import FORMATS

NAME = 60  # characters of a file's name
Own = TypeVar("Own")
# What becomes of uploaded files (titles and bytes), beside what became of earlier ones, which stay
Take = Callable[[list[tuple[str, bytes]], Collection[Any]], Sequence[Own | InputError]]
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
            f"A photograph ({FORMATS})", key=f"upload-{turn}", max_upload_size=limits.PHOTOGRAPH_BYTES // 10**6,
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
    st.session_state["own_photograph"] = _taken(take, file.getvalue()) if isinstance(file, UploadedFile) else None


def forget_own_photograph() -> None:
    """Callback: a visitor asks for a sample again. A new key is how an uploader is emptied."""
    st.session_state["own_photographs"] = st.session_state.get("own_photographs", 0) + 1
    st.session_state["own_photograph"] = None


def own_photographs(label: str, take: Callable[[bytes], Own], most: int) -> dict[str, Own | InputError | None]:
    """Return what `take` made of each photograph of the visitor's album, by title; None for those beyond the first `most`.

    The album stays when the visitor looks at another page. No link can hold it.
    """
    if not limits.uploads_allowed():
        return {}

    def take_all(uploads: list[tuple[str, bytes]], earlier: Collection[object]) -> list[Own | InputError | None]:
        return [_taken(take, data) if i < most else None for i, (_title, data) in enumerate(uploads, start=len(earlier))]

    album = _collection(label, "album", take_all, limits.PHOTOGRAPH_BYTES // 10**6, width=460)
    st.session_state[OWN_SHOWN] = bool(album)
    return album


def own_weights(take: Take[Own]) -> dict[str, Own | InputError]:
    """Return what `take` made of each weights file of the visitor, by title. They stay as an album does."""
    if not limits.uploads_allowed():
        return {}
    with st.popover("Your own weights…", icon=":material/upload_file:"):
        kept = _collection(
            "safetensors files that ResNet Lens saved, such as a run's last.safetensors", "weights", take,
            limits.FILE_BYTES // 2**20,
        )  # fmt: skip
        st.caption("They stay in this session: no link can hold them.")
    return kept


def _collection(label: str, key: str, take: Take[Own], megabytes: int, **looks: Any) -> dict[str, Own | InputError]:
    """Draw an upload of several files, and return what became of those of this page and of earlier ones, by title.

    The uploader's own value ends with its page. Which files it may choose is not filtered by their endings: `take` looks inside.
    """
    uploads = st.file_uploader(
        label, accept_multiple_files=True, max_upload_size=megabytes, key=key, on_change=_keep_all, args=(key, take), **looks
    )
    kept: dict[str, Own | InputError] = st.session_state.setdefault(f"own-{key}", {})
    if not uploads:  # it is new on this page
        st.session_state[f"{key}-here"] = []
    earlier = [title for title in kept if title not in st.session_state[f"{key}-here"]]
    if earlier:
        files = "the file" if len(earlier) == 1 else f"the {len(earlier)} files"
        st.button(f"Remove {files} from before", key=f"remove-{key}", on_click=_remove, args=(key, earlier, take))
    return dict(kept)


def _keep_all(key: str, take: Take[Own]) -> None:
    """Callback: what is in the uploader now replaces what was in it before, and stands beside what other pages uploaded."""
    state = st.session_state
    named = _named(state[key])
    replaced = {*state.get(f"{key}-here", ()), *(title for title, _ in named)}
    earlier = {title: own for title, own in state.get(f"own-{key}", {}).items() if title not in replaced}
    taken = take(named, list(earlier.values()))
    state[f"own-{key}"] = earlier | {title: own for (title, _), own in zip(named, taken, strict=True)}
    state[f"{key}-here"] = [title for title, _ in named]


def _remove(key: str, titles: Collection[str], take: Take[Own]) -> None:
    """Callback."""
    kept = {title: own for title, own in st.session_state[f"own-{key}"].items() if title not in titles}
    take([], list(kept.values()))
    st.session_state[f"own-{key}"] = kept


def _taken(take: Callable[[bytes], Own], data: bytes) -> Own | InputError:
    try:
        return take(data)
    except InputError as error:
        return error


def _named(uploads: Collection[object]) -> list[tuple[str, bytes]]:
    """Names and bytes of the uploads that the server has; the names are for reading only: short, on one line, none twice."""
    named: dict[str, bytes] = {}
    for number, upload in enumerate(uploads, start=1):
        if not isinstance(upload, UploadedFile):  # only its id arrived
            continue
        name = "".join(filter(str.isprintable, upload.name))[-NAME:]
        named[name if name not in named else f"{name} ({number})"] = upload.getvalue()
    return list(named.items())
