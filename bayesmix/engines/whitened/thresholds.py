"""Thresholds as an intercept and distances from it.

The level of all group effects is tied to that of the thresholds. So the columns of the population
effects have an intercept here, minus a weighted mean of the thresholds, which the map of the
effects then knows, and the thresholds are given by their distances from that. The weights are those
with which the distances say nothing of the level: what the responses tell of the linear predictor
and of each threshold together, at the thresholds that the shares of the categories have. It is a
linear map of the thresholds whose determinant is one or minus one, so that their prior stays what
it is.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from bayesmix.base.arrays import FloatArray, IntArray
from bayesmix.engines.whitened.transforms import Moved
from bayesmix.families.family import Family
from bayesmix.families.links import LINKS
from bayesmix.families.parameters import Parameter
from bayesmix.families.values import Rows
from bayesmix.model.spec import ModelSpec
from bayesmix.model.thresholds import weights_of

__all__ = ["Gaps", "Thresholds", "thresholds_of"]

# Of Newton's method for the thresholds of the shares, and the step that ends it.
_ROUNDS, _CLOSE = 25, 1e-6


@dataclasses.dataclass(frozen=True, eq=False)
class Thresholds:
    """Thresholds of a model: linear in an intercept and F - 1 distances.

    Attributes
    ----------
    name : str
    free : ndarray, shape (F, F)
        Intercept and distances -> thresholds that have a prior.
    every : ndarray, shape (K - 1, F)
        The same -> all thresholds.
    are_ordered : bool
        Whether distances are positive.
    """

    name: str
    free: FloatArray
    every: FloatArray
    are_ordered: bool

    @property
    def relative(self) -> FloatArray:
        """Distances -> all thresholds less the one that is minus the intercept, (K - 1, F - 1)."""
        return self.every[:, 1:]


def thresholds_of(spec: ModelSpec) -> Thresholds | None:
    """Lay out the thresholds of a specification; None for a family without."""
    parameter = spec.family.thresholds
    if parameter is None:
        return None
    weights = weights_of(spec, parameter)
    n, n_free = weights.shape
    distances = np.eye(n_free)[:, 1:]
    if parameter.support.is_ordered:
        distances = np.cumsum(distances, axis=0)
    counts = np.bincount(spec.design.y.astype(np.int64), minlength=n + 1)
    distances -= _level(spec.family, parameter, counts) @ weights @ distances
    free = np.column_stack([-np.ones(n_free), distances])
    return Thresholds(parameter.name, free, weights @ free, parameter.support.is_ordered)


def _level(family: Family, parameter: Parameter, counts: IntArray) -> FloatArray:
    """Return the weights (K - 1,) with which thresholds make the level of the responses."""
    shares = (counts + 0.5) / (counts + 0.5).sum()
    thresholds = np.asarray(LINKS[family.link].function(np.cumsum(shares)[:-1]))
    for _ in range(_ROUNDS):
        by_level, by_thresholds, log = _scores(family, parameter, thresholds)
        information = (by_thresholds * np.exp(log)) @ by_thresholds.T
        step = np.linalg.lstsq(information, by_thresholds @ shares)[0]
        thresholds = thresholds + np.clip(step, -1.0, 1.0)
        if np.abs(step).max() < _CLOSE:
            break
    together = (by_thresholds * shares) @ by_level
    return np.asarray(together / together.sum())


def _scores(
    family: Family, parameter: Parameter, thresholds: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Differentiate the log probability of each category by the level and by the thresholds."""
    others = {name: np.zeros((1, 1)) for name in family.predictors[1:]}
    found = [
        family.scores(
            np.array([float(k)]),
            np.zeros((1, 1)),
            {parameter.name: thresholds[:, np.newaxis], **others},
            Rows(),
        )
        for k in range(len(thresholds) + 1)
    ]
    by_thresholds = np.column_stack([one.auxiliary[parameter.name] for one in found])
    by_level = np.array([one.score[0, 0] for one in found])
    return by_level, by_thresholds, np.array([one.total[0] for one in found])


class Gaps:
    """A number without bounds, and positive ones by their logarithms."""

    def move(self, x: FloatArray) -> Moved:
        """Return the parameters, with derivatives."""
        values, slope = self.values(x), np.ones_like(x)
        slope[0] = 0.0
        derivative = values.copy()
        derivative[0] = 1.0
        return Moved(values, x[1:].sum(axis=0), slope, lambda by_value: by_value * derivative)

    def values(self, x: FloatArray) -> FloatArray:
        """Return the parameters."""
        return np.concatenate([x[:1], np.exp(x[1:])])

    def back(self, values: FloatArray) -> FloatArray:
        """Return the real numbers."""
        return np.concatenate([values[:1], np.log(np.maximum(values[1:], 1e-300))])
