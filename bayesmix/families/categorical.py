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
from typing import Any

import numpy as np

from bayesmix.base.arrays import FloatArray
from bayesmix.families.categories import (
    UNORDERED_CATEGORIES,
    drawn_categories,
    log_softmax,
    of_categories,
)
from bayesmix.families.family import Family
from bayesmix.families.parameters import Parameter
from bayesmix.families.scores import Scores
from bayesmix.families.slopes import Slope
from bayesmix.families.supports import UNIT
from bayesmix.families.values import Rows, Values

__all__ = ["CATEGORICAL"]


def _logs(p: Values) -> Any:
    """Compute the log probabilities; the linear predictors of `p` are in order."""
    functions = next(iter(p.values())).functions
    etas = [value.eta[..., np.newaxis] for value in p.values()]
    nothing = sum(0.0 * eta for eta in etas)
    return log_softmax(functions.joined([nothing, *(nothing + eta for eta in etas)]), functions)


def _density(y: Any, p: Values, rows: Rows) -> Any:
    return of_categories(y, _logs(p))


def _mean(p: Values, rows: Rows) -> Any:
    return np.exp(_logs(p))


def _random(rng: np.random.Generator, p: Values, rows: Rows) -> Any:
    return drawn_categories(rng, _mean(p, rows))


def _pymc(p: Values, rows: Rows) -> tuple[str, dict[str, Any]]:
    return "Categorical", {"logit_p": _logs(p)}


def _slopes(y: Any, p: Values, rows: Rows) -> dict[str, Slope]:
    probabilities = np.exp(_logs(p))
    found = {}
    for k, name in enumerate(p, 1):
        own = probabilities[..., k]
        found[name] = Slope((y == k) - own, own * (1 - own))
    return found


def _scores(y: FloatArray, p: Values, rows: Rows) -> Scores:
    etas = [np.asarray(value.eta) for value in p.values()]
    top = np.maximum(etas[0], 0.0)
    for eta in etas[1:]:
        np.maximum(top, eta, out=top)
    odds = [np.exp(eta - top) for eta in etas]
    sums = np.exp(-top)
    for one in odds:
        sums += one
    total = -(top.sum(axis=0) + np.log(sums).sum(axis=0))
    np.negative(sums, out=sums)
    for k, (eta, score) in enumerate(zip(etas, odds, strict=True), 1):
        own = np.flatnonzero(y == k)
        total += eta[own].sum(axis=0)
        score /= sums
        score[own] += 1.0
    first, *others = odds
    return Scores(total, first, dict(zip(list(p)[1:], others, strict=True)))


def _intercepts(y: FloatArray, n: int) -> FloatArray:
    """Return the log ratio of the frequency of each category to that of the first."""
    counts = np.maximum(np.bincount(y.astype(np.int64), minlength=n + 1), 0.5)
    return np.log(counts[1:] / counts[0])


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
    closed_slopes=_slopes,
    closed_scores=_scores,
    scores_predictors=True,
    of_categories=_parameters,
    intercepts=_intercepts,
)
