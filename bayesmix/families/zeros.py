"""Zeros beside those of a distribution of counts, or in place of them, with a probability."""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from bayesmix.base.arrays import BoolArray, FloatArray
from bayesmix.families.clusters import Clusters, Expected
from bayesmix.families.family import Family
from bayesmix.families.parameters import Parameter
from bayesmix.families.scores import Scores, add_by_value, spread, taken
from bayesmix.families.sides import SIDES
from bayesmix.families.slopes import Slope
from bayesmix.families.supports import UNIT
from bayesmix.families.values import Rows, Value, Values, slope_by_value

__all__ = ["chance_of_zero", "hurdle", "zero_inflated"]

_SMALLEST = np.finfo(float).tiny


def chance_of_zero(name: str, zeros: str) -> Parameter:
    """Return the probability of a zero as a parameter, any share being as likely as another.

    `zeros` is as of `Parameter`.
    """
    return Parameter(
        name,
        UNIT,
        links=("logit",),
        prior=lambda sizes: ("Beta", {"alpha": 1.0, "beta": 1.0}),
        zeros=zeros,
    )


def zero_inflated(name: str, counts: Clusters) -> Family:
    """Return the family of counts that are zero for another reason with probability ``zi``."""
    zero = chance_of_zero("zi", "some")
    return _family(name, zero, "ZeroInflated", counts, _Inflated(counts))


def hurdle(name: str, counts: Clusters) -> Family:
    """Return the family of counts that are zero with probability ``hu``, above zero otherwise."""
    return _family(name, chance_of_zero("hu", "all"), "Hurdle", counts, _Hurdle(counts))


def _family(name: str, zero: Parameter, prefix: str, counts: Clusters, law: _Law) -> Family:
    def pymc(p: Values, rows: Rows) -> tuple[str, dict[str, Any]]:
        distribution, arguments = counts.family.pymc(p, rows)
        # PyMC has the probability of the counts.
        return prefix + distribution, {"psi": p[zero.name].complement.value, **arguments}

    own = counts.family.auxiliary
    return Family(
        name=name,
        parameters=(
            *counts.family.parameters,
            zero,
        ),
        response=counts.family.response,
        density=law.density,
        mean=law.mean,
        variance=law.variance,
        random=law.random,
        pymc=pymc,
        cumulative=law.cumulative,
        closed_slopes=law.slopes,
        further_slopes={
            zero.name: law.zero_slope,
            **{name: functools.partial(law.slope_of_counts, name) for name in own},
        },
        closed_scores=law.scores,
        scores_predictors=True,
    )


