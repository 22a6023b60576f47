"""Counts that vary more than those of the Poisson distribution: their mean, and a shape.

The variance is ``mu + mu^2 / shape``: a Poisson distribution whose mean varies as a Gamma
distribution of this shape, brms's ``negbinomial`` and R's ``nbinom2``. The default prior of
``shape`` is brms's, InverseGamma(0.4, 0.3): it keeps the shape from 0 and leaves large ones, which
are the Poisson distribution, possible.

References
----------
Bürkner, Parameterization of response distributions in brms,
https://paulbuerkner.com/brms/articles/brms_families.html;
Hilbe (2011), Negative Binomial Regression, https://doi.org/10.1017/CBO9780511973420
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.special import expit, gammainc, gammaincc, gammaln

from bayesmix.base.arrays import FloatArray
from bayesmix.families.family import Family
from bayesmix.families.incomplete import beta_above, beta_below
from bayesmix.families.own_variances import OF_NEGBINOMIAL
from bayesmix.families.parameters import Parameter
from bayesmix.families.poisson import POISSON, poisson_draws
from bayesmix.families.responses import COUNTS
from bayesmix.families.rising import log_rising, rising, rising_rows
from bayesmix.families.scores import Scores, spread
from bayesmix.families.sides import SIDES
from bayesmix.families.slopes import Slope
from bayesmix.families.supports import POSITIVE
from bayesmix.families.tails import LARGEST_EXPONENT
from bayesmix.families.values import Rows, Values, slope_by_value, value_of_mu

__all__ = ["NEGBINOMIAL", "negbinomial_above"]

# Beyond it the rate of one draw could overflow.
_LARGEST_RATE = 1e300
# Beyond it not every count is a number of the machine.
_LARGEST_COUNT = 1e15


def _density(y: Any, p: Values, rows: Rows) -> Any:
    log_mean, shape = p["mu"].log, p["shape"]
    # A mean without bound and no counts at all have a rate, not a difference of two infinities.
    excess = np.logaddexp(0.0, log_mean - shape.log)
    ways = log_rising(y, shape.log) - gammaln(y + 1)
    return ways + y * log_mean - (y + shape.value) * excess


def _variance(p: Values, rows: Rows) -> Any:
    mean = p["mu"].value
    return mean + np.square(mean) / p["shape"].value


def _random(rng: np.random.Generator, p: Values, rows: Rows) -> Any:
    shape = p["shape"].value
    with np.errstate(over="ignore"):
        scale = np.minimum(p["mu"].value / shape, _LARGEST_RATE)
        return poisson_draws(rng, rng.gamma(shape, scale))


def _cumulative(y: Any, p: Values, rows: Rows) -> Any:
    return _share(y, p, beta_below, gammainc)


def negbinomial_above(y: Any, p: Values) -> Any:
    """Probability of more than y."""
    return _share(y, p, beta_above, gammaincc)


def _share(y: Any, p: Values, of_beta: Callable[..., Any], of_gamma: Callable[..., Any]) -> Any:
    shape, far = p["shape"].value, p["mu"].log - p["shape"].log
    found = of_beta(shape, np.minimum(y, _LARGEST_COUNT) + 1, expit(-far), expit(far))
    # There the Poisson distribution adds nothing to what its mean varies.
    is_large = np.greater(y, _LARGEST_COUNT)
    if not is_large.any():
        return found
    return np.where(is_large, of_gamma(shape, np.exp(np.log(y) - far)), found)


def _pymc(p: Values, rows: Rows) -> tuple[str, dict[str, Any]]:
    return "NegativeBinomial", {"mu": p["mu"].value, "alpha": p["shape"].value}


def _slopes(y: Any, p: Values, rows: Rows) -> dict[str, Slope]:
    shape, far = p["shape"].value, p["mu"].log - p["shape"].log
    share, complement = expit(far), expit(-far)
    return {"mu": Slope(y * complement - shape * share, (y + shape) * share * complement)}


def _shape_slope(y: Any, p: Values, rows: Rows) -> Slope:
    shape, log_shape = p["shape"].value, p["shape"].log
    far = p["mu"].log - log_shape
    # Of the ways by log(shape), less y; a count of zero has one way.
    _, ways = rising(np.maximum(y, 1.0), np.asarray(log_shape, dtype=np.float64))
    score = np.where(np.asarray(y) > 0, ways - y, 0.0) + (y + shape) * expit(far)
    score = score / shape - np.logaddexp(0.0, far)
    return slope_by_value(p["shape"], score, score**2)


def _scores(y: Any, p: Values, rows: Rows) -> Scores:
    if p["shape"].eta.ndim > 1:
        return _scores_of_shapes(y, p["mu"].log, p["shape"].log)
    eta, shape = p["mu"].eta, p["shape"].value
    counts, times = np.unique(y[y > 0], return_counts=True)
    log_ways, slope = rising(counts[:, np.newaxis], np.log(shape))
    total = times @ log_ways + y @ eta
    eta -= np.log(shape)
    each = np.stack([np.ones(len(y)), y])
    if eta.max(initial=0.0) > LARGEST_EXPONENT:
        rest, with_counts = each @ np.maximum(eta - LARGEST_EXPONENT, 0.0)
        total -= shape * rest + with_counts
        np.minimum(eta, LARGEST_EXPONENT, out=eta)
    odds = np.exp(eta, out=eta)
    excess = np.log1p(odds)
    rest, with_counts = each @ excess
    total -= shape * rest + with_counts
    # The share stays exact where it is small: a large shape leaves differences of such.
    complement = 1 / (1 + odds)
    share = np.multiply(odds, complement, out=odds)
    of_rows, of_counts = each @ share
    by_shape = (times @ slope - y.sum() + of_counts) / shape + of_rows - rest
    complement *= spread(y, eta.shape[1])
    share *= shape
    return Scores(total, np.subtract(complement, share, out=share), {"shape": by_shape})


def _scores_of_shapes(y: FloatArray, log_mean: FloatArray, log_shape: FloatArray) -> Scores:
    """Compute them where each row has a shape of its own."""
    shape, column = np.exp(log_shape), spread(y, log_mean.shape[1])
    minus_excess, minus_share = SIDES["logit"][1](log_mean - log_shape)
    both = column + shape
    total = y @ log_mean + np.einsum("nm,nm->m", both, minus_excess)
    by_shape = shape * minus_excess - both * minus_share
    order = np.argsort(-y, kind="stable")[: np.count_nonzero(y)]
    ways, slope = rising_rows(y[order], log_shape[order])
    by_shape[order] += slope - column[order]
    score = column * np.exp(minus_excess) + shape * minus_share
    return Scores(total + ways.sum(axis=0), score, {"shape": by_shape})


NEGBINOMIAL = Family(
    name="negbinomial",
    parameters=(
        *POISSON.parameters,
        Parameter(
            "shape",
            POSITIVE,
            links=("log",),
            prior=lambda sizes: ("InverseGamma", {"alpha": 0.4, "beta": 0.3}),
        ),
    ),
    response=COUNTS,
    density=_density,
    mean=value_of_mu,
    variance=_variance,
    random=_random,
    pymc=_pymc,
    cumulative=_cumulative,
    closed_slopes=_slopes,
    further_slopes={"shape": _shape_slope},
    closed_scores=_scores,
    scores_predictors=True,
    own_variance=OF_NEGBINOMIAL,
)
