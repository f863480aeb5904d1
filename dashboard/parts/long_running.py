"""How does a person wait? What takes long is asked for, says how long, shows how far it is, and can be stopped."""

from collections.abc import Callable

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from dashboard.serving.jobs import Waiting


def asked_for(what: str, seconds: float, place: DeltaGenerator) -> bool:
    """Whether a person wants it; in `place`, an `st.empty()`, the button that asks for it, or the one that stops it."""
    asked = f"asked-{what}"
    wanted = bool(st.session_state.get(asked))
    if wanted:
        # a click reruns the page, and Streamlit ends the run that waits at its next word to the bar
        place.button("Stop", key=f"stop-{what}", icon=":material/stop:", on_click=_want, args=(asked, False))
    else:
        words = f"Compute: about {max(1, seconds):.0f} s"
        place.button(words, key=f"compute-{what}", icon=":material/play_arrow:", on_click=_want, args=(asked, True))
    return wanted


def finish(what: str, place: DeltaGenerator) -> None:
    """It is computed: nothing is left to be stopped."""
    place.empty()
    st.session_state[f"asked-{what}"] = False


def progress_bar(bar: DeltaGenerator, words: str) -> Callable[[Waiting], None]:
    """What shows how a job stands: its place in the queue, then the fraction of it that is done."""

    def show(waiting: Waiting) -> None:
        queue = f" · number {waiting.place} in the queue" if waiting.place else ""
        bar.progress(min(1.0, waiting.fraction), text=words + queue)

    return show


def _want(asked: str, wanted: bool) -> None:
    st.session_state[asked] = wanted
