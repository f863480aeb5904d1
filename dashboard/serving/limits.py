"""How much may visitors ask of this server? Every bound in one place; the operator sets two of them when it starts.

Importing this module imports neither streamlit nor torch.
"""

from __future__ import annotations

import os

from resnet_core.device import available_cpus
from resnet_core.pictures.decode import MAX_MEGABYTES, MAX_MEGAPIXELS

UPLOADS = "RESNET_LENS_UPLOADS"  # environment variable: "0" forbids uploads
RACES = "RESNET_LENS_RACES"  # environment variable: the number of races at once

FILE_BYTES = 200 * 2**20  # of one uploaded file; resnet101's weights have 178 MB
SESSION_FILES = 64  # Streamlit keeps a file until its visitor removes it or leaves
SESSION_BYTES = 400 * 2**20  # of all files of one session
ALL_BYTES = 1000 * 2**20  # of the files of all sessions together
PHOTOGRAPH_BYTES = MAX_MEGABYTES * 10**6
PHOTOGRAPH_PIXELS = MAX_MEGAPIXELS * 10**6  # known before a photograph is decoded
WEIGHTS_MULTIPLY_ADDS = 12 * 10**9  # of one photograph through uploaded weights; resnet152 at 224 pixels takes 11.5 billion
WEIGHTS_OUTPUTS = 50 * 10**6  # numbers between its layers; 45 million in resnet152 at 224 pixels
WEIGHTS_POSITIONS = 600_000  # pixels of its convolutions' maps, a channel each; 540,000 in resnet1202-cifar at 32 pixels
WEIGHTS_LAYERS = 1202  # as many as the deepest network of the paper
SESSION_PHOTOGRAPHS = 32  # decoded ones; the oldest is decoded again when it is shown again
ALL_PHOTOGRAPHS = 500  # of all sessions, 0.6 MB each
SESSIONS = 200  # connected at once
LOST_SESSION_SECONDS = 120  # until a session whose browser is gone ends, with its files
SWEEP_SECONDS = 10  # between two looks for such sessions


def uploads_allowed() -> bool:
    """Return whether visitors may upload files (not after `--no-uploads`)."""
    return os.environ.get(UPLOADS) != "0"


def most_races() -> int:
    """Return how many races may run at once: `--races`, or one for two processors and at least one."""
    said = os.environ.get(RACES, "")
    return int(said) if said.isdecimal() else max(1, available_cpus() // 2)
