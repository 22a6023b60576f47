"""Both outcomes of a binary variable, link by link, of many linear predictors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np

from bayesmix.base.arrays import FloatArray
from bayesmix.families.normal import LOG_SQRT_2PI, log_ndtr_and_slope, mills_ratio
from bayesmix.families.tails import LARGEST_EXPONENT

__all__ = ["ODDS", "SIDES", "Side", "cauchy_slope"]

type Side = Callable[[FloatArray], tuple[FloatArray, FloatArray]]
"""Linear predictors -> something that they say, and its derivative."""

_SMALLEST = np.finfo(float).tiny
_MIDDLE = np.log(np.log(2.0))


def _log_expit_and_slope(eta: FloatArray) -> tuple[FloatArray, FloatArray]:
    # As SciPy's log_expit and expit, which are several times slower.
    below = np.exp(-np.abs(eta))
    above = 1 + below
    return np.minimum(eta, 0.0) - np.log1p(below), np.where(eta > 0, below, 1.0) / above


def _rate_and_share(eta: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the rate of cloglog, and the probability of a success over it, from 0 to 1."""
    rate = np.exp(np.minimum(eta, LARGEST_EXPONENT))
    np.maximum(rate, _SMALLEST, out=rate)
    return rate, np.expm1(-rate) / -rate


def _log_gumbel_and_slope(eta: FloatArray) -> tuple[FloatArray, FloatArray]:
    rate, share = _rate_and_share(eta)
    failure = np.exp(-rate)
    above = np.log1p(-np.minimum(failure, 0.9))
    log = np.where(eta < _MIDDLE, eta + np.log(share), above)
    return log, failure / share


def _minus_rate_and_slope(eta: FloatArray) -> tuple[FloatArray, FloatArray]:
    minus = -np.exp(np.minimum(eta, LARGEST_EXPONENT))
    return minus, minus.copy()


def _log_cauchy_and_slope(eta: FloatArray) -> tuple[FloatArray, FloatArray]:
    angle, is_below = np.arctan2(1.0, np.abs(eta)), eta < 0
    tail = angle / np.pi
    log = np.where(is_below, np.log(tail), np.log1p(-tail))
    return log, 1 / ((1 + eta**2) * np.where(is_below, angle, np.pi - angle))


def cauchy_slope(eta: FloatArray) -> FloatArray:
    """Differentiate the logarithm of the probability of a success, cauchit being the link."""
    slope: FloatArray = 1 / ((1 + eta**2) * np.arctan2(1.0, -eta))
    return slope


def _other(side: Side) -> Side:
    """Turn a probability of success into that of failure, for a symmetric link."""

    def other(eta: FloatArray) -> tuple[FloatArray, FloatArray]:
        log, slope = side(-eta)
        return log, -slope

    return other


SIDES: Mapping[str, tuple[Side, Side]] = MappingProxyType(
    {
        "logit": (_log_expit_and_slope, _other(_log_expit_and_slope)),
        "probit": (log_ndtr_and_slope, _other(log_ndtr_and_slope)),
        "cloglog": (_log_gumbel_and_slope, _minus_rate_and_slope),
        "cauchit": (_log_cauchy_and_slope, _other(_log_cauchy_and_slope)),
    }
)
"""Logarithm of the probability of a success, and of a failure, with derivatives."""


def _probit_odds(eta: FloatArray) -> tuple[FloatArray, FloatArray]:
    ratio, log_density = mills_ratio(np.abs(eta)), -0.5 * eta**2 - LOG_SQRT_2PI
    other = 1 - ratio * np.exp(log_density)
    odds = np.log(other / ratio) - log_density
    return np.copysign(odds, eta), 1 / (ratio * other)


def _cloglog_odds(eta: FloatArray) -> tuple[FloatArray, FloatArray]:
    rate, share = _rate_and_share(eta)
    return eta + rate + np.log(share), 1 / share


def _cauchit_odds(eta: FloatArray) -> tuple[FloatArray, FloatArray]:
    angle = np.arctan2(1.0, np.abs(eta))
    other = np.pi - angle
    return np.copysign(np.log(other / angle), eta), np.pi / ((1 + eta**2) * angle * other)


ODDS: Mapping[str, Side] = MappingProxyType(
    {
        "logit": lambda eta: (eta, np.ones_like(eta)),
        "probit": _probit_odds,
        "cloglog": _cloglog_odds,
        "cauchit": _cauchit_odds,
    }
)
"""Log odds of a success, and their derivative."""
