"""Success or failure: the probability of a success."""

from __future__ import annotations

from typing import Any

import numpy as np

from bayesmix.families.family import Family
from bayesmix.families.own_variances import OF_LATENT
from bayesmix.families.parameters import Parameter
from bayesmix.families.responses import BINARY
from bayesmix.families.scores import Scores
from bayesmix.families.slopes import Slope
from bayesmix.families.sums import RowSums
from bayesmix.families.supports import UNIT
from bayesmix.families.trials import scores_of_trials, slope_of_trials
from bayesmix.families.values import Rows, Values, value_of_mu

__all__ = ["BERNOULLI"]


def _density(y: Any, p: Values, rows: Rows) -> Any:
    return p["mu"].log_where(y == 1)


def _variance(p: Values, rows: Rows) -> Any:
    return p["mu"].value * p["mu"].complement.value


def _random(rng: np.random.Generator, p: Values, rows: Rows) -> Any:
    mean = p["mu"].value
    return rng.random(np.shape(mean)) < mean


def _cumulative(y: Any, p: Values, rows: Rows) -> Any:
    return np.where(y < 1, p["mu"].complement.value, 1.0)


def _pymc(p: Values, rows: Rows) -> tuple[str, dict[str, Any]]:
    return "Bernoulli", {"p": p["mu"].value}


def _slopes(y: Any, p: Values, rows: Rows) -> dict[str, Slope]:
    return {"mu": slope_of_trials(y, 1.0 - y, p["mu"])}


def _scores(y: Any, p: Values, rows: Rows) -> Scores:
    return scores_of_trials(y, 1.0 - y, p["mu"])


BERNOULLI = Family(
    name="bernoulli",
    parameters=(Parameter("mu", UNIT, links=("logit", "probit", "cloglog", "cauchit")),),
    response=BINARY,
    density=_density,
    mean=value_of_mu,
    variance=_variance,
    random=_random,
    pymc=_pymc,
    cumulative=_cumulative,
    closed_slopes=_slopes,
    closed_scores=_scores,
    sums=RowSums("binomial"),
    own_variance=OF_LATENT,
)
