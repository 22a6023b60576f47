"""Waiting times whose hazard rises or falls: the Weibull distribution.

``mu`` is the mean, as in brms (https://paulbuerkner.com/brms/articles/brms_families.html), so that
the scale is ``mu / gamma(1 + 1 / shape)``. The hazard falls with time where ``shape < 1``, is
constant where it is 1 and rises above.

Default prior: ``shape`` half-Student-t with 3 degrees of freedom and scale 10. It has 95 % of its
mass below 32, where sd / mean is 0.04, and leaves it to the data to say that rows vary less.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import digamma, gammaln

from bayesmix.families.family import Family
from bayesmix.families.gamma import GAMMA
from bayesmix.families.measures import POSITIVE_NUMBERS
from bayesmix.families.scores import Scores, spread
from bayesmix.families.slopes import Slope
from bayesmix.families.tails import LARGEST_EXPONENT, gumbel
from bayesmix.families.values import Rows, Values, slope_by_value, value_of_mu

__all__ = ["WEIBULL"]


def _log_power(log_y: Any, p: Values) -> Any:
    """Compute the logarithm of (y / scale) ** shape."""
    shape = p["shape"].value
    return shape * (log_y - p["mu"].log + gammaln(1 + 1 / shape))


def _density(y: Any, p: Values, rows: Rows) -> Any:
    log_y = np.log(y)
    power = _log_power(log_y, p)
    with np.errstate(over="ignore"):
        return np.log(p["shape"].value) - log_y + power - np.exp(power)


def _scale(p: Values) -> Any:
    mu = p["mu"]
    return mu.functions.exp(mu.log - mu.functions.gammaln(1 + 1 / p["shape"].value))


def _variance(p: Values, rows: Rows) -> Any:
    shape = p["shape"].value
    # That of a squared response over its squared mean, which is near 1 for a large shape.
    log_ratio = gammaln(1 + 2 / shape) - 2 * gammaln(1 + 1 / shape)
    with np.errstate(over="ignore"):
        return np.square(p["mu"].value) * np.expm1(log_ratio)


def _random(rng: np.random.Generator, p: Values, rows: Rows) -> Any:
    scale = _scale(p)
    return scale * rng.weibull(p["shape"].value, np.shape(scale))


def _cumulative(y: Any, p: Values, rows: Rows) -> Any:
    return gumbel(_log_power(np.log(y), p))


def _pymc(p: Values, rows: Rows) -> tuple[str, dict[str, Any]]:
    return "Weibull", {"alpha": p["shape"].value, "beta": _scale(p)}


def _slopes(y: Any, p: Values, rows: Rows) -> dict[str, Slope]:
    shape = p["shape"].value
    power = np.minimum(_log_power(np.log(y), p), LARGEST_EXPONENT)
    return {"mu": Slope(shape * np.expm1(power), shape**2 * np.exp(power))}


def _shape_slope(y: Any, p: Values, rows: Rows) -> Slope:
    shape = np.asarray(p["shape"].value, dtype=np.float64)
    power = np.minimum(_log_power(np.log(y), p), LARGEST_EXPONENT)
    excess = np.expm1(power)
    score = (1 - excess * power + digamma(1 + 1 / shape) * excess) / shape
    return slope_by_value(p["shape"], score, score**2)


def _scores(y: Any, p: Values, rows: Rows) -> Scores:
    shape, eta = p["shape"].value, p["mu"].eta
    n, ones = len(y), np.ones(len(y))
    power = np.subtract(spread(np.log(y), eta.shape[1]), eta, out=eta)
    power += gammaln(1 + 1 / shape)
    power *= shape
    total = n * np.log(shape) + ones @ power - n
    np.minimum(power, LARGEST_EXPONENT, out=power)
    excess = np.expm1(power)
    sums = ones @ excess
    by_shape = n - np.einsum("nm,nm->m", excess, power) + digamma(1 + 1 / shape) * sums
    score = np.multiply(excess, shape, out=excess)
    return Scores(total - sums, score, {"shape": by_shape / shape})


WEIBULL = Family(
    name="weibull",
    parameters=GAMMA.parameters,
    response=POSITIVE_NUMBERS,
    density=_density,
    mean=value_of_mu,
    variance=_variance,
    random=_random,
    pymc=_pymc,
    cumulative=_cumulative,
    closed_slopes=_slopes,
    further_slopes={"shape": _shape_slope},
    closed_scores=_scores,
)
