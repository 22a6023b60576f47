"""Means, sds and quantiles of mixtures of normals: what a posterior is that is normal given draws.

A quantity that is normal given each draw of some parameters has a posterior that is the average of
those normals. Its moments are averages, its quantiles roots of an average of normal distribution
functions. That is more precise than one draw from each of the normals, so that fewer of them do.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.special import ndtr, ndtri

from bayesmix.base.arrays import FloatArray, IntArray
from bayesmix.posterior.summaries import Interval, Marginals

__all__ = ["FEWEST", "WORK", "marginals_of_mixtures"]

# Draws that are mixed at first: as many as one normal for each quantity and draw makes half a
# second's work, and no fewer than these; and how many times more where they do not suffice.
WORK, FEWEST, MORE = 1 << 22, 64, 4
# Squared error of a summary of all draws, over that of the mixture.
GAIN = 4.0
# Numbers in an array that is to stay in the cache.
CACHE = 1 << 16
# The last Newton step, in sds: the error that is left is of the size of its square. Newton steps
# before halves take over, and the last of these.
LAST_STEP, NEWTON_STEPS, LAST_HALF, MOST_STEPS = 3e-4, 8, 1e-6, 60
# A normal that is narrower than this share of the whole is a point.
POINT = 1e-7

# Places of some quantities (k,) to means and sds (k, B).
type Normals = Callable[[IntArray], tuple[FloatArray, FloatArray]]


def marginals_of_mixtures(
    given: Callable[[IntArray], Normals],
    n: int,
    n_draws: int,
    interval: Interval,
    run: Callable[..., Any] = map,
    *,
    work: int = WORK,
) -> Marginals:
    """Summarise quantities that are normal given each draw.

    Evenly spaced draws are mixed: for each quantity as many as give mean, sd and limits with half
    the Monte-Carlo error that they have in `n_draws` independent draws of the quantity itself, or
    all of them.

    Parameters
    ----------
    given : callable
        Takes places among the draws (B,), and returns what takes places among the quantities (k,)
        and returns means and sds of their normals, both of shape (k, B).
    n, n_draws : int
        Numbers of quantities and of draws.
    interval : Interval
    run : callable
        ``map``, or an executor's: the numbers do not depend on it.
    work : int
        Normals that are evaluated at first.

    Returns
    -------
    Marginals
    """
    found = np.empty((4, n))
    todo, size = np.arange(n), min(max(FEWEST, work // max(n, 1)), n_draws)
    while len(todo):
        normals = given(np.arange(size) * n_draws // size)
        step = max(1, CACHE // size)

        def summarise(
            places: IntArray, normals: Normals = normals
        ) -> tuple[FloatArray, FloatArray]:
            with np.errstate(all="ignore"):
                return _summaries(*normals(places), n_draws, interval)

        parts = [todo[start : start + step] for start in range(0, len(todo), step)]
        needed = []
        for places, (own, need) in zip(parts, run(summarise, parts), strict=True):
            found[:, places] = own
            needed.append(need)
        if size == n_draws:
            break
        need = np.concatenate(needed)
        todo = todo[need > size]
        # As many times more as do for some of those that are left.
        least = need[need > size].min(initial=np.inf)
        while size < min(least, n_draws):
            size = min(MORE * size, n_draws)
    return Marginals(*found)


def _summaries(
    means: FloatArray, sds: FloatArray, n_draws: int, interval: Interval
) -> tuple[FloatArray, FloatArray]:
    """Mean, sd and limits (4, k), and how many draws they need (k,)."""
    mean = means.mean(axis=1)
    centred = means - mean[:, None]
    squares = centred**2 + sds**2
    variance = squares.mean(axis=1)
    sd = np.sqrt(variance)
    need = [n_draws * (centred**2).mean(axis=1) / variance]
    need.append(n_draws * squares.var(axis=1) / (2 * variance**2))
    # In sds of the whole, so that no size is too large or too small.
    unit = np.where(sd > 0, sd, 1.0)[:, None]
    centred /= unit
    widths = np.maximum(sds / unit, POINT)
    limits = []
    for p in (interval.lower, interval.upper):
        limit, spread = _quantile(centred, widths, p)
        limits.append(np.where(sd > 0, mean + sd * limit, mean))
        need.append(n_draws * spread / (p * (1 - p)))
    needed = GAIN * np.nan_to_num(np.max(need, axis=0))
    return np.array([mean, sd, *limits]), needed


def _quantile(means: FloatArray, sds: FloatArray, p: float) -> tuple[FloatArray, FloatArray]:
    """Find where the average of normal distribution functions (k, B) is p, and their variance.

    Newton steps on the scale of the standard normal quantile, on which the average of similar
    normals is almost a line; bisection where a step leaves what is known to hold the root.
    """
    target = ndtri(p)
    every = means + target * sds
    low, high = every.min(axis=1), every.max(axis=1)
    root = np.clip(np.full(len(means), target), low, high)
    spread = np.zeros(len(means))
    active = np.arange(len(means))
    for i in range(MOST_STEPS):
        own = (root[active, None] - means) / sds
        below = ndtr(own)
        total = below.mean(axis=1)
        spread[active] = np.square(below - total[:, None]).mean(axis=1)
        density = (np.exp(-0.5 * own * own) / sds).mean(axis=1)
        low[active] = np.where(total <= p, root[active], low[active])
        high[active] = np.where(total >= p, root[active], high[active])
        reached = ndtri(total)
        new = root[active] + (target - reached) * np.exp(-0.5 * reached * reached) / density
        halved = ~((new >= low[active]) & (new <= high[active])) | (i >= NEWTON_STEPS)
        new = np.where(halved, (low[active] + high[active]) / 2, new)
        # Close in the quantity and in its probability: a density may have gaps and spikes.
        left = np.maximum(np.abs(new - root[active]), np.where(halved, 0, np.abs(target - reached)))
        root[active] = new
        going = left > np.where(halved, LAST_HALF, LAST_STEP)
        if not going.any():
            break
        active, means, sds = active[going], means[going], sds[going]
    return root, spread
