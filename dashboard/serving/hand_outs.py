"""Which hand-outs are made? Each tour's once, by a process of its own, which visits the pages as a stranger would."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from threading import Lock

import streamlit as st

from resnet_core.errors import InputError

SECONDS = 600  # for a tour; the longest takes two minutes on two processors
_one_at_a_time = Lock()


@st.cache_resource
def _made() -> dict[str, bytes]:
    return {}


def known_hand_out(tour: str) -> bool:
    """Return whether the tour's hand-out is made already."""
    return tour in _made()


def hand_out(tour: str) -> bytes:
    """Return the hand-out of a tour that comes with the project, as an HTML file.

    Raises:
        InputError: it cannot be made.
    """
    with _one_at_a_time:
        if tour not in _made():
            with tempfile.TemporaryDirectory() as folder:
                file = Path(folder) / "handout.html"
                command = [sys.executable, "-m", "dashboard.cli", "handout", tour, "--out", str(file)]
                try:
                    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
                except subprocess.TimeoutExpired:
                    raise InputError("The hand-out took too long; make it in a terminal with `resnet-lens handout`.") from None
                if done.returncode:
                    raise InputError(
                        f"The hand-out was not made: {(done.stderr.strip().splitlines() or ['no reason given'])[-1]}"
                    )
                _made()[tour] = file.read_bytes()
    return _made()[tour]
