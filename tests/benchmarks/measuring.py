"""What a process has used: seconds, and memory at its peak. The standard library only."""

from __future__ import annotations

import resource
import sys
import time

type Figures = dict[str, float]


class Clock:
    """Seconds since it was made: wall clock, and processor time of all processes and threads."""

    def __init__(self) -> None:
        self.wall, self.cpu = time.perf_counter(), cpu_seconds()

    def figures(self) -> Figures:
        return {"wall": time.perf_counter() - self.wall, "cpu": cpu_seconds() - self.cpu}


def cpu_seconds() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def peak_bytes() -> int:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
