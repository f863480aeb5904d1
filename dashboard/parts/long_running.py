"""How does a person wait? What takes long is asked for, says how long, shows how far it is, and can be stopped."""

from collections.abc import Callable

import streamlit as st
from streamlit.delta_generator import DeltaGenerator


def asked_for(what: str, seconds: float, place: DeltaGenerator) -> bool:
    """Whether a person wants it; in `place`, an `st.empty()`, the button that asks for it, or the one that stops it."""
    asked = f"asked-{what}"
    wanted = bool(st.session_state.get(asked))
    if wanted:
        # a click reruns the page, and Streamlit ends the run that computes at its next word to the bar
        place.button("Stop", key=f"stop-{what}", icon=":material/stop:", on_click=_want, args=(asked, False))
    else:
        words = f"Compute: about {max(1, seconds):.0f} s"
        place.button(words, key=f"compute-{what}", icon=":material/play_arrow:", on_click=_want, args=(asked, True))
    return wanted


def over(what: str, place: DeltaGenerator) -> None:
    """It is computed: nothing is left to be stopped."""
    place.empty()
    st.session_state[f"asked-{what}"] = False


def telling(bar: DeltaGenerator, words: str) -> Callable[[float], bool]:
    """What hears the share that is done, and shows it."""

    def tell(share: float) -> bool:
        bar.progress(share, text=words)
        return True

    return tell


def _want(asked: str, wanted: bool) -> None:
    st.session_state[asked] = wanted
