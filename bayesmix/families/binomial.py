"""Successes out of a number of trials: the probability of a success."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import betaln

from bayesmix.base.arrays import FloatArray
from bayesmix.families.family import Family
from bayesmix.families.incomplete import beta_below
from bayesmix.families.own_variances import OF_LATENT
from bayesmix.families.parameters import Parameter
from bayesmix.families.responses import TRIALS
from bayesmix.families.scores import Scores
from bayesmix.families.slopes import Slope
from bayesmix.families.sums import RowSums
from bayesmix.families.supports import UNIT
from bayesmix.families.trials import scores_of_trials, slope_of_trials
from bayesmix.families.values import Rows, Values

__all__ = ["BINOMIAL"]


def _trials(rows: Rows) -> FloatArray:
    return np.asarray(rows.trials, dtype=np.float64)


def _density(y: Any, p: Values, rows: Rows) -> Any:
    failures = _trials(rows) - y
    log_ways = -betaln(1 + failures, 1 + y) - np.log1p(failures + y)
    # Zero successes at log p = -inf contribute zero, not NaN.
    successes_part = y * np.where(y > 0, p["mu"].log, 0.0)
    failures_part = failures * np.where(failures > 0, p["mu"].complement.log, 0.0)
    return log_ways + successes_part + failures_part


def _mean(p: Values, rows: Rows) -> Any:
    return p["mu"].value * _trials(rows)


def _variance(p: Values, rows: Rows) -> Any:
    return _mean(p, rows) * p["mu"].complement.value


def _random(rng: np.random.Generator, p: Values, rows: Rows) -> Any:
    return rng.binomial(np.asarray(rows.trials).astype(np.int64), p["mu"].value)


def _cumulative(y: Any, p: Values, rows: Rows) -> Any:
    failures = _trials(rows) - y
    mu, complement = p["mu"].value, p["mu"].complement.value
    some = np.maximum(failures, 1.0)
    return np.where(failures < 1, 1.0, beta_below(some, y + 1, complement, mu))


def _pymc(p: Values, rows: Rows) -> tuple[str, dict[str, Any]]:
    return "Binomial", {"n": rows.trials, "p": p["mu"].value}


def _slopes(y: Any, p: Values, rows: Rows) -> dict[str, Slope]:
    return {"mu": slope_of_trials(y, _trials(rows) - y, p["mu"])}


def _scores(y: Any, p: Values, rows: Rows) -> Scores:
    return scores_of_trials(y, _trials(rows) - y, p["mu"])


BINOMIAL = Family(
    name="binomial",
    parameters=(Parameter("mu", UNIT, links=("logit", "probit", "cloglog", "cauchit")),),
    response=TRIALS,
    density=_density,
    mean=_mean,
    variance=_variance,
    random=_random,
    pymc=_pymc,
    cumulative=_cumulative,
    closed_slopes=_slopes,
    closed_scores=_scores,
    sums=RowSums("binomial"),
    own_variance=OF_LATENT,
)
