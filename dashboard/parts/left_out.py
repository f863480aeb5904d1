"""Which run directories are left out? Somebody's broken one hides nothing but itself, and every page of runs says so."""

import streamlit as st

from dashboard import serving
from dashboard.plain import plain

SHOWN = 3


def say_left_out() -> None:
    """Show a sentence for each run directory that cannot be read; of many, the first."""
    sentences = serving.left_out()
    for sentence in sentences[:SHOWN]:
        st.warning(plain(sentence), icon=":material/broken_image:")
    if (more := len(sentences) - SHOWN) > 0:
        st.warning(f"{more} more {'run is' if more == 1 else 'runs are'} left out.", icon=":material/broken_image:")
