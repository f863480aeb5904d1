"""Does a hall look on? Present mode: the exhibit and its sentence, as large as the screen allows. `?present=1` or the key P."""

import streamlit as st

_KEY = "present"


def presenting() -> bool:
    """Return whether present mode is on: by the link, or since the button was pressed; it stays from page to page."""
    said = st.query_params.get(_KEY)
    if said is not None:
        st.session_state[_KEY] = said != "0"
    on = bool(st.session_state.get(_KEY))
    if on:
        st.query_params[_KEY] = "1"
    return on


def present_button() -> None:
    """Draw the button that turns present mode on or off."""
    on = bool(st.session_state.get(_KEY))
    st.button(
        "Leave" if on else "Present", key="present-button", icon=f":material/{'close_fullscreen' if on else 'present_to_all'}:",
        shortcut="P", type="tertiary", on_click=_switch, help=None if on else "Large type, one exhibit: for a lecture hall.",
    )  # fmt: skip


def _switch() -> None:
    """Callback of the button."""
    st.session_state[_KEY] = not st.session_state.get(_KEY)
    st.query_params.pop(_KEY, None)
