"""What families of ordered categories share: thresholds of a latent scale, sums over categories.

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
from typing import Any, NamedTuple

import numpy as np

from bayesmix.base.arrays import FloatArray
from bayesmix.base.errors import BayesmixError
from bayesmix.families.family import Family
from bayesmix.families.parameters import Parameter
from bayesmix.families.responses import Labels, ResponseKind, check_counts
from bayesmix.families.scores import Scores
from bayesmix.families.slopes import Slope
from bayesmix.families.supports import REAL, Support
from bayesmix.families.thresholds import FLEXIBLE
from bayesmix.families.values import Rows, Value, Values

__all__ = ["ORDERED_CATEGORIES", "Ordinal", "Sorted", "sorted_rows"]

THRESHOLDS = "cutpoint"


def _check_categories(
    family: str, name: str, y: FloatArray, trials: FloatArray | None, labels: Labels
) -> None:
    check_counts(f"Response {name!r} of family {family!r}", y, labels)
    if np.ptp(y) == 0:
        raise BayesmixError(
            f"Response {name!r} has the same category in every row, so there is nothing to "
            "explain. Check the column and the rows that are kept."
        )


ORDERED_CATEGORIES = ResponseKind(_check_categories, is_discrete=True, lower=0.0, is_ordinal=True)


class Sorted(NamedTuple):
    """Rows in the order of their categories.

    Attributes
    ----------
    order : ndarray of int64, shape (n,)
    starts : ndarray of int64, shape (K + 1,)
        Where each category begins among the sorted rows, and where the last ends.
    eta : ndarray, shape (n, M)
        Linear predictor of the sorted rows.
    """

    order: np.ndarray
    starts: np.ndarray
    eta: FloatArray

    def categories(self) -> Iterator[tuple[int, slice]]:
        """Yield the categories that occur, with their rows."""
        for k in range(len(self.starts) - 1):
            if self.starts[k] < self.starts[k + 1]:
                yield k, slice(self.starts[k], self.starts[k + 1])

    def back(self, score: FloatArray) -> FloatArray:
        """Put rows into the order in which they came."""
        found = np.empty_like(score)
        found[self.order] = score
        return found


def sorted_rows(y: FloatArray, eta: FloatArray, n_thresholds: int) -> Sorted:
    """Sort rows by their category, those of a category as they came."""
    codes = y.astype(np.int64)
    order = np.argsort(codes, kind="stable")
    counts = np.bincount(codes, minlength=n_thresholds + 1)
    return Sorted(order, np.concatenate([[0], np.cumsum(counts)]), eta[order])


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
    slopes : callable
        The same -> derivatives of these by the linear predictor, of arrays.
    scores : callable
        Rows that are sorted, thresholds (K - 1, M), the link -> as `Scores`, the rows sorted.
    log : callable, optional
        A function that gives the distance of a threshold by its place, the place of a category, and
        K - 1 -> log probability of that category, where not all distances are needed for it.
    links : tuple of str
    """

    name: str
    support: Support
    logs: Callable[[Value], Any]
    slopes: Callable[[Value], FloatArray]
    scores: Callable[[Sorted, FloatArray, str], tuple[FloatArray, FloatArray, FloatArray]]
    log: Callable[[Callable[[int], Value], int, int], Any] | None = None
    links: tuple[str, ...] = ("logit", "probit", "cloglog", "cauchit")

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
            ),
            response=ORDERED_CATEGORIES,
            density=self._density,
            mean=self._mean,
            random=self._random,
            pymc=self._pymc,
            cumulative=self._cumulative,
            closed_slopes=self._closed_slopes,
            closed_scores=self._closed_scores,
            threshold=FLEXIBLE,
        )

    def _density(self, y: Any, p: Values, rows: Rows) -> Any:
        if self.log is None:
            logs = self.logs(_distances(p))
            place = np.broadcast_to(y, logs.shape[:-1]).astype(np.int64)[..., np.newaxis]
            return np.take_along_axis(logs, place, axis=-1)[..., 0]
        thresholds, y = p[THRESHOLDS].value, np.asarray(y)
        shape = np.broadcast_shapes(np.shape(p["mu"].eta), thresholds.shape[:-1], y.shape)
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
        reached = np.cumsum(self._mean(p, rows), axis=-1)[..., :-1]
        return (rng.random((*reached.shape[:-1], 1)) > reached).sum(axis=-1)

    def _pymc(self, p: Values, rows: Rows) -> tuple[str, dict[str, Any]]:
        return "Categorical", {"logit_p": self.logs(_distances(p))}

    def _cumulative(self, y: Any, p: Values, rows: Rows) -> Any:
        reached = np.cumsum(self._mean(p, rows), axis=-1)
        last = reached.shape[-1] - 1
        shape = np.broadcast_shapes(np.shape(y), reached.shape[:-1])
        place = np.broadcast_to(np.minimum(y, last), shape).astype(np.int64)[..., np.newaxis]
        reached = np.broadcast_to(reached, (*shape, last + 1))
        below = np.take_along_axis(reached, place, axis=-1)[..., 0]
        return np.where(np.less(y, last), below, 1.0)

    def _closed_slopes(self, y: Any, p: Values, rows: Rows) -> dict[str, Slope]:
        """Differentiate, with the expected information of each row."""
        distances = _distances(p)
        by_category = self.slopes(distances)
        information = (np.exp(self.logs(distances)) * by_category**2).sum(axis=-1)
        place = np.broadcast_to(y, information.shape).astype(np.int64)[..., np.newaxis]
        score = np.take_along_axis(by_category, place, axis=-1)[..., 0]
        return {"mu": Slope(score, information)}

    def _closed_scores(self, y: FloatArray, p: Values, rows: Rows) -> Scores:
        thresholds = np.asarray(p[THRESHOLDS].value)
        ordered = sorted_rows(y, p["mu"].eta, len(thresholds))
        total, score, by_thresholds = self.scores(ordered, thresholds, p["mu"].link.name)
        return Scores(total, ordered.back(score), {THRESHOLDS: by_thresholds})


def _distance(p: Values, shape: tuple[int, ...], place: Any, k: int) -> Value:
    """Return the distance of one threshold, in some rows."""
    one = {**p, THRESHOLDS: replace(p[THRESHOLDS], eta=p[THRESHOLDS].eta[..., k : k + 1])}
    distance = _distances(one)
    return replace(distance, eta=np.broadcast_to(distance.eta[..., 0], shape)[place])


def _distances(p: Values) -> Value:
    """Return the distances of the thresholds from the linear predictor, in sds of the latent scale.

    ``disc`` is one over that sd, where a family has it.
    """
    distances = p[THRESHOLDS].value - p["mu"].eta[..., np.newaxis]
    if "disc" in p:
        distances = distances * p["disc"].value[..., np.newaxis]
    return replace(p["mu"], eta=distances)
