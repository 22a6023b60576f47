"""The gamma function by Stirling's formula: digits for large numbers, and speed for many."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.special import digamma, gammaln

from bayesmix.base.arrays import FloatArray

__all__ = [
    "SERIES",
    "SERIES_OF_CURVATURE",
    "SERIES_OF_SLOPE",
    "log_gamma_above_one",
    "log_power_over_gamma",
    "log_power_over_gamma_slope",
    "polynomial",
    "trigamma_above_one",
]

# From here on the series have all digits; below, differences of large numbers keep most of them.
_LARGE = 20.0
# Of log(gamma(x)), and with other signs of its first and second derivative: what the leading terms
# leave, by odd powers of 1 / x.
SERIES = (1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360, 1 / 156)
SERIES_OF_SLOPE = tuple((2 * k + 1) * coefficient for k, coefficient in enumerate(SERIES))
SERIES_OF_CURVATURE = tuple((2 * k + 2) * term for k, term in enumerate(SERIES_OF_SLOPE))
# Five terms have all digits here.
_SERIES, _SERIES_OF_SLOPE, _SERIES_OF_CURVATURE = (
    series[:5] for series in (SERIES, SERIES_OF_SLOPE, SERIES_OF_CURVATURE)
)
_LOG_SQRT_2PI = 0.5 * np.log(2 * np.pi)
# Of (x + 1) (x + 2) ... (x + 8), a product of (u + 8) (u + 14) (u + 18) (u + 20), u = x (x + 9).
_FACTORS = (40320.0, 12176.0, 1308.0, 60.0, 1.0)
_FACTORS_SLOPE = (12176.0, 2616.0, 180.0, 4.0)


def log_power_over_gamma(x: Any) -> Any:
    """Compute x log(x) - x - log(gamma(x)) of positive numbers, without cancellation."""
    small, large = np.minimum(x, _LARGE), np.maximum(x, _LARGE)
    series = polynomial(np.asarray(large**-2), _SERIES) / large
    above = 0.5 * np.log(large) - _LOG_SQRT_2PI - series
    return np.where(np.less(x, _LARGE), small * np.log(small) - small - gammaln(small), above)


def log_power_over_gamma_slope(x: Any) -> Any:
    """Compute its derivative, log(x) - digamma(x)."""
    small, large = np.minimum(x, _LARGE), np.maximum(x, _LARGE)
    series = polynomial(np.asarray(large**-2), _SERIES_OF_SLOPE) / large**2
    above = 0.5 / large + series
    return np.where(np.less(x, _LARGE), np.log(small) - digamma(small), above)


def log_gamma_above_one(x: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Compute log(gamma(1 + x)) and its derivative of many numbers from 0 to 1e30.

    Parameters
    ----------
    x : ndarray

    Returns
    -------
    tuple of ndarray, ndarray
        As SciPy's ``gammaln`` and ``digamma``, up to 1e-13 of their size and ten times as fast.
    """
    shifted = x + 9.0
    inverse = 1 / shifted
    square = inverse * inverse
    log_shifted = np.log(shifted)
    product = x * shifted
    factors = polynomial(product, _FACTORS)
    # digamma(x + 9), less the sum of 1 / (x + k).
    slope = polynomial(square, _SERIES_OF_SLOPE)
    slope *= square
    np.subtract(log_shifted, slope, out=slope)
    inverse *= 0.5
    slope -= inverse
    by_product = polynomial(product, _FACTORS_SLOPE)
    by_product /= factors
    by_product *= np.add(x, shifted, out=product)
    slope -= by_product
    log_gamma = polynomial(square, _SERIES)
    log_gamma *= inverse
    log_gamma *= 2
    log_gamma -= np.log(factors, out=factors)
    log_gamma -= shifted
    shifted -= 0.5
    log_shifted *= shifted
    log_gamma += log_shifted
    log_gamma += _LOG_SQRT_2PI
    return log_gamma, slope


def trigamma_above_one(x: FloatArray) -> FloatArray:
    """Compute the second derivative of log(gamma(1 + x)) of many numbers from 0."""
    inverse = 1 / (x + 9.0)
    square = inverse * inverse
    value = polynomial(square, _SERIES_OF_CURVATURE)
    value *= square
    value += 1 + 0.5 * inverse
    value *= inverse
    for k in range(1, 9):
        value += (x + k) ** -2
    return value


def polynomial(x: FloatArray, coefficients: Sequence[float]) -> FloatArray:
    """Sum powers of numbers, the constant first."""
    *others, highest = coefficients
    value = x * highest
    for coefficient in others[:0:-1]:
        value += coefficient
        value *= x
    value += coefficients[0]
    return value
