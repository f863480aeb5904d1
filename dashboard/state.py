"""What has a person chosen? Every choice is a widget bound to a query parameter, so the URL is the whole view."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import streamlit as st


def explain_unknown(known: Mapping[str, Collection[str]]) -> None:
    """Say which of the link's choices do not exist here; Streamlit drops them without a word. Call it before the widgets."""
    for name, options in known.items():
        value = st.query_params.get(name)
        if value is not None and value not in options:
            st.warning(
                f"The link asks for {name} “{value[:60]}”, which does not exist here; the page shows its usual choice instead.",
                icon=":material/link_off:",
            )


def choose_point(key: str, chart: str) -> None:
    """Callback of a chart: the customdata of the clicked point becomes the choice named `key`."""
    points = st.session_state[chart].selection.points
    if points:
        chosen = points[0]["customdata"]
        st.session_state[key] = chosen if isinstance(chosen, str) else chosen[0]
