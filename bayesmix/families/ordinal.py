"""What families of ordered categories share: thresholds of a latent scale, sums over rows.

Categories are counted from 0, of K, and have K - 1 thresholds ``cutpoint``. A model says of each
category what its log probability is, given the distances of the thresholds from the linear
predictor; all else is here.

Default prior of the thresholds: Student's t with 3 degrees of freedom and scale 2.5 around 0, each,
with the columns of the population effects at their means, as brms has it [1]_ [2]_.

References
----------
.. [1] Bürkner, P.-C. & Vuorre, M. (2019). Ordinal regression models in psychology: a tutorial.
   Advances in Methods and Practices in Psychological Science 2, 77-101.
   https://doi.org/10.1177/2515245918823199
.. [2] Bürkner, P.-C. (2017). brms: an R package for Bayesian multilevel models using Stan. Journal
   of Statistical Software 80(1). https://doi.org/10.18637/jss.v080.i01
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from bayesmix.base.arrays import FloatArray
from bayesmix.families.categories import (
    ORDERED_CATEGORIES,
    cumulated,
    drawn_categories,
    of_categories,
)
from bayesmix.families.family import Family
from bayesmix.families.parameters import Parameter
from bayesmix.families.partials import Partials
from bayesmix.families.scores import Scores
from bayesmix.families.slopes import Slope
from bayesmix.families.supports import POSITIVE, REAL, Support
from bayesmix.families.thresholds import FLEXIBLE, specific_names
from bayesmix.families.values import Rows, Value, Values

__all__ = ["Ordinal", "Sorted", "sorted_rows"]

THRESHOLDS, DISCRIMINATION = "cutpoint", "disc"


@dataclass(frozen=True, eq=False)
class Sorted:
    """Rows in the order of their categories, and what is known of the slope by thresholds.

    Attributes
    ----------
    order : ndarray of int64, shape (n,)
    starts : ndarray of int64, shape (K + 1,)
        Where each category begins among the sorted rows, and where the last ends.
    eta : ndarray, shape (n, M)
        Linear predictor of the sorted rows.
    thresholds : ndarray, shape (K - 1, M) or (K - 1, n, M)
        Of all rows, or of each of the sorted rows.
    by_thresholds : ndarray, shape of `thresholds`
        Derivative of the log density by these, as far as it was added.
    """

    order: np.ndarray
    starts: np.ndarray
    eta: FloatArray
    thresholds: FloatArray
    by_thresholds: FloatArray

    def categories(self) -> Iterator[tuple[int, slice]]:
        """Yield the categories that occur, with their rows."""
        for k in range(len(self.starts) - 1):
            if self.starts[k] < self.starts[k + 1]:
                yield k, slice(self.starts[k], self.starts[k + 1])

    def threshold(self, k: int, own: slice) -> FloatArray:
        """Return a threshold, (M,), or that of each of some rows."""
        return self.thresholds[k] if self.thresholds.ndim == 2 else self.thresholds[k, own]

    def add(self, k: int, own: slice, slope: FloatArray) -> None:
        """Add the derivatives by a threshold of some rows."""
        if self.thresholds.ndim == 2:
            self.by_thresholds[k] += slope.sum(axis=0)
        else:
            self.by_thresholds[k, own] += slope

    def back(self, score: FloatArray) -> FloatArray:
        """Put rows into the order in which they came."""
        found = np.empty_like(score)
        found[self.order] = score
        return found


def sorted_rows(
    y: FloatArray, eta: FloatArray, thresholds: FloatArray, disc: FloatArray | None = None
) -> Sorted:
    """Sort rows by their category, those of a category as they came.

    Thresholds are those of all rows, (K - 1, M), or of each, (K - 1, n, M). Where distances are
    multiplied by `disc`, (n, M), the linear predictor and the thresholds are.
    """
    codes = y.astype(np.int64)
    order = np.argsort(codes, kind="stable")
    counts = np.bincount(codes, minlength=len(thresholds) + 1)
    eta = eta[order]
    if thresholds.ndim == 3:
        thresholds = thresholds[:, order]
    if disc is not None:
        disc = disc[order]
        every = thresholds if thresholds.ndim == 3 else thresholds[:, np.newaxis]
        eta, thresholds = eta * disc, every * disc
    starts = np.concatenate([[0], np.cumsum(counts)])
    return Sorted(order, starts, eta, thresholds, np.zeros_like(thresholds))


@dataclass(frozen=True)
class Ordinal:
    """A model of the probabilities of ordered categories.

    Attributes
    ----------
    name : str
    support : Support
        Of the thresholds.
    logs : callable
        Distances of the thresholds from the linear predictor (..., K - 1), with their link -> log
        probabilities (..., K); of arrays and of tensors.
    partials : callable
        The same -> derivatives of these by each distance, of arrays.
    scores : callable
        Rows that are sorted, the link -> log density summed over rows (M,), and its derivative by
        the linear predictor of the sorted rows; that by thresholds is added to the rows.
    log : callable, optional
        A function that gives the distance of a threshold by its place, the place of a category, and
        K - 1 -> log probability of that category, where not all distances are needed for it.
    links : tuple of str
    """

    name: str
    support: Support
    logs: Callable[[Value], Any]
    partials: Callable[[Value], Partials]
    scores: Callable[[Sorted, str], tuple[FloatArray, FloatArray]]
    log: Callable[[Callable[[int], Value], int, int], Any] | None = None
    links: tuple[str, ...] = ("logit", "probit", "cloglog", "cauchit")

    @property
    def takes_specific(self) -> bool:
        """Whether effects may differ between thresholds: not where these have to stay in order."""
        return not self.support.is_ordered

    @property
    def family(self) -> Family:
        """The family of the model."""
        return Family(
            name=self.name,
            parameters=(
                Parameter("mu", REAL, links=self.links),
                Parameter(
                    THRESHOLDS,
                    self.support,
                    prior=lambda sizes: ("StudentT", {"nu": 3.0, "mu": 0.0, "sigma": 2.5}),
                    length=lambda sizes: sizes.categories - 1,
                    is_threshold=True,
                ),
                Parameter(DISCRIMINATION, POSITIVE, links=("log",), fixed=1.0, step=0.4),
            ),
            response=ORDERED_CATEGORIES,
            density=self._density,
            mean=self._mean,
            random=self._random,
            pymc=self._pymc,
            cumulative=self._cumulative,
            closed_slopes=self._closed_slopes,
            closed_scores=self._closed_scores,
            scores_predictors=True,
            threshold=FLEXIBLE,
            takes_specific=self.takes_specific,
        )

    def _density(self, y: Any, p: Values, rows: Rows) -> Any:
        if self.log is None:
            return of_categories(y, self.logs(_distances(p)))
        thresholds, y = p[THRESHOLDS].value, np.asarray(y)
        others = [np.shape(own.eta) for name, own in p.items() if name != THRESHOLDS]
        shape = np.broadcast_shapes(*others, thresholds.shape[:-1], y.shape)
        found = np.empty(shape)
        for k in np.unique(y).astype(np.int64):
            own = y == k
            some: Any = (..., np.flatnonzero(own)) if y.ndim == 1 else np.broadcast_to(own, shape)
            at = partial(_distance, p, shape, some)
            found[some] = self.log(at, int(k), thresholds.shape[-1])
        return found

    def _mean(self, p: Values, rows: Rows) -> Any:
        return np.exp(self.logs(_distances(p)))

    def _random(self, rng: np.random.Generator, p: Values, rows: Rows) -> Any:
        return drawn_categories(rng, self._mean(p, rows))

    def _pymc(self, p: Values, rows: Rows) -> tuple[str, dict[str, Any]]:
        return "Categorical", {"logit_p": self.logs(_distances(p))}

    def _cumulative(self, y: Any, p: Values, rows: Rows) -> Any:
        return cumulated(y, self._mean(p, rows))

    def _closed_slopes(self, y: Any, p: Values, rows: Rows) -> dict[str, Slope]:
        """Differentiate, with the expected information of each row."""
        distances = _distances(p)
        partials, probabilities = self.partials(distances), np.exp(self.logs(distances))

        def slope(by_category: FloatArray) -> Slope:
            information = np.einsum("...k,...k,...k->...", probabilities, by_category, by_category)
            return Slope(of_categories(y, by_category), information)

        down = np.array(-1.0)
        if DISCRIMINATION in p:
            down = -p[DISCRIMINATION].value[..., np.newaxis]
        found = {"mu": slope(partials.along(down))}
        if DISCRIMINATION in p:
            found[DISCRIMINATION] = slope(partials.along(distances.eta))
        specific = enumerate(_specific(p))
        return found | {name: slope(down * partials.by_one(k)) for k, name in specific}

    def _closed_scores(self, y: FloatArray, p: Values, rows: Rows) -> Scores:
        disc = p[DISCRIMINATION].value if DISCRIMINATION in p else None
        specific = _specific(p)
        thresholds = np.asarray(p[THRESHOLDS].value)
        if specific:
            thresholds = thresholds[:, np.newaxis] - np.stack([p[name].eta for name in specific])
        ordered = sorted_rows(y, p["mu"].eta, thresholds, disc)
        total, score = self.scores(ordered, p["mu"].link.name)
        by_thresholds, others = ordered.by_thresholds, dict[str, FloatArray]()
        if disc is not None:
            by_disc = (by_thresholds * ordered.thresholds).sum(axis=0) + score * ordered.eta
            others[DISCRIMINATION] = ordered.back(by_disc)
            score, by_thresholds = score * disc[ordered.order], by_thresholds * disc[ordered.order]
        for name, slope in zip(specific, by_thresholds, strict=False):
            others[name] = -ordered.back(slope)
        if by_thresholds.ndim == 3:
            by_thresholds = np.einsum("knm->km", by_thresholds)
        return Scores(total, ordered.back(score), {THRESHOLDS: by_thresholds, **others})


def _specific(p: Values) -> tuple[str, ...]:
    """List the predictors of single thresholds; all of these have one, or none has."""
    return tuple(name for name in p if name in specific_names(len(p)))


def _distance(p: Values, shape: tuple[int, ...], place: Any, k: int) -> Value:
    """Return the distance of one threshold, in some rows."""
    one = {**p, THRESHOLDS: replace(p[THRESHOLDS], eta=p[THRESHOLDS].eta[..., k : k + 1])}
    distance = _distances(one, _specific(p)[k : k + 1])
    return replace(distance, eta=np.broadcast_to(distance.eta[..., 0], shape)[place])


def _distances(p: Values, specific: tuple[str, ...] | None = None) -> Value:
    """Return the distances of the thresholds from the linear predictor, in sds of the latent scale.

    ``disc`` is one over that sd, where it has a predictor, and 1 otherwise. `specific` are the
    predictors of the thresholds that are given, by default of all.
    """
    distances = p[THRESHOLDS].value - p["mu"].eta[..., np.newaxis]
    names = _specific(p) if specific is None else specific
    if names:
        own = [p[name].eta[..., np.newaxis] for name in names]
        distances = distances - p["mu"].functions.joined(own)
    if DISCRIMINATION in p:
        distances = distances * p[DISCRIMINATION].value[..., np.newaxis]
    return replace(p["mu"], eta=distances)
