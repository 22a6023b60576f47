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


def announced(what: str, tuned: Tuned, iterations: int) -> str:
    """Say what is done, and how long that and the iterations after it take, if that is long.

    Parameters
    ----------
    what : str
        ``"Tuning"``.
    tuned : Tuned
        Chains, tuned or not; a gradient of them is computed.
    iterations : int
        Of each sub-chain.
    """
    density = tuned.density
    seconds_each = []
    # The first one after a change has caches to fill.
    for _ in range(3):
        begun = time.perf_counter()
        tuned.team.each(lambda point: density.at(point.x))
        seconds_each.append(time.perf_counter() - begun)
    gradient = sorted(seconds_each)[1]
    steps = trajectory(tuned.step, density.layout.size) if tuned.stages else USUAL_STEPS
    moves = iterations if tuned.stages else iterations + WARM_UP
    seconds = gradient * moves * (steps + 1.5)
    if seconds < SOON:
        return what
    which = "" if tuned.stages else "in all "
    return f"{what}, {which}about {_duration(seconds)}"


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"
