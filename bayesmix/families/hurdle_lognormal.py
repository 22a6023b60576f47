"""Zeros with a probability, and otherwise positive numbers whose logarithm is normal.

A response is zero with probability ``hu``. Otherwise its logarithm is normal with mean ``mu`` and
sd ``sigma``, so that the mean response is ``(1 - hu) exp(mu + sigma^2 / 2)``. Zeros say nothing of
``mu``: default priors are those of a normal model of the logarithms of the rows above zero, and
that of ``hu`` is brms's, Beta(1, 1).

References
----------
Bürkner, Parameterization of response distributions in brms,
https://paulbuerkner.com/brms/articles/brms_families.html
"""

from __future__ import annotations

from typing import Any

import numpy as np

from bayesmix.families.family import Family
from bayesmix.families.lognormal import LOGNORMAL
from bayesmix.families.measures import ZERO_OR_POSITIVE
from bayesmix.families.scores import Scores
from bayesmix.families.slopes import Slope
from bayesmix.families.values import Rows, Values
from bayesmix.families.zeros import chance_of_zero

__all__ = ["HURDLE_LOGNORMAL"]


def _positive(y: Any) -> Any:
    """Put one in the place of zeros, so that logarithms are finite."""
    return np.where(y > 0, y, 1.0)


def _density(y: Any, p: Values, rows: Rows) -> Any:
    some = p["hu"].complement.log + LOGNORMAL.density(_positive(y), p, rows)
    return np.where(y > 0, some, p["hu"].log)


def _mean(p: Values, rows: Rows) -> Any:
    return p["hu"].complement.value * LOGNORMAL.mean(p, rows)


def _variance(p: Values, rows: Rows) -> Any:
    assert LOGNORMAL.variance is not None
    mean, some = LOGNORMAL.mean(p, rows), p["hu"].complement.value
    return some * (LOGNORMAL.variance(p, rows) + p["hu"].value * np.square(mean))


def _random(rng: np.random.Generator, p: Values, rows: Rows) -> Any:
    drawn = LOGNORMAL.random(rng, p, rows)
    return np.where(rng.random(np.shape(drawn)) < p["hu"].value, 0.0, drawn)


def _cumulative(y: Any, p: Values, rows: Rows) -> Any:
    assert LOGNORMAL.cumulative is not None
    return p["hu"].value + p["hu"].complement.value * LOGNORMAL.cumulative(y, p, rows)


def _pymc(p: Values, rows: Rows) -> tuple[str, dict[str, Any]]:
    _, arguments = LOGNORMAL.pymc(p, rows)
    # PyMC has the probability of the positive numbers.
    return "HurdleLogNormal", {"psi": p["hu"].complement.value, **arguments}


def _slopes(y: Any, p: Values, rows: Rows) -> dict[str, Slope]:
    slope = LOGNORMAL.slopes(_positive(y), p, rows, "mu")["mu"]
    some = np.asarray(y) > 0
    return {
        "mu": Slope(np.where(some, slope.score, 0.0), np.where(some, slope.information, 0.0)),
    }


def _scores(y: Any, p: Values, rows: Rows) -> Scores:
    eta, hu, some = p["mu"].eta, p["hu"].value, y > 0
    n_none, n_some = np.count_nonzero(~some), np.count_nonzero(some)
    positive = LOGNORMAL.scores(y[some], eta[some], {"sigma": p["sigma"].value}, Rows())
    total = positive.total + n_none * np.log(hu) + n_some * np.log1p(-hu)
    score = np.zeros_like(eta)
    score[some] = positive.score
    return Scores(total, score, {**positive.auxiliary, "hu": n_none / hu - n_some / (1 - hu)})


HURDLE_LOGNORMAL = Family(
    name="hurdle_lognormal",
    parameters=(*LOGNORMAL.parameters, chance_of_zero("hu", "all")),
    response=ZERO_OR_POSITIVE,
    density=_density,
    mean=_mean,
    variance=_variance,
    random=_random,
    pymc=_pymc,
    cumulative=_cumulative,
    closed_slopes=_slopes,
    closed_scores=_scores,
    response_link="log",
)
