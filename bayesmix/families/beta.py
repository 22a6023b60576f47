"""Shares between 0 and 1: the beta distribution.

``mu`` is the mean and ``phi`` the precision, as in brms
(https://paulbuerkner.com/brms/articles/brms_families.html): the shapes are ``mu phi`` and
``(1 - mu) phi``, and the variance is ``mu (1 - mu) / (1 + phi)`` [1]_.

Default prior: ``phi`` half-Student-t with 3 degrees of freedom and scale 20. It has 95 % of its
mass below 64, where a share of a half has an sd of 0.06, and leaves it to the data to say that
rows vary less; a Gamma(0.01, 0.01) would have most of its mass next to 0.

References
----------
.. [1] Ferrari, S. & Cribari-Neto, F. (2004). Beta regression for modelling rates and proportions.
   J. Appl. Stat. 31, 799-815. https://doi.org/10.1080/0266476042000214501
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import digamma, gammaln

from bayesmix.families.family import Family
from bayesmix.families.incomplete import beta_below
from bayesmix.families.measures import SHARES
from bayesmix.families.parameters import Parameter
from bayesmix.families.scores import Scores, add_by_value, short_blocks, spread, taken
from bayesmix.families.sides import SIDES
from bayesmix.families.slopes import Slope
from bayesmix.families.stirling import (
    log_gamma_above_one,
    log_power_over_gamma,
    trigamma_above_one,
)
from bayesmix.families.supports import POSITIVE, UNIT
from bayesmix.families.values import Rows, Values, slope_by_value, value_of_mu

__all__ = ["BETA"]

# Logarithms of shapes that are 0 in double precision and whose products with 0 are 0.
_SMALLEST_LOG = -1e300
# From here on its series is better than differences.
_LARGE = 1000.0
_SMALLEST, _LARGEST = np.finfo(float).tiny, 1 - np.finfo(float).epsneg


def _density(y: Any, p: Values, rows: Rows) -> Any:
    phi = p["phi"].value
    total = -log_power_over_gamma(phi)
    for log_y, share in ((np.log(y), p["mu"].log), (np.log1p(-y), p["mu"].complement.log)):
        log_share = np.maximum(share, _SMALLEST_LOG)
        shape = np.exp(log_share) * phi
        total = total + _log_power_over_gamma(shape, log_share + np.log(phi))
        total = total + shape * (log_y - log_share) - log_y
    return total


def _log_power_over_gamma(x: Any, log_x: Any) -> Any:
    """Compute it with a logarithm that is finite where x rounds to 0."""
    below = x * log_x - x - gammaln(1 + x) + log_x
    if np.max(x, initial=0.0) < _LARGE:
        return below
    return np.where(np.less(x, _LARGE), below, log_power_over_gamma(np.maximum(x, _LARGE)))


def _shapes(p: Values) -> tuple[Any, Any]:
    return p["mu"].value * p["phi"].value, p["mu"].complement.value * p["phi"].value


def _variance(p: Values, rows: Rows) -> Any:
    return p["mu"].value * p["mu"].complement.value / (1 + p["phi"].value)


def _random(rng: np.random.Generator, p: Values, rows: Rows) -> Any:
    # Shares that round to 0 or 1 stay inside.
    first, second = (np.maximum(shape, _SMALLEST) for shape in _shapes(p))
    return np.clip(rng.beta(first, second), _SMALLEST, _LARGEST)


def _cumulative(y: Any, p: Values, rows: Rows) -> Any:
    first, second = (np.maximum(shape, _SMALLEST) for shape in _shapes(p))
    return beta_below(first, second, y, 1 - np.asarray(y))


def _pymc(p: Values, rows: Rows) -> tuple[str, dict[str, Any]]:
    first, second = _shapes(p)
    return "Beta", {"alpha": first, "beta": second}


def _slopes(y: Any, p: Values, rows: Rows) -> dict[str, Slope]:
    eta, phi = p["mu"].eta, np.asarray(p["phi"].value, dtype=np.float64)
    score = information = np.zeros(())
    for log_y, side in zip((np.log(y), np.log1p(-y)), SIDES[p["mu"].link.name], strict=True):
        log_share, slope = side(eta)
        shape = np.exp(log_share) * phi
        _, own = log_gamma_above_one(shape)
        score = score + slope * (1 + shape * (log_y - own + digamma(phi)))
        # The expected information, of shape^2 polygamma(1, shape).
        information = information + slope**2 * (1 + shape**2 * trigamma_above_one(shape))
    return {"mu": Slope(score, information)}


def _phi_slope(y: Any, p: Values, rows: Rows) -> Slope:
    phi = np.asarray(p["phi"].value, dtype=np.float64)
    score = digamma(phi)
    for log_y, share in ((np.log(y), p["mu"]), (np.log1p(-y), p["mu"].complement)):
        shape = np.maximum(share.value * phi, _SMALLEST)
        _, own = log_gamma_above_one(shape)
        # The derivative of the logarithm of the gamma function, times the share.
        score = score + share.value * (log_y - own) + 1 / phi
    return slope_by_value(p["phi"], score, score**2)


def _scores(y: Any, p: Values, rows: Rows) -> Scores:
    eta = p["mu"].eta
    total, by_phi = np.zeros(eta.shape[1]), np.zeros_like(p["phi"].eta)
    logs = np.log(y), np.log1p(-y)
    for block in short_blocks(*eta.shape):
        taken_rows = taken(p, block)
        at, phi, log_phi = taken_rows["mu"].eta, taken_rows["phi"].value, taken_rows["phi"].log
        log_gamma, center = log_gamma_above_one(phi)
        center -= 1 / phi
        total += np.broadcast_to(log_gamma - log_phi, at.shape).sum(axis=0)
        score, by_log_shapes = np.zeros_like(at), np.zeros_like(at)
        for log_y, side in zip(logs, SIDES[p["mu"].link.name], strict=True):
            log_shape, slope = side(at)
            log_shape = np.maximum(log_shape, _SMALLEST_LOG) + log_phi
            shape = np.exp(log_shape)
            log_gamma, own = log_gamma_above_one(shape)
            log_gamma -= log_shape
            total += log_y[block] @ shape - log_gamma.sum(axis=0)
            # The derivative by the logarithm of the shape.
            own -= spread(log_y[block], at.shape[1])
            own *= shape
            own -= 1
            by_log_shapes += own
            own -= np.multiply(shape, center, out=shape)
            own *= slope
            score -= own
        add_by_value(by_phi, block, taken_rows["phi"], center - by_log_shapes / phi)
        eta[block] = score
    return Scores(total, eta, {"phi": by_phi})


BETA = Family(
    name="beta",
    parameters=(
        Parameter("mu", UNIT, links=("logit", "probit", "cloglog", "cauchit")),
        Parameter(
            "phi",
            POSITIVE,
            links=("log",),
            prior=lambda sizes: ("HalfStudentT", {"nu": 3.0, "sigma": 20.0}),
        ),
    ),
    response=SHARES,
    density=_density,
    mean=value_of_mu,
    variance=_variance,
    random=_random,
    pymc=_pymc,
    cumulative=_cumulative,
    closed_slopes=_slopes,
    further_slopes={"phi": _phi_slope},
    closed_scores=_scores,
    scores_predictors=True,
)
