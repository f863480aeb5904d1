"""How many processors may this process use?"""

from __future__ import annotations

import os


def processors() -> int:
    """Where the system says it (Linux), those that it leaves to the process; otherwise all."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
