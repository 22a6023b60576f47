"""Positive responses whose sd grows with their mean: the gamma distribution.

``mu`` is the mean and ``shape`` one over the square of the coefficient of variation, sd / mean, as
in brms (https://paulbuerkner.com/brms/articles/brms_families.html): rate ``shape / mu``.

Default prior: ``shape`` half-Student-t with 3 degrees of freedom and scale 10. It has 95 % of its
mass below 32, where the coefficient of variation is 0.18, and leaves it to the data to say that
rows vary less; a Gamma(0.01, 0.01) would have most of its mass next to 0.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import gammainc

from bayesmix.families.family import Family
from bayesmix.families.measures import POSITIVE_NUMBERS
from bayesmix.families.own_variances import OF_GAMMA
from bayesmix.families.parameters import Parameter
from bayesmix.families.scores import Scores, spread
from bayesmix.families.slopes import Slope
from bayesmix.families.stirling import log_power_over_gamma, log_power_over_gamma_slope
from bayesmix.families.supports import POSITIVE
from bayesmix.families.tails import LARGEST_EXPONENT
from bayesmix.families.values import Rows, Values, slope_by_value, value_of_mu

__all__ = ["GAMMA"]


def _density(y: Any, p: Values, rows: Rows) -> Any:
    shape, log_y = np.asarray(p["shape"].value, dtype=np.float64), np.log(y)
    ratio = log_y - p["mu"].log
    with np.errstate(over="ignore"):
        return log_power_over_gamma(shape) - shape * (np.expm1(ratio) - ratio) - log_y


def _variance(p: Values, rows: Rows) -> Any:
    return np.square(p["mu"].value) / p["shape"].value


def _random(rng: np.random.Generator, p: Values, rows: Rows) -> Any:
    mu, shape = p["mu"].value, p["shape"].value
    return mu * (rng.gamma(shape, size=np.shape(mu)) / shape)


def _cumulative(y: Any, p: Values, rows: Rows) -> Any:
    shape = p["shape"].value
    return gammainc(shape, shape * np.exp(np.log(y) - p["mu"].log))


def _pymc(p: Values, rows: Rows) -> tuple[str, dict[str, Any]]:
    mu, shape = p["mu"].value, p["shape"].value
    return "Gamma", {"alpha": shape, "beta": shape / mu}


def _slopes(y: Any, p: Values, rows: Rows) -> dict[str, Slope]:
    shape = p["shape"].value
    ratio = np.minimum(np.log(y) - p["mu"].log, LARGEST_EXPONENT)
    return {"mu": Slope(shape * np.expm1(ratio), shape * np.exp(ratio))}


def _shape_slope(y: Any, p: Values, rows: Rows) -> Slope:
    shape = np.asarray(p["shape"].value, dtype=np.float64)
    ratio = np.log(y) - p["mu"].log
    excess = np.expm1(np.minimum(ratio, LARGEST_EXPONENT)) - ratio
    score = log_power_over_gamma_slope(shape) - excess
    return slope_by_value(p["shape"], score, score**2)


def _scores(y: Any, p: Values, rows: Rows) -> Scores:
    shape, eta = p["shape"].value, p["mu"].eta
    n, ones = len(y), np.ones(len(y))
    ratio = np.subtract(spread(np.log(y), eta.shape[1]), eta, out=eta)
    distance = -(ones @ ratio)
    excess = np.expm1(np.minimum(ratio, LARGEST_EXPONENT, out=ratio), out=ratio)
    distance += ones @ excess
    total = n * log_power_over_gamma(shape) - shape * distance
    by_shape = n * log_power_over_gamma_slope(shape) - distance
    return Scores(total, np.multiply(excess, shape, out=excess), {"shape": by_shape})


GAMMA = Family(
    name="gamma",
    parameters=(
        Parameter("mu", POSITIVE, links=("log",)),
        Parameter(
            "shape",
            POSITIVE,
            links=("log",),
            prior=lambda sizes: ("HalfStudentT", {"nu": 3.0, "sigma": 10.0}),
        ),
    ),
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
    own_variance=OF_GAMMA,
)
