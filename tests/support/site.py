"""A page for tests of the server: something cached, an uploader, a file to take away."""

import time

import streamlit as st


@st.cache_data
def made() -> int:
    return time.monotonic_ns()


st.text(f"cached at {made()}")
files = st.file_uploader("Files", accept_multiple_files=True, key="files")
st.text(f"{sum(len(file.getvalue()) for file in files)} bytes in {len(files)} files")
st.download_button("Take", b"to take away", "taken.txt", key="take")
