"""What Stirling's formula leaves of the gamma function, with all digits for large numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import digamma, gammaln

__all__ = ["log_power_over_gamma", "log_power_over_gamma_slope"]

# From here on the series have all digits; below, differences of large numbers keep most of them.
_LARGE = 20.0
_SERIES = (1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188)
_LOG_SQRT_2PI = 0.5 * np.log(2 * np.pi)


def log_power_over_gamma(x: Any) -> Any:
    """Compute x log(x) - x - log(gamma(x)) of positive numbers."""
    small, large = np.minimum(x, _LARGE), np.maximum(x, _LARGE)
    series = _polynomial(large**-2, _SERIES) / large
    above = 0.5 * np.log(large) - _LOG_SQRT_2PI - series
    return np.where(np.less(x, _LARGE), small * np.log(small) - small - gammaln(small), above)


def log_power_over_gamma_slope(x: Any) -> Any:
    """Compute its derivative, log(x) - digamma(x)."""
    small, large = np.minimum(x, _LARGE), np.maximum(x, _LARGE)
    odd = [(2 * k + 1) * coefficient for k, coefficient in enumerate(_SERIES)]
    above = 0.5 / large + _polynomial(large**-2, odd) / large**2
    return np.where(np.less(x, _LARGE), np.log(small) - digamma(small), above)


def _polynomial(x: Any, coefficients: Any) -> Any:
    return np.polynomial.polynomial.polyval(x, coefficients)
