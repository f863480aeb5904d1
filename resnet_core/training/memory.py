"""What becomes of the memory that a training step frees? The next one uses it."""

from __future__ import annotations

import ctypes

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # malloc.h of the GNU C library
NEVER = -1
LARGEST, LARGEST_OF_OLD_ONES = 2**30, 2**25  # bytes of one tensor; older libraries take no more than the second


def keep_freed_memory() -> None:
    """Let malloc keep freed memory, for the rest of the process. Works with the GNU C library; elsewhere nothing happens.

    By default malloc gives activations of many megabytes back to the system at the end of a step, and takes them again page by
    page in the next: a fifth of the time of a compiled step of ResNet-20 (`benchmarks/train.py`). Kept, they need little more
    than the step's peak.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # another C library, another system
        return
    mallopt(M_TRIM_THRESHOLD, NEVER)
    if not mallopt(M_MMAP_THRESHOLD, LARGEST):
        mallopt(M_MMAP_THRESHOLD, LARGEST_OF_OLD_ONES)
