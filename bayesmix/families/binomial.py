"""Successes out of a number of trials: the probability of a success."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import betaln, expit, log_ndtr

from bayesmix.base.arrays import FloatArray
from bayesmix.families.family import Family
from bayesmix.families.parameters import Parameter
from bayesmix.families.responses import TRIALS
from bayesmix.families.slopes import Slope
from bayesmix.families.supports import UNIT
from bayesmix.families.values import Rows, Value, Values

__all__ = ["BINOMIAL", "slope_of_trials"]

_LOG_SQRT_2PI = 0.5 * np.log(2 * np.pi)


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


def _random(rng: np.random.Generator, p: Values, rows: Rows) -> Any:
    return rng.binomial(np.asarray(rows.trials).astype(np.int64), p["mu"].value)


def _pymc(p: Values, rows: Rows) -> tuple[str, dict[str, Any]]:
    return "Binomial", {"n": rows.trials, "p": p["mu"].value}


def _slopes(y: Any, p: Values, rows: Rows) -> dict[str, Slope]:
    return {"mu": slope_of_trials(y, _trials(rows) - y, p["mu"])}


def slope_of_trials(successes: Any, failures: Any, probability: Value) -> Slope:
    """Differentiate by the linear predictor of the probability, all digits kept.

    Parameters
    ----------
    successes, failures : ndarray, shape (n,)
    probability : Value

    Returns
    -------
    Slope
    """
    eta = probability.eta
    if probability.link.name == "logit":
        p, complement = expit(eta), expit(-eta)
        score = successes * complement - failures * p
        return Slope(score, (successes + failures) * p * complement)
    if probability.link.name == "probit":
        log_density = -0.5 * eta**2 - _LOG_SQRT_2PI
        up = np.exp(log_density - log_ndtr(eta))
        down = np.exp(log_density - log_ndtr(-eta))
        information = successes * up * (up + eta) + failures * down * (down - eta)
        return Slope(successes * up - failures * down, information)
    raise NotImplementedError(f"no derivatives by the link {probability.link.name!r}")


BINOMIAL = Family(
    name="binomial",
    parameters=(Parameter("mu", UNIT, links=("logit", "probit")),),
    response=TRIALS,
    density=_density,
    mean=_mean,
    random=_random,
    pymc=_pymc,
    closed_slopes=_slopes,
)
