"""Rising factorials k (k + 1) ... (k + y - 1), with all digits however large or small k is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from bayesmix.base.arrays import FloatArray
from bayesmix.families.tails import LARGEST_EXPONENT

__all__ = ["log_rising", "rising", "rising_curvature"]

# From here on seven terms of the asymptotic series have all digits.
_SHIFT = 8
# Of gammaln, its derivative digamma and the negative second one, what the leading terms leave.
_GAMMALN = (1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360, 1 / 156)
_DIGAMMA = (-1 / 12, 1 / 120, -1 / 252, 1 / 240, -1 / 132, 691 / 32760, -1 / 12)
_TRIGAMMA = (1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6)


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
    log += _series(_GAMMALN, inverse_high) - _series(_GAMMALN, inverse_low)
    tail = inverse_high * _series(_DIGAMMA, inverse_high)
    tail -= inverse_low * _series(_DIGAMMA, inverse_low)
    slope += base * (step + 0.5 * y * inverse_low * inverse_high + tail)
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
    total += first**2 * _series(_TRIGAMMA, 1 / low) - second**2 * _series(_TRIGAMMA, 1 / high)
    return np.asarray(total)


def _series(coefficients: Sequence[float], inverse: FloatArray) -> FloatArray:
    """Sum odd powers of a number below 1/8."""
    square = inverse * inverse
    total = square * coefficients[-1]
    for coefficient in coefficients[-2:0:-1]:
        total += coefficient
        total *= square
    total += coefficients[0]
    total *= inverse
    return total
