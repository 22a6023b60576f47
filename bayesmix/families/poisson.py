"""Counts: their mean."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import gammaincc, gammaln

from bayesmix.families.family import Family
from bayesmix.families.own_variances import OF_COUNTS
from bayesmix.families.parameters import Parameter
from bayesmix.families.responses import COUNTS
from bayesmix.families.scores import Scores, spread
from bayesmix.families.slopes import Slope
from bayesmix.families.sums import RowSums
from bayesmix.families.supports import POSITIVE
from bayesmix.families.values import Rows, Values, value_of_mu

__all__ = ["POISSON", "poisson_draws"]

_LARGEST_MEAN = 1e15
# Beyond it the information would overflow before a step can lead back.
_LARGEST_LOG_MEAN = 300.0


def _density(y: Any, p: Values, rows: Rows) -> Any:
    return y * p["mu"].log - p["mu"].value - gammaln(y + 1)


def _random(rng: np.random.Generator, p: Values, rows: Rows) -> Any:
    return poisson_draws(rng, p["mu"].value)


def poisson_draws(rng: np.random.Generator, mean: Any) -> Any:
    """Draw counts of any mean."""
    # Prior predictive means can pass what an int64 holds; there the mean stands for the draw,
    # whose relative sd is below 1e-7.
    drawn = rng.poisson(np.minimum(mean, _LARGEST_MEAN))
    return np.where(mean > _LARGEST_MEAN, np.round(mean), drawn)


def _cumulative(y: Any, p: Values, rows: Rows) -> Any:
    return gammaincc(y + 1, p["mu"].value)


def _pymc(p: Values, rows: Rows) -> tuple[str, dict[str, Any]]:
    return "Poisson", {"mu": p["mu"].value}


def _slopes(y: Any, p: Values, rows: Rows) -> dict[str, Slope]:
    mean = np.exp(np.minimum(p["mu"].log, _LARGEST_LOG_MEAN))
    return {"mu": Slope(y - mean, mean)}


def _scores(y: Any, p: Values, rows: Rows) -> Scores:
    eta = p["mu"].eta
    total = y @ eta
    if eta.max(initial=0.0) > _LARGEST_LOG_MEAN:
        np.minimum(eta, _LARGEST_LOG_MEAN, out=eta)
    mean = np.exp(eta, out=eta)
    total -= np.ones(len(y)) @ mean
    counts = spread(y, eta.shape[1])
    return Scores(total, np.subtract(counts, mean, out=mean), {})


POISSON = Family(
    name="poisson",
    parameters=(Parameter("mu", POSITIVE, links=("log",)),),
    response=COUNTS,
    density=_density,
    mean=value_of_mu,
    variance=value_of_mu,
    random=_random,
    pymc=_pymc,
    cumulative=_cumulative,
    closed_slopes=_slopes,
    closed_scores=_scores,
    sums=RowSums("poisson", has_exposures=True),
    own_variance=OF_COUNTS,
)
