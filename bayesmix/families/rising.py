"""Rising factorials k (k + 1) ... (k + y - 1), with all digits however large or small k is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from bayesmix.base.arrays import FloatArray
from bayesmix.families.scores import spread
from bayesmix.families.stirling import (
    SERIES,
    SERIES_OF_CURVATURE,
    SERIES_OF_SLOPE,
    polynomial,
)
from bayesmix.families.tails import LARGEST_EXPONENT

__all__ = ["log_rising", "rising", "rising_curvature", "rising_rows"]

# From here on seven terms of the asymptotic series have all digits.
_SHIFT = 8
# Mean count up to which factors are faster than the series, how many of them have a product that is
# finite, and for which logarithms of k.
_MANY, _FACTORS, _SMALL = 30.0, 8, -60.0


def rising(y: Any, log_base: Any) -> tuple[FloatArray, FloatArray]:
    """Compute the logarithm of a rising factorial less ``y log k``, and ``y`` with its derivative.

    Parameters
    ----------
    y : ndarray
        Positive.
    log_base : ndarray
        Logarithm of k.

    Returns
    -------
    tuple of ndarray
        ``gammaln(k + y) - gammaln(k) - y log(k)``, which goes to 0 where k is large, and
        ``k (digamma(k + y) - digamma(k))``, the derivative of the first two terms by ``log k``.
    """
    if np.ndim(y) == 1 and np.ndim(log_base) > 1 and np.shape(log_base)[-1] == 1:
        # One k for all rows, of which many have the same count.
        counts, places = np.unique(y, return_inverse=True)
        if len(counts) < len(y):
            log, slope = rising(counts, log_base)
            return log.take(places, axis=-1), slope.take(places, axis=-1)
    base = np.exp(np.minimum(log_base, LARGEST_EXPONENT))
    above = base + y
    slope = y / above
    ratio = 1 / above
    for j in range(1, _SHIFT):
        low, high = base + j, above + j
        slope += base / low * (y / high)
        ratio *= low / high
    low, high = base + _SHIFT, above + _SHIFT
    inverse_low, inverse_high = 1 / low, 1 / high
    step = np.log1p(y * inverse_low)
    log = (high - 0.5) * step - y + y * (np.log(low) - log_base) + np.log(ratio) + log_base
    log += _odd_powers(SERIES, inverse_high) - _odd_powers(SERIES, inverse_low)
    tail = inverse_low * _odd_powers(SERIES_OF_SLOPE, inverse_low)
    tail = tail - inverse_high * _odd_powers(SERIES_OF_SLOPE, inverse_high)
    slope += base * (step + 0.5 * y * inverse_low * inverse_high + tail)
    return log, slope


def rising_rows(counts: FloatArray, log_base: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Compute `rising` for rows of chains, factor by factor where the counts are small.

    Parameters
    ----------
    counts : ndarray, shape (n,)
        Positive, the largest first.
    log_base : ndarray, shape (n, M)

    Returns
    -------
    tuple of ndarray, shape (n, M)
    """
    if counts.sum() > _MANY * len(counts) or log_base.min(initial=0.0) < _SMALL:
        return rising(spread(counts, log_base.shape[1]), log_base)
    inverse = np.exp(-log_base)
    slope, product = np.ones_like(inverse), np.ones_like(inverse)
    log = np.zeros_like(inverse)
    # How many rows have more than 0, 1, 2, ... counts.
    rows = len(counts) - np.cumsum(np.bincount(counts.astype(np.int64)))
    for j, m in enumerate(rows[1:-1].tolist(), start=1):
        factor = inverse[:m] * j
        factor += 1.0
        product[:m] *= factor
        slope[:m] += np.divide(1.0, factor, out=factor)
        if j % _FACTORS == 0:
            log[:m] += np.log(product[:m])
            product[:m] = 1.0
    log += np.log(product, out=product)
    return log, slope


def log_rising(y: Any, log_base: Any) -> FloatArray:
    """Compute the first part of `rising`, where y may be 0, too."""
    return np.where(y > 0, rising(np.maximum(y, 1.0), log_base)[0], 0.0)


def rising_curvature(y: Any, log_base: Any) -> FloatArray:
    """Compute ``k^2 (trigamma(k) - trigamma(k + y))``, from 0 to y."""
    base = np.exp(np.minimum(log_base, LARGEST_EXPONENT))
    above = base + y
    total = (1 + base / above) * (y / above)
    for j in range(1, _SHIFT):
        low, high = base + j, above + j
        total += (base / low + base / high) * (base / low * (y / high))
    low, high = base + _SHIFT, above + _SHIFT
    first, second = base / low, base / high
    total += y * first * second + 0.5 * (first + second) * (first * (y / high))
    total += first**2 * _odd_powers(SERIES_OF_CURVATURE, 1 / low) - second**2 * _odd_powers(
        SERIES_OF_CURVATURE, 1 / high
    )
    return np.asarray(total)


def _odd_powers(coefficients: Sequence[float], x: FloatArray) -> FloatArray:
    return polynomial(x * x, coefficients) * x
