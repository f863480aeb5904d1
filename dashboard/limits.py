"""How much may visitors ask of this server? Every bound in one place; the operator sets two of them when it starts.

Importing this module imports neither streamlit nor torch.
"""

from __future__ import annotations

import os

from resnet_core.images import MAX_MEGABYTES, MAX_MEGAPIXELS
from resnet_core.processors import processors

UPLOADS = "RESNET_LENS_UPLOADS"  # environment variable: "0" forbids uploads
RACES = "RESNET_LENS_RACES"  # environment variable: the number of races at once

FILE_BYTES = 200 * 2**20  # of one uploaded file; resnet101's weights have 178 MB
SESSION_FILES = 16
SESSION_BYTES = 400 * 2**20  # of all files of one session
ALL_BYTES = 1000 * 2**20  # of the files of all sessions together
PHOTOGRAPH_BYTES = MAX_MEGABYTES * 10**6
PHOTOGRAPH_PIXELS = MAX_MEGAPIXELS * 10**6  # known before a photograph is decoded
WEIGHTS_MULTIPLY_ADDS = 12 * 10**9  # of one photograph through uploaded weights; resnet152 at 224 pixels takes 11.5 billion
SESSIONS = 200  # connected at once


def uploads_allowed() -> bool:
    """Return whether visitors may upload files (not after `--no-uploads`)."""
    return os.environ.get(UPLOADS) != "0"


def most_races() -> int:
    """Return how many races may run at once: `--races`, or one for two processors and at least one."""
    said = os.environ.get(RACES, "")
    return int(said) if said.isdecimal() else max(1, processors() // 2)
