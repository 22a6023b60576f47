"""How freed memory is used again."""

from __future__ import annotations

import numpy as np

__all__ = ["keep_freed_memory"]


# Bytes up to which glibc learns to keep a block (its DEFAULT_MMAP_THRESHOLD_MAX), header left out.
MOST_KEPT = (1 << 25) - 8192


def keep_freed_memory() -> None:
    """Have the allocator keep freed blocks up to 32 MiB for the next arrays.

    glibc gives large blocks back to the system, and each page of the next array is faulted in anew,
    which can take longer than what is computed in it. From the largest block freed so far it learns
    what to keep: this one is never touched, and costs nothing. Other allocators do not mind.
    """
    np.empty(MOST_KEPT, dtype=np.uint8)
