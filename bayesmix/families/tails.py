"""Distribution functions of binary links that SciPy lacks, with all digits in both tails."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import exprel

__all__ = [
    "LARGEST_EXPONENT",
    "cauchy",
    "gumbel",
    "log1mexp",
    "log_cauchy",
    "log_expit",
    "log_gumbel",
]

# Far beyond any odds or rate that data can tell apart; sums and squares of its exponential are
# finite.
LARGEST_EXPONENT = 300.0
_MIDDLE = np.log(np.log(2.0))


def gumbel(eta: Any) -> Any:
    """Compute 1 - exp(-exp(eta)), the distribution function of Gumbel's law of minima."""
    return -np.expm1(-np.exp(np.minimum(eta, LARGEST_EXPONENT)))


def log_gumbel(eta: Any) -> Any:
    """Compute the logarithm of `gumbel`, close to eta far below zero."""
    below = eta + np.log(exprel(-np.exp(np.minimum(eta, 0.0))))
    above = np.log1p(-np.exp(-np.exp(np.clip(eta, -1.0, LARGEST_EXPONENT))))
    return np.where(np.less(eta, _MIDDLE), below, above)


def cauchy(eta: Any) -> Any:
    """Compute the distribution function of Cauchy's law."""
    return np.arctan2(1.0, np.negative(eta)) / np.pi


def log_cauchy(eta: Any) -> Any:
    """Compute the logarithm of `cauchy`."""
    below = np.log(cauchy(eta))
    above = np.log1p(-cauchy(-np.maximum(eta, 0.0)))
    return np.where(np.less(eta, 0.0), below, above)


def log_expit(eta: Any) -> Any:
    """Compute the logarithm of the logistic distribution function, twice as fast as SciPy."""
    return np.minimum(eta, 0.0) - np.log1p(np.exp(-np.abs(eta)))


def log1mexp(x: Any) -> Any:
    """Compute log(1 - exp(-x)) of x above 0; minus infinity at 0."""
    with np.errstate(divide="ignore"):
        near = np.log(-np.expm1(-np.minimum(x, 1.0)))
    return np.where(np.less(x, 0.7), near, np.log1p(-np.exp(-np.maximum(x, 0.5))))
