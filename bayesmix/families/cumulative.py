"""Ordered categories as intervals of a latent scale, between thresholds.

``P(y <= k) = F(cutpoint[k] - mu)``, F being the inverse of the link: with logit the proportional
odds model, with probit a latent normal variable, with cloglog proportional hazards [1]_ [2]_. A
positive effect makes higher categories more likely. R: ``ordinal::clm``, brms's ``cumulative``.

References
----------
.. [1] McCullagh, P. (1980). Regression models for ordinal data. Journal of the Royal Statistical
   Society B 42, 109-142. https://doi.org/10.1111/j.2517-6161.1980.tb01109.x
.. [2] Bürkner, P.-C. & Vuorre, M. (2019). Ordinal regression models in psychology: a tutorial.
   Advances in Methods and Practices in Psychological Science 2, 77-101.
   https://doi.org/10.1177/2515245918823199
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from bayesmix.base.arrays import FloatArray
from bayesmix.families.intervals import INTERVALS, log_interval
from bayesmix.families.ordinal import Ordinal, Sorted
from bayesmix.families.own_variances import OF_LATENT
from bayesmix.families.partials import Partials
from bayesmix.families.sides import SIDES
from bayesmix.families.supports import ORDERED
from bayesmix.families.values import Value

__all__ = ["CUMULATIVE"]


def _logs(distances: Value) -> Any:
    eta = distances.eta
    first, last = (replace(distances, eta=eta[..., one]) for one in (slice(1), slice(-1, None)))
    of = distances.functions
    between = log_interval(eta[..., :-1], eta[..., 1:], distances.link.name, of)
    return of.joined([first.log, between, last.complement.log])


def _log(at: Callable[[int], Value], k: int, n: int) -> Any:
    if k == 0:
        return at(0).log
    if k == n:
        return at(n - 1).complement.log
    lower, upper = at(k - 1), at(k)
    return log_interval(lower.eta, upper.eta, lower.link.name, lower.functions)


def _partials(distances: Value) -> Partials:
    eta, link = distances.eta, distances.link.name
    below, above = SIDES[link]
    lower, upper = eta[..., :-1], eta[..., 1:]
    _, by_lower, by_upper = INTERVALS[link](lower, upper, upper - lower)
    nothing = np.zeros_like(eta)
    return Partials(
        below=np.concatenate([below(eta[..., :1])[1], by_upper], axis=-1),
        above=np.concatenate([by_lower, above(eta[..., -1:])[1]], axis=-1),
        lower=nothing,
        higher=nothing,
    )


def _scores(rows: Sorted, link: str) -> tuple[FloatArray, FloatArray]:
    below, above = SIDES[link]
    total, score = np.zeros(rows.eta.shape[1]), np.empty_like(rows.eta)
    for k, own in rows.categories():
        eta = rows.eta[own]
        if 0 < k < len(rows.thresholds):
            lower, upper = rows.threshold(k - 1, own), rows.threshold(k, own)
            ends = lower - eta, upper - eta, upper - lower
            log, by_lower, by_upper = INTERVALS[link](*ends)
            rows.add(k - 1, own, by_lower)
            rows.add(k, own, by_upper)
            np.negative(by_lower + by_upper, out=score[own])
        else:
            edge = min(k, len(rows.thresholds) - 1)
            log, slope = (below if k == 0 else above)(rows.threshold(edge, own) - eta)
            rows.add(edge, own, slope)
            np.negative(slope, out=score[own])
        total += log.sum(axis=0)
    return total, score


CUMULATIVE = replace(
    Ordinal("cumulative", ORDERED, _logs, _partials, _scores, _log).family,
    own_variance=OF_LATENT,
)
