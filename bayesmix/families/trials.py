"""Derivatives of the log density of successes and failures, link by link."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import expit, exprel, log_ndtr

from bayesmix.base.arrays import FloatArray
from bayesmix.families.normal import LOG_SQRT_2PI
from bayesmix.families.scores import Scores, spread
from bayesmix.families.sides import SIDES, cauchy_slope
from bayesmix.families.slopes import Slope
from bayesmix.families.tails import LARGEST_EXPONENT
from bayesmix.families.values import Value

__all__ = ["scores_of_trials", "slope_of_trials"]

# Eight factors of 1 + exp(x) do not overflow up to this x.
_LARGEST_FACTOR = 80.0
# Of x / (exp(x) - 1) - 1 + x, the powers 2, 4, 6, 8 and 10 of x (Bernoulli numbers).
_SERIES = (1 / 12, -1 / 720, 1 / 30240, -1 / 1209600, 1 / 47900160)


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
    match probability.link.name:
        case "logit":
            p, complement = expit(eta), expit(-eta)
            score = successes * complement - failures * p
            return Slope(score, (successes + failures) * p * complement)
        case "probit":
            log_density = -0.5 * eta**2 - LOG_SQRT_2PI
            up = np.exp(log_density - log_ndtr(eta))
            down = np.exp(log_density - log_ndtr(-eta))
            information = successes * up * (up + eta) + failures * down * (down - eta)
        case "cloglog":
            down = np.exp(np.minimum(eta, LARGEST_EXPONENT))
            up = 1 / exprel(down)
            information = successes * up * _above_one(down, up) + failures * down
        case "cauchit":
            up, down = cauchy_slope(eta), cauchy_slope(-eta)
            bend = 2 / (1 + eta**2) * eta
            information = successes * up * (up + bend) + failures * down * (down - bend)
        case other:
            raise NotImplementedError(f"no derivatives by the link {other!r}")
    return Slope(successes * up - failures * down, information)


def _above_one(rate: FloatArray, up: FloatArray) -> FloatArray:
    """Compute up + rate - 1, where up is rate / (exp(rate) - 1), without cancellation."""
    small = np.minimum(rate, 0.5)
    series = 0.5 * small + small**2 * np.polynomial.polynomial.polyval(small**2, _SERIES)
    return np.where(rate < 0.5, series, up + rate - 1)


def scores_of_trials(successes: FloatArray, failures: FloatArray, probability: Value) -> Scores:
    """Sum the log density of rows in each chain, and differentiate it.

    Parameters
    ----------
    successes, failures : ndarray, shape (n,)
    probability : Value
        Chains last; the linear predictor may be overwritten.

    Returns
    -------
    Scores
    """
    if probability.link.name == "logit":
        return _logistic_scores(successes, failures, probability.eta)
    eta = probability.eta
    total, score = np.zeros(eta.shape[1]), np.zeros_like(eta)
    success, failure = SIDES[probability.link.name]
    for counts, side in ((successes, success), (failures, failure)):
        rows = counts > 0
        log, slope = side(eta[rows])
        total += counts[rows] @ log
        slope *= counts[rows, np.newaxis]
        score[rows] += slope
    return Scores(total, score, {})


def _logistic_scores(successes: FloatArray, failures: FloatArray, eta: FloatArray) -> Scores:
    if eta.max(initial=0.0) <= _LARGEST_FACTOR and (successes + failures == 1).all():
        return _single_logistic_scores(successes, eta)
    # Seen from the outcome that is rarer in a row, nothing cancels where the other is certain.
    turned = np.where(successes > failures, -1.0, 1.0)
    fewer, more = np.minimum(successes, failures), np.maximum(successes, failures)
    chains = eta.shape[1]
    eta *= spread(turned, chains)
    is_mixed, is_far = bool(fewer.any()), bool(eta.max(initial=0.0) > LARGEST_EXPONENT)
    total = fewer @ eta if is_mixed else np.zeros(eta.shape[1])
    if is_far:
        total -= (fewer + more) @ np.maximum(eta - LARGEST_EXPONENT, 0.0)
        np.minimum(eta, LARGEST_EXPONENT, out=eta)
    odds = np.exp(eta, out=eta)
    work = np.log1p(odds)
    total -= (fewer + more) @ work
    np.subtract(-1.0, odds, out=work)
    odds *= spread(turned * more, chains)
    if is_mixed:
        odds -= spread(turned * fewer, chains)
    odds /= work
    return Scores(total, odds, {})


def _single_logistic_scores(y: FloatArray, eta: FloatArray) -> Scores:
    """Rows of one trial each: a logarithm of products takes the place of one for each row."""
    total = y @ eta
    odds = np.exp(eta, out=eta)
    work = odds + 1.0
    total -= _sum_of_logs(work)
    odds /= work
    return Scores(total, np.subtract(spread(y, eta.shape[1]), odds, out=odds), {})


def _sum_of_logs(factors: FloatArray) -> FloatArray:
    """Sum over rows the logarithms of numbers of at most ``exp(_LARGEST_FACTOR) + 1``."""
    n = len(factors) // 8
    fours = factors[: 4 * n] * factors[4 * n : 8 * n]
    twos = fours[: 2 * n] * fours[2 * n :]
    ones = np.log(np.multiply(twos[:n], twos[n:], out=twos[:n]), out=twos[:n])
    return np.asarray(ones.sum(axis=0) + np.log(factors[8 * n :]).sum(axis=0))
