"""Averages of the inverse of a link over shifts that rows have in common: no function per shift.

``exp(eta + shift)`` is a product, so that the exponential of each linear predictor is computed
once, and that of each shift once for all rows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from bayesmix.base.arrays import FloatArray
from bayesmix.families.tails import LARGEST_EXPONENT

__all__ = ["MEANS_OVER_SHIFTS"]

# Numbers of a part that stays near the processor.
_NEAR = 1 << 14


def _expit(eta: FloatArray, shifts: FloatArray, weights: FloatArray) -> FloatArray:
    """Average probabilities: one over one and the odds against."""
    found = np.zeros(eta.shape)
    with np.errstate(over="ignore", under="ignore"):
        factors = np.exp(-shifts)
        step = max(1, _NEAR // eta.shape[1])
        for start in range(0, len(eta), step):
            part = eta[start : start + step]
            against = np.exp(-np.clip(part, -LARGEST_EXPONENT, LARGEST_EXPONENT))
            one, total = np.empty_like(part), found[start : start + step]
            for factor, weight in zip(factors, weights, strict=True):
                np.multiply(against, factor, out=one)
                one += 1
                np.divide(weight, one, out=one)
                total += one
    return found


def _exp(eta: FloatArray, shifts: FloatArray, weights: FloatArray) -> FloatArray:
    """Average exponentials."""
    with np.errstate(over="ignore", under="ignore"):
        return np.asarray(np.exp(eta) * (weights @ np.exp(shifts)))


# By link: linear predictors (b, S), shifts (n, S) and their weights (n,) -> averages (b, S).
MEANS_OVER_SHIFTS: Mapping[str, Callable[[FloatArray, FloatArray, FloatArray], FloatArray]] = {
    "logit": _expit,
    "log": _exp,
}
