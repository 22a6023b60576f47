"""The probability between two places of a latent scale, and densities there: all digits, anywhere.

A difference of two values of a distribution function near 1 has no digits left. So the logistic
one is written as a product, ``F(b) - F(a) = F(b) F(-a) (1 - exp(a - b))``, and the others are
taken from the tail that is nearer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from bayesmix.base.arrays import FloatArray
from bayesmix.families.links import ARRAYS, LINKS, Functions
from bayesmix.families.tails import LARGEST_EXPONENT
from bayesmix.families.values import Value

__all__ = ["interval_and_slopes", "log_density_at", "log_interval"]

_LOG_SQRT_2PI = 0.5 * np.log(2 * np.pi)


def log_interval(lower: Any, upper: Any, link: str, of: Functions) -> Any:
    """Compute ``log(F(upper) - F(lower))``, F being the inverse of a link.

    Parameters
    ----------
    lower, upper : ndarray or tensor
        ``lower < upper``.
    link : str
    of : Functions
        Those that the arrays or tensors need.
    """
    if link == "logit":
        return of.log_expit(upper) + of.log_expit(-lower) + of.log1mexp(upper - lower)
    own, is_above = LINKS[link], lower + upper > 0
    if own.complement is not None and own.complement[0] == link:  # symmetric
        larger = own.log_inverse(of.where(is_above, -lower, upper), of)
        smaller = own.log_inverse(of.where(is_above, -upper, lower), of)
    else:
        a, b = (Value(edge, own, of) for edge in (lower, upper))
        larger = of.where(is_above, a.complement.log, b.log)
        smaller = of.where(is_above, b.complement.log, a.log)
    return larger + of.log1mexp(larger - smaller)


def _log_logistic_density(eta: FloatArray) -> FloatArray:
    return np.asarray(ARRAYS.log_expit(eta) + ARRAYS.log_expit(-eta))


def _log_normal_density(eta: FloatArray) -> FloatArray:
    return np.asarray(-0.5 * eta**2 - _LOG_SQRT_2PI)


def _log_gumbel_density(eta: FloatArray) -> FloatArray:
    return eta - np.exp(np.minimum(eta, LARGEST_EXPONENT))


def _log_cauchy_density(eta: FloatArray) -> FloatArray:
    return np.asarray(-np.log(np.pi) - np.log1p(eta**2))


_DENSITIES: Mapping[str, Callable[[FloatArray], FloatArray]] = MappingProxyType(
    {
        "logit": _log_logistic_density,
        "probit": _log_normal_density,
        "cloglog": _log_gumbel_density,
        "cauchit": _log_cauchy_density,
    }
)


def log_density_at(eta: FloatArray, link: str) -> FloatArray:
    """Compute the logarithm of the derivative of the inverse of a link."""
    return _DENSITIES[link](eta)


def interval_and_slopes(
    lower: FloatArray, upper: FloatArray, link: str
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Compute `log_interval` of arrays, and its derivatives by `lower` and `upper`."""
    log = np.asarray(log_interval(lower, upper, link, ARRAYS))
    by_lower, by_upper = (np.exp(log_density_at(edge, link) - log) for edge in (lower, upper))
    return log, -by_lower, by_upper
