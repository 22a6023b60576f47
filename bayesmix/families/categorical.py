"""Categories without an order, each compared with the first: multinomial logit.

``P(y = k) = exp(mu_k) / (1 + sum of exp(mu_j) over all categories but the first)``: each category
after the first has a linear predictor of its own, the log odds of that category over the first
[1]_ [2]_. They are called ``mu<category>``, as in brms's ``categorical``; R: ``nnet::multinom``.
Of two categories it is bernoulli with the logit link.

References
----------
.. [1] McFadden, D. (1974). Conditional logit analysis of qualitative choice behavior. In
   P. Zarembka (ed.), Frontiers in econometrics, 105-142. Academic Press.
.. [2] Hartzel, J., Agresti, A. & Caffo, B. (2001). Multinomial logit random effects models.
   Statistical Modelling 1, 81-102. https://doi.org/10.1177/1471082X0100100201
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import numpy as np

from bayesmix.base.arrays import FloatArray
from bayesmix.families.categories import (
    UNORDERED_CATEGORIES,
    cumulated,
    drawn_categories,
    log_softmax,
)
from bayesmix.families.family import Family
from bayesmix.families.parameters import Parameter
from bayesmix.families.scores import Scores
from bayesmix.families.slopes import Slope
from bayesmix.families.supports import UNIT
from bayesmix.families.values import Rows, Values

__all__ = ["CATEGORICAL"]


def _logs(p: Values) -> Any:
    """Compute the log probabilities, of arrays and of tensors; predictors in `p` are in order."""
    functions = next(iter(p.values())).functions
    etas = [value.eta[..., np.newaxis] for value in p.values()]
    nothing = sum(0.0 * eta for eta in etas)
    return log_softmax(functions.joined([nothing, *(nothing + eta for eta in etas)]), functions)


class _Odds(NamedTuple):
    """Odds over the most likely category: arrays as long as there are rows, one for each category.

    Attributes
    ----------
    etas, odds : list of ndarray
        Log odds over the first category, and odds over the most likely one, but for the first.
    top, first, sums : ndarray
        Log odds of the most likely category over the first, odds of the first, sums of all odds.
    """

    etas: list[FloatArray]
    odds: list[FloatArray]
    top: FloatArray
    first: FloatArray
    sums: FloatArray

    @classmethod
    def of(cls, p: Values) -> _Odds:
        etas = np.broadcast_arrays(*(value.eta for value in p.values()))
        top = np.maximum(etas[0], 0.0)
        for eta in etas[1:]:
            np.maximum(top, eta, out=top)
        odds, first = [np.exp(eta - top) for eta in etas], np.exp(-top)
        return cls(list(etas), odds, top, first, sum(odds, first))


def _density(y: Any, p: Values, rows: Rows) -> Any:
    of = _Odds.of(p)
    own = np.zeros_like(of.top)
    for k, eta in enumerate(of.etas, 1):
        own = np.where(y == k, eta, own)
    return own - of.top - np.log(of.sums)


def _mean(p: Values, rows: Rows) -> Any:
    of = _Odds.of(p)
    return np.stack([of.first, *of.odds], axis=-1) / of.sums[..., np.newaxis]


def _cumulative(y: Any, p: Values, rows: Rows) -> Any:
    """Cumulate in the order of the codes: what quantile residuals need, whatever it is."""
    return cumulated(y, _mean(p, rows))


def _random(rng: np.random.Generator, p: Values, rows: Rows) -> Any:
    return drawn_categories(rng, _mean(p, rows))


def _pymc(p: Values, rows: Rows) -> tuple[str, dict[str, Any]]:
    return "Categorical", {"logit_p": _logs(p)}


def _slopes(y: Any, p: Values, rows: Rows) -> dict[str, Slope]:
    of = _Odds.of(p)
    found = {}
    for k, (name, odds) in enumerate(zip(p, of.odds, strict=True), 1):
        own = odds / of.sums
        found[name] = Slope((y == k) - own, own * (1 - own))
    return found


def _scores(y: FloatArray, p: Values, rows: Rows) -> Scores:
    of = _Odds.of(p)
    total = -(of.top.sum(axis=0) + np.log(of.sums).sum(axis=0))
    minus = np.negative(of.sums, out=of.sums)
    for k, (eta, score) in enumerate(zip(of.etas, of.odds, strict=True), 1):
        own = np.flatnonzero(y == k)
        total += eta[own].sum(axis=0)
        score /= minus
        score[own] += 1.0
    first, *others = of.odds
    return Scores(total, first, dict(zip(list(p)[1:], others, strict=True)))


def _intercepts(y: FloatArray, n: int) -> FloatArray:
    """Return the log ratio of the frequency of each category to that of the first."""
    counts = np.maximum(np.bincount(y.astype(np.int64), minlength=n + 1), 0.5)
    return np.asarray(np.log(counts[1:] / counts[0]))


def _parameters(categories: tuple[str, ...]) -> tuple[Parameter, ...]:
    """Name a parameter after each category but the first: its letters and digits."""
    names: list[str] = []
    for place, category in enumerate(categories[1:], 2):
        stem = f"mu{re.sub(r'[\W_]', '', category) or place}"
        name, number = stem, 1
        while name in names:
            name, number = f"{stem}{number}", number + 1
        names.append(name)
    return tuple(_parameter(name) for name in names)


def _parameter(name: str) -> Parameter:
    return Parameter(name, UNIT, links=("logit",))


CATEGORICAL = Family(
    name="categorical",
    parameters=(_parameter("mu"),),
    response=UNORDERED_CATEGORIES,
    density=_density,
    mean=_mean,
    random=_random,
    pymc=_pymc,
    cumulative=_cumulative,
    closed_slopes=_slopes,
    closed_scores=_scores,
    scores_predictors=True,
    of_categories=_parameters,
    intercepts=_intercepts,
)
