"""How long it is going to take, measured on the chains themselves."""

from __future__ import annotations

import time

from bayesmix.engines.whitened.rotation import trajectory
from bayesmix.engines.whitened.warmup import WARM_UP, Tuned

__all__ = ["announced"]

# Seconds that need no announcement.
SOON = 3.0
# Steps of a trajectory before the step is tuned.
USUAL_STEPS = 4


def announced(what: str, tuned: Tuned, iterations: int, begun: float) -> str:
    """Say what is done, and how long all of it takes with the iterations to come, if that is long.

    Parameters
    ----------
    what : str
        ``"Tuning"``.
    tuned : Tuned
        Chains, tuned or not; a gradient of them is computed.
    iterations : int
        Of each sub-chain.
    begun : float
        When the fit was begun, by `time.perf_counter`.
    """
    density = tuned.density
    seconds_each = []
    # The first one after a change has caches to fill.
    for _ in range(3):
        before = time.perf_counter()
        tuned.team.each(lambda point: density.at(point.x))
        seconds_each.append(time.perf_counter() - before)
    gradient = sorted(seconds_each)[1]
    steps = trajectory(tuned.step, density.layout.size) if tuned.stages else USUAL_STEPS
    moves = iterations if tuned.stages else iterations + WARM_UP
    seconds = time.perf_counter() - begun + gradient * moves * (steps + 1.5)
    return what if seconds < SOON else f"{what}, about {_duration(seconds)} in all"


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"
