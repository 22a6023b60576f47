"""Ordered categories, each compared with the next one: the adjacent category model.

``P(y = k + 1 | y is k or k + 1) = F(mu - cutpoint[k])``, F being the inverse of the link. With
logit the odds of a category over the one before are ``exp(mu - cutpoint[k])``: the partial credit
model of item response theory [1]_ [2]_. With other links the probabilities are brms's, which are
proportional to the product of F over the thresholds below and of 1 - F over those above, and
adjacent categories then have these odds, too. A positive effect makes higher categories more
likely.

References
----------
.. [1] Masters, G. N. (1982). A Rasch model for partial credit scoring. Psychometrika 47, 149-174.
   https://doi.org/10.1007/BF02296272
.. [2] Bürkner, P.-C. & Vuorre, M. (2019). Ordinal regression models in psychology: a tutorial.
   Advances in Methods and Practices in Psychological Science 2, 77-101.
   https://doi.org/10.1177/2515245918823199
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from bayesmix.base.arrays import FloatArray
from bayesmix.families.categories import log_softmax
from bayesmix.families.ordinal import Ordinal, Sorted
from bayesmix.families.partials import Partials
from bayesmix.families.sides import ODDS
from bayesmix.families.supports import REAL
from bayesmix.families.values import Value

__all__ = ["ACAT"]


def _odds(distances: Value) -> Any:
    """Compute the log odds of the category above each threshold over the one below."""
    up = replace(distances, eta=-distances.eta)
    return up.eta if distances.link.name == "logit" else up.log - up.complement.log


def _logs(distances: Value) -> Any:
    of = distances.functions
    odds = _odds(distances)
    return log_softmax(of.joined([0 * odds[..., :1], of.cumsum(odds)]), of)


def _partials(distances: Value) -> Partials:
    _, step = ODDS[distances.link.name](-distances.eta)
    probabilities = np.exp(_logs(distances))
    up = step * np.cumsum(probabilities[..., ::-1], axis=-1)[..., -2::-1]
    down = -step * np.cumsum(probabilities, axis=-1)[..., :-1]
    return Partials(below=up, above=down, lower=up, higher=down)


def _log(at: Callable[[int], Value], k: int, n: int) -> Any:
    heights = list(itertools.accumulate((_odds(at(j)) for j in range(n)), initial=np.zeros(1)))
    top = functools.reduce(np.maximum, heights)
    return heights[k] - top - np.log(sum(np.exp(height - top) for height in heights))


def _scores(rows: Sorted, link: str) -> tuple[FloatArray, FloatArray]:
    eta, starts, every = rows.eta, rows.starts, slice(None)
    heights = np.zeros((len(rows.thresholds) + 1, *eta.shape))
    steps = []
    for k in range(len(rows.thresholds)):
        odds, slope = ODDS[link](eta - rows.threshold(k, every))
        steps.append(slope)
        np.add(heights[k], odds, out=heights[k + 1])
    total = np.zeros(eta.shape[1])
    for k, own in rows.categories():
        total += heights[k, own].sum(axis=0)
    top = heights.max(axis=0)
    heights -= top
    np.exp(heights, out=heights)
    sums = heights.sum(axis=0)
    total -= (top + np.log(sums)).sum(axis=0)
    score, above = np.zeros_like(eta), np.zeros_like(eta)
    for k in reversed(range(len(rows.thresholds))):
        above += heights[k + 1]
        # Whether a row is above the threshold, less the probability of that.
        own = np.divide(above, -sums)
        own[starts[k + 1] :] += 1
        own *= steps[k]
        rows.add(k, every, -own)
        score += own
    return total, score


ACAT = Ordinal("acat", REAL, _logs, _partials, _scores, _log).family
