"""Positive responses whose logarithm is normal: mean and sd of the logarithm.

``log(y)`` is normal with mean ``mu`` and sd ``sigma``, so that the median of the response is
``exp(mu)`` and its mean ``exp(mu + sigma^2 / 2)``, as in brms
(https://paulbuerkner.com/brms/articles/brms_families.html). Effects, their sds and ``sigma`` are
those of a normal model of ``log(y)``, and so are all default priors; predictions are on the scale
of the response, and criteria compare with those of other families of it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import ndtr

from bayesmix.families.family import Family
from bayesmix.families.gaussian import GAUSSIAN
from bayesmix.families.measures import POSITIVE_NUMBERS
from bayesmix.families.own_variances import OF_RESIDUAL
from bayesmix.families.scores import Scores
from bayesmix.families.slopes import Slope
from bayesmix.families.values import Rows, Values

__all__ = ["LOGNORMAL"]


def _density(y: Any, p: Values, rows: Rows) -> Any:
    log_y = np.log(y)
    return GAUSSIAN.density(log_y, p, rows) - log_y


def _mean(p: Values, rows: Rows) -> Any:
    with np.errstate(over="ignore"):
        return np.exp(p["mu"].value + 0.5 * np.square(p["sigma"].value))


def _variance(p: Values, rows: Rows) -> Any:
    with np.errstate(over="ignore"):
        return np.square(_mean(p, rows)) * np.expm1(np.square(p["sigma"].value))


def _random(rng: np.random.Generator, p: Values, rows: Rows) -> Any:
    with np.errstate(over="ignore"):
        return np.exp(rng.normal(p["mu"].value, p["sigma"].value))


def _cumulative(y: Any, p: Values, rows: Rows) -> Any:
    return ndtr((np.log(y) - p["mu"].value) / p["sigma"].value)


def _pymc(p: Values, rows: Rows) -> tuple[str, dict[str, Any]]:
    return "LogNormal", {"mu": p["mu"].value, "sigma": p["sigma"].value}


def _slopes(y: Any, p: Values, rows: Rows) -> dict[str, Slope]:
    return dict(GAUSSIAN.slopes(np.log(y), p, rows, "mu"))


def _sigma_slope(y: Any, p: Values, rows: Rows) -> Slope:
    return GAUSSIAN.slopes(np.log(y), p, rows, "sigma")["sigma"]


def _scores(y: Any, p: Values, rows: Rows) -> Scores:
    assert GAUSSIAN.closed_scores is not None
    return GAUSSIAN.closed_scores(np.log(y), p, rows)


LOGNORMAL = Family(
    name="lognormal",
    parameters=GAUSSIAN.parameters,
    response=POSITIVE_NUMBERS,
    density=_density,
    mean=_mean,
    variance=_variance,
    random=_random,
    pymc=_pymc,
    cumulative=_cumulative,
    closed_slopes=_slopes,
    further_slopes={"sigma": _sigma_slope},
    closed_scores=_scores,
    response_link="log",
    own_variance=OF_RESIDUAL,
)
