"""Where sorted standard normal numbers lie, all of them at once."""

from __future__ import annotations

import functools

import numpy as np
from scipy.special import betainc, betainccinv, betaincinv, ndtri

from bayesmix.base.arrays import FloatArray, IntArray

__all__ = ["normal_band", "places_shown"]

_SIMULATIONS, _SEED = 2_000, 20
# Sorted numbers that stand for all of them, those of both ends one by one.
_SHOWN, _ENDS = 400, 60


def places_shown(n: int) -> IntArray:
    """Choose positions among n sorted numbers: all, or those of the ends and some between."""
    if n <= _SHOWN:
        return np.arange(n)
    between = np.linspace(_ENDS, n - _ENDS - 1, _SHOWN - 2 * _ENDS).round().astype(np.int64)
    return np.unique(np.concatenate([np.arange(_ENDS), between, np.arange(n - _ENDS, n)]))


@functools.lru_cache(maxsize=32)
def normal_band(n: int, level: float = 0.95) -> tuple[FloatArray, FloatArray]:
    """Compute limits of sorted standard normal numbers at `places_shown`.

    All of them are within with probability `level`: the limits of each are quantiles of its own
    law, which is that of the beta distribution for uniform numbers, at the same tail probability,
    which is found by simulation (Aldor-Noiman et al. 2013, The American Statistician 67, 249-260,
    https://doi.org/10.1080/00031305.2013.847865).

    Returns
    -------
    lower, upper : ndarray
    """
    place = places_shown(n) + 1
    first, second = place.astype(np.float64), (n + 1 - place).astype(np.float64)
    rng = np.random.default_rng(_SEED)
    # Sums of exponential numbers, as far as the chosen places, over the sum of all n + 1.
    gaps = rng.gamma(np.diff(place, prepend=0), size=(_SIMULATIONS, len(place)))
    sums = gaps.cumsum(axis=1)
    drawn = sums / (sums[:, -1:] + rng.gamma(second[-1], size=(_SIMULATIONS, 1)))
    below = betainc(first, second, drawn)
    nearest = np.minimum(below, 1 - below).min(axis=1)
    tail = float(np.quantile(nearest, 1 - level))
    return (
        np.asarray(ndtri(betaincinv(first, second, tail))),
        np.asarray(ndtri(betainccinv(first, second, tail))),
    )