@dataclass(frozen=True)
class _Inflated:
    """Zeros of both kinds look the same: how likely each is, is a matter of odds."""

    counts: Clusters

    def density(self, y: Any, p: Values, rows: Rows) -> Any:
        zi, number = p["zi"], self.counts.expected(p).number
        none = np.logaddexp(zi.log, zi.complement.log - number)
        return np.where(y == 0, none, zi.complement.log + self.counts.family.density(y, p, rows))

    def mean(self, p: Values, rows: Rows) -> Any:
        return p["zi"].complement.value * self.counts.family.mean(p, rows)

    def variance(self, p: Values, rows: Rows) -> Any:
        of_counts = self.counts.family.variance
        assert of_counts is not None
        square = np.square(self.counts.family.mean(p, rows))
        return p["zi"].complement.value * (of_counts(p, rows) + p["zi"].value * square)

    def random(self, rng: np.random.Generator, p: Values, rows: Rows) -> Any:
        drawn = self.counts.family.random(rng, p, rows)
        return np.where(rng.random(np.shape(drawn)) < p["zi"].value, 0, drawn)

    def cumulative(self, y: Any, p: Values, rows: Rows) -> Any:
        of_counts = self.counts.family.cumulative
        assert of_counts is not None
        return p["zi"].value + p["zi"].complement.value * of_counts(y, p, rows)

    def slopes(self, y: Any, p: Values, rows: Rows) -> dict[str, Slope]:
        """Differentiate; the information is that which is expected of any count."""
        expected, of_counts = self.counts.expected(p), p["zi"].complement.value
        odds = _odds_of_counts(expected, p)
        score = np.where(y == 0, -expected.slope * odds / (1 + odds), self._of_counts(y, p, rows))
        lost = np.exp(-expected.number) * expected.slope / (1 + odds)
        return {"mu": Slope(score, of_counts * expected.slope * (1 - lost))}

    def zero_slope(self, y: Any, p: Values, rows: Rows) -> Slope:
        zi = p["zi"].value
        odds = _odds_of_counts(self.counts.expected(p), p)
        other = np.where(y == 0, 1 / (1 + odds), 0.0)
        # The probability of the other kind given the count, less that without it.
        score = (other - zi) / np.maximum(zi * p["zi"].complement.value, _SMALLEST)
        return slope_by_value(p["zi"], score, score**2)

    def slope_of_counts(self, name: str, y: Any, p: Values, rows: Rows) -> Slope:
        """Differentiate by another parameter of the counts."""
        expected = self.counts.expected(p)
        odds = _odds_of_counts(expected, p)
        positive = self.counts.family.slopes(y, p, rows, name)[name].score
        none = slope_by_value(p[name], expected.auxiliary[name], 0.0).score
        score = np.where(y == 0, -none * odds / (1 + odds), positive)
        return Slope(score, score**2)

    def _of_counts(self, y: Any, p: Values, rows: Rows) -> Any:
        return self.counts.family.slopes(y, p, rows, "mu")["mu"].score

    def scores(self, y: FloatArray, p: Values, rows: Rows) -> Scores:
        some, none = y > 0, y == 0
        of_none = taken(p, none)
        positive = _scores_of(self.counts, y, p, some)
        expected = self.counts.expected(of_none)
        odds = _odds_of_counts(expected, of_none)
        other = 1 / (1 + odds)
        chances, by_zi = _chances(p["zi"], none, other)
        total = positive.total + chances + np.log1p(odds).sum(axis=0)
        minus_share = np.multiply(odds, -other, out=odds)
        score = np.empty_like(p["mu"].eta)
        score[some], score[none] = positive.score, minus_share * expected.slope
        auxiliary = dict[str, FloatArray]()
        for name, by_value in expected.auxiliary.items():
            auxiliary[name] = _scattered(p[name], some, positive.auxiliary[name])
            add_by_value(auxiliary[name], none, of_none[name], minus_share * by_value)
        return Scores(total, score, {**auxiliary, "zi": by_zi})


