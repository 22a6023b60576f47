"""Counts as clusters whose number is of the Poisson distribution: whether there is one, and draws.

The Poisson distribution has clusters of one, the negative binomial those of the logarithmic series
(Quenouille 1949, https://doi.org/10.2307/3001925). So there is no count where there is no cluster,
and counts above zero are a first cluster and, beside it, fewer counts of the same kind.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from scipy.special import gammainc

from bayesmix.families.family import Family
from bayesmix.families.negbinomial import NEGBINOMIAL, negbinomial_above
from bayesmix.families.poisson import POISSON
from bayesmix.families.tails import LARGEST_EXPONENT
from bayesmix.families.values import Rows, Value, Values

__all__ = ["NEGBINOMIAL_CLUSTERS", "POISSON_CLUSTERS", "Clusters", "Expected"]

_LARGEST_SHARE = np.nextafter(1.0, 0.0)


class Expected(NamedTuple):
    """The expected number of clusters.

    Attributes
    ----------
    number : ndarray
        Minus the logarithm of the probability of no count.
    log : ndarray
        Its logarithm, without bound below.
    slope : ndarray
        Its derivative by the linear predictor. It is the information of a count on it, too.
    auxiliary : mapping of str to ndarray
        Its derivative by each auxiliary parameter, on the scale of the parameter.
    """

    number: Any
    log: Any
    slope: Any
    auxiliary: Mapping[str, Any]

    @property
    def log_some(self) -> Any:
        """Logarithm of the probability that there is a cluster."""
        return np.minimum(self.log, LARGEST_EXPONENT) + np.log(self._some / self.number)

    @property
    def odds_of_none(self) -> Any:
        """Probability of no cluster over that of some."""
        return np.exp(-self.number) / self._some

    @property
    def _some(self) -> Any:
        return -np.expm1(-self.number)


@dataclass(frozen=True)
class Clusters:
    """A distribution of counts, and its clusters.

    Attributes
    ----------
    family : Family
        That of the counts.
    expected : callable
        Values -> `Expected`.
    first : callable
        Generator and values -> the size of one cluster.
    fewer : callable
        Values and a share -> values of the counts of that share of the clusters.
    above : callable
        Counts and values -> probability of more.
    """

    family: Family
    expected: Callable[[Values], Expected]
    first: Callable[[np.random.Generator, Values], Any]
    fewer: Callable[[Values, Any], Values]
    above: Callable[[Any, Values], Any]

    def draw_some(self, rng: np.random.Generator, p: Values, rows: Rows) -> Any:
        """Draw counts above zero."""
        number = self.expected(p).number
        # When the first of the clusters comes, of those in a unit of time: the rest come later.
        later = 1 + np.log1p(rng.random(number.shape) * np.expm1(-number)) / number
        rest = self.fewer(p, np.clip(later, 0.0, 1.0))
        return self.first(rng, p) + self.family.random(rng, rest, rows)


def _bounded(log: Any) -> Any:
    return np.clip(log, -LARGEST_EXPONENT, LARGEST_EXPONENT)


def _less(mean: Value, share: Any) -> Value:
    return replace(mean, eta=mean.eta + np.log(np.maximum(share, np.finfo(float).tiny)))


def _poisson_expected(p: Values) -> Expected:
    log = p["mu"].log
    number = np.exp(_bounded(log))
    return Expected(number, log, number, {})


def _negbinomial_expected(p: Values) -> Expected:
    log, shape = p["mu"].log, p["shape"].value
    far = log - np.log(shape)
    odds = np.exp(_bounded(far))
    each = np.log1p(odds)
    share = odds / (1 + odds)
    log_number = np.where(far < -LARGEST_EXPONENT, log, np.log(each) + np.log(shape))
    return Expected(shape * each, log_number, shape * share, {"shape": each - share})


def _logarithmic(rng: np.random.Generator, p: Values) -> Any:
    odds = np.exp(_bounded(p["mu"].log - p["shape"].log))
    return rng.logseries(np.minimum(odds / (1 + odds), _LARGEST_SHARE))


def _fewer_gammas(p: Values, share: Any) -> Values:
    shape = replace(p["shape"], eta=np.maximum(p["shape"].value * share, np.finfo(float).tiny))
    return {**p, "mu": _less(p["mu"], share), "shape": shape}


POISSON_CLUSTERS = Clusters(
    POISSON,
    _poisson_expected,
    first=lambda rng, p: np.ones(np.shape(p["mu"].eta)),
    fewer=lambda p, share: {**p, "mu": _less(p["mu"], share)},
    above=lambda y, p: gammainc(y + 1, p["mu"].value),
)
NEGBINOMIAL_CLUSTERS = Clusters(
    NEGBINOMIAL,
    _negbinomial_expected,
    first=_logarithmic,
    fewer=_fewer_gammas,
    above=negbinomial_above,
)
