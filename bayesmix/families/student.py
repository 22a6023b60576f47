"""Student's t: a centre, a scale and degrees of freedom, for responses with outliers.

``(y - mu) / sigma`` has Student's t distribution with ``nu`` degrees of freedom [1]_. ``mu`` is the
median, and the mean where ``nu > 1``. ``sigma`` is a scale: the sd is ``sigma sqrt(nu / (nu - 2))``
where ``nu > 2``.

Default priors: ``sigma`` as that of the normal distribution, an exponential distribution whose mean
is the sd of the response; ``nu`` Gamma(2, 0.1) [2]_, which has 90 % of its mass between 3.6 and 47
and hardly any where there is no mean.

References
----------
.. [1] Lange, K. L., Little, R. J. A. & Taylor, J. M. G. (1989). Robust statistical modeling using
   the t distribution. JASA 84, 881-896. https://doi.org/10.1080/01621459.1989.10478852
.. [2] Juarez, M. A. & Steel, M. F. J. (2010). Model-based clustering of non-Gaussian panel data
   based on skew-t distributions. J. Bus. Econ. Stat. 28, 52-66.
   https://doi.org/10.1198/jbes.2009.07145
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import betaln, digamma

from bayesmix.families.family import Family
from bayesmix.families.gaussian import GAUSSIAN
from bayesmix.families.incomplete import beta_below
from bayesmix.families.own_variances import OF_STUDENT
from bayesmix.families.parameters import Parameter
from bayesmix.families.responses import REAL_NUMBERS
from bayesmix.families.scores import Scores, spread
from bayesmix.families.slopes import Slope
from bayesmix.families.supports import POSITIVE
from bayesmix.families.values import Rows, Values, slope_by_value, value_of_mu

__all__ = ["STUDENT"]

# Distances from the centre whose squares do not overflow.
_LARGEST = 1e150


def _log_constant(sigma: Any, nu: Any) -> Any:
    return -betaln(nu / 2, 0.5) - 0.5 * np.log(nu) - np.log(sigma)


def _density(y: Any, p: Values, rows: Rows) -> Any:
    sigma, nu = (np.asarray(p[name].value, dtype=np.float64) for name in ("sigma", "nu"))
    distance = np.abs(y - p["mu"].value) / (sigma * np.sqrt(nu))
    logs = 0.5 * np.log1p(np.minimum(distance, _LARGEST) ** 2)
    if np.max(distance, initial=0.0) > _LARGEST:
        logs += np.log(np.maximum(distance / _LARGEST, 1.0))
    return _log_constant(sigma, nu) - (nu + 1) * logs


def _random(rng: np.random.Generator, p: Values, rows: Rows) -> Any:
    mu = p["mu"].value
    return mu + p["sigma"].value * rng.standard_t(p["nu"].value, np.shape(mu))


def _cumulative(y: Any, p: Values, rows: Rows) -> Any:
    nu = p["nu"].value
    z = (y - p["mu"].value) / p["sigma"].value
    # Of the squared distance, as a share; far out one less it keeps the digits.
    ratio = np.square(np.minimum(np.abs(z), _LARGEST)) / nu
    tail = 0.5 * beta_below(0.5 * nu, 0.5, 1 / (1 + ratio), ratio / (1 + ratio))
    return np.where(z < 0, tail, 1 - tail)


def _pymc(p: Values, rows: Rows) -> tuple[str, dict[str, Any]]:
    return "StudentT", {name: value.value for name, value in p.items()}


def _slopes(y: Any, p: Values, rows: Rows) -> dict[str, Slope]:
    sigma, nu = (np.asarray(p[name].value, dtype=np.float64) for name in ("sigma", "nu"))
    z = np.clip((y - p["mu"].value) / sigma, -_LARGEST, _LARGEST)
    score = (nu + 1) / sigma * z / (nu + z**2)
    # That of a row far out is negative; this is what is expected of it.
    information = (nu + 1) / (nu + 3) / sigma**2
    return {"mu": Slope(score, np.broadcast_to(information, score.shape))}


def _tail(y: Any, p: Values) -> tuple[Any, Any]:
    """Compute squared distances in scales over ``nu``, and their share of themselves and one."""
    sigma, nu = (np.asarray(p[name].value, dtype=np.float64) for name in ("sigma", "nu"))
    square = np.minimum(np.abs(y - p["mu"].value) / (sigma * np.sqrt(nu)), _LARGEST) ** 2
    return square, square / (1 + square)


def _sigma_slope(y: Any, p: Values, rows: Rows) -> Slope:
    sigma, nu = (np.asarray(p[name].value, dtype=np.float64) for name in ("sigma", "nu"))
    _, share = _tail(y, p)
    information = 2 * nu / (nu + 3) / sigma**2
    return slope_by_value(p["sigma"], ((nu + 1) * share - 1) / sigma, information)


def _nu_slope(y: Any, p: Values, rows: Rows) -> Slope:
    nu = np.asarray(p["nu"].value, dtype=np.float64)
    square, share = _tail(y, p)
    score = digamma((nu + 1) / 2) - digamma(nu / 2) - 1 / nu
    score = 0.5 * (score + (nu + 1) / nu * share - np.log1p(square))
    return slope_by_value(p["nu"], score, score**2)


def _scores(y: Any, p: Values, rows: Rows) -> Scores:
    sigma, nu, eta = p["sigma"].value, p["nu"].value, p["mu"].eta
    n, ones = len(y), np.ones(len(y))
    # Distances from the centre as those of the Cauchy distribution.
    z = np.subtract(spread(y, eta.shape[1]), eta, out=eta)
    z /= sigma * np.sqrt(nu)
    np.clip(z, -_LARGEST, _LARGEST, out=z)
    square = z * z
    logs = ones @ np.log1p(square)
    square += 1
    score = np.divide(z, square, out=square)
    shares = np.einsum("nm,nm->m", z, score)
    score *= (nu + 1) / (sigma * np.sqrt(nu))
    by_sigma = ((nu + 1) * shares - n) / sigma
    by_nu = 0.5 * n * (digamma((nu + 1) / 2) - digamma(nu / 2) - 1 / nu)
    by_nu += 0.5 * ((nu + 1) / nu * shares - logs)
    total = n * _log_constant(sigma, nu) - 0.5 * (nu + 1) * logs
    return Scores(total, score, {"sigma": by_sigma, "nu": by_nu})


STUDENT = Family(
    name="student",
    parameters=(
        *GAUSSIAN.parameters,
        Parameter(
            "nu",
            POSITIVE,
            links=("log",),
            prior=lambda sizes: ("Gamma", {"alpha": 2.0, "beta": 0.1}),
        ),
    ),
    response=REAL_NUMBERS,
    density=_density,
    mean=value_of_mu,
    variance=OF_STUDENT.of,
    random=_random,
    pymc=_pymc,
    cumulative=_cumulative,
    closed_slopes=_slopes,
    further_slopes={"sigma": _sigma_slope, "nu": _nu_slope},
    closed_scores=_scores,
    own_variance=OF_STUDENT,
)