@dataclass(frozen=True)
class _Hurdle:
    """All zeros are of one kind, and say nothing of the counts."""

    counts: Clusters

    def density(self, y: Any, p: Values, rows: Rows) -> Any:
        hu, log_some = p["hu"], self.counts.expected(p).log_some
        some = hu.complement.log + self.counts.family.density(y, p, rows) - log_some
        return np.where(y == 0, hu.log, some)

    def mean(self, p: Values, rows: Rows) -> Any:
        given_some = replace(p["mu"], eta=p["mu"].eta - self.counts.expected(p).log_some)
        return p["hu"].complement.value * self.counts.family.mean({**p, "mu": given_some}, rows)

    def variance(self, p: Values, rows: Rows) -> Any:
        of_counts, some = self.counts.family.variance, p["hu"].complement.value
        assert of_counts is not None
        mean = self.counts.family.mean(p, rows)
        given_some = np.exp(p["mu"].log - self.counts.expected(p).log_some)
        # Of counts above zero: the mean square, over the mean, is that of all counts.
        own = np.maximum(of_counts(p, rows) / mean + mean - given_some, 0.0)
        return some * given_some * (own + p["hu"].value * given_some)

    def random(self, rng: np.random.Generator, p: Values, rows: Rows) -> Any:
        drawn = self.counts.draw_some(rng, p, rows)
        return np.where(rng.random(np.shape(drawn)) < p["hu"].value, 0, drawn)

    def cumulative(self, y: Any, p: Values, rows: Rows) -> Any:
        of_counts = self.counts.family.cumulative
        assert of_counts is not None
        none = np.zeros(())
        some = self.counts.above(none, p)
        # A difference of small probabilities, or one less a ratio of such.
        below = (of_counts(y, p, rows) - of_counts(none, p, rows)) / some
        share = np.where(some > 0.5, below, 1 - self.counts.above(y, p) / some)
        # A mean so small that there is no cluster but the first.
        share = np.where(some > 0, share, np.where(y > 0, 1.0, 0.0))
        return p["hu"].value + p["hu"].complement.value * share

    def slopes(self, y: Any, p: Values, rows: Rows) -> dict[str, Slope]:
        """Differentiate; the information is that which is expected of a count above zero."""
        expected = self.counts.expected(p)
        given_some = expected.slope * expected.odds_of_none
        score = self.counts.family.slopes(y, p, rows, "mu")["mu"].score - given_some
        information = expected.slope * (1 - given_some) * (1 + expected.odds_of_none)
        some = np.asarray(y) > 0
        return {"mu": Slope(np.where(some, score, 0.0), np.where(some, information, 0.0))}

    def zero_slope(self, y: Any, p: Values, rows: Rows) -> Slope:
        hu, some = (np.maximum(one.value, _SMALLEST) for one in (p["hu"], p["hu"].complement))
        return slope_by_value(p["hu"], np.where(y == 0, 1 / hu, -1 / some), 1 / (hu * some))

    def slope_of_counts(self, name: str, y: Any, p: Values, rows: Rows) -> Slope:
        """Differentiate by another parameter of the counts."""
        expected = self.counts.expected(p)
        positive = self.counts.family.slopes(y, p, rows, name)[name].score
        given_some = slope_by_value(p[name], expected.auxiliary[name], 0.0).score
        some = positive - expected.odds_of_none * given_some
        score = np.where(np.asarray(y) > 0, some, 0.0)
        return Slope(score, score**2)

    def scores(self, y: FloatArray, p: Values, rows: Rows) -> Scores:
        some, none = y > 0, y == 0
        positive = _scores_of(self.counts, y, p, some)
        of_some = taken(p, some)
        expected = self.counts.expected(of_some)
        minus_odds = -expected.odds_of_none
        chances, by_hu = _chances(p["hu"], none, np.ones(()))
        total = positive.total + chances - expected.log_some.sum(axis=0)
        score = np.zeros_like(p["mu"].eta)
        score[some] = positive.score + minus_odds * expected.slope
        auxiliary = dict[str, FloatArray]()
        for name, by_value in expected.auxiliary.items():
            auxiliary[name] = _scattered(p[name], some, positive.auxiliary[name])
            add_by_value(auxiliary[name], some, of_some[name], minus_odds * by_value)
        return Scores(total, score, {**auxiliary, "hu": by_hu})


type _Law = _Inflated | _Hurdle


def _odds_of_counts(expected: Expected, p: Values) -> Any:
    """Odds that a zero is one of the counts."""
    zi = p["zi"]
    log_odds = -zi.eta if zi.link.name == "logit" else zi.complement.log - zi.log
    return np.exp(log_odds - expected.number)


def _scores_of(counts: Clusters, y: FloatArray, p: Values, some: BoolArray) -> Scores:
    """Return the scores of counts above zero."""
    assert counts.family.closed_scores is not None
    own = {name: p[name] for name in ("mu", *counts.family.auxiliary)}
    return counts.family.closed_scores(y[some], taken(own, some), Rows())


def _chances(zero: Value, none: BoolArray, other: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Sum the logarithms of the probability of a zero, or of none, over rows, and differentiate.

    `other` is the probability that a zero is no count, which the derivative goes by.
    """
    if zero.eta.ndim == 1:
        chance, n_none = zero.value, int(np.count_nonzero(none))
        zeros = np.broadcast_to(other, (n_none, len(chance))).sum(axis=0)
        total = n_none * np.log(chance) + (len(none) - n_none) * np.log1p(-chance)
        return total, np.asarray(zeros / chance - (len(none) - zeros) / (1 - chance))
    sign = spread(np.where(none, 1.0, -1.0), zero.eta.shape[1])
    log, score = SIDES["logit"][0](np.asarray(zero.eta * sign))
    score *= sign
    score[none] += other - 1.0
    return np.asarray(log.sum(axis=0)), score


def _scattered(value: Value, own: BoolArray, score: FloatArray) -> FloatArray:
    """Put derivatives by a parameter, of some of the rows, among those of all."""
    if value.eta.ndim == 1:
        return score
    every: FloatArray = np.zeros_like(value.eta)
    every[own] = score
    return every
