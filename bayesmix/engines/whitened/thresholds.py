"""Thresholds as an intercept and distances from it.

The level of all group effects is tied to that of the thresholds. So the columns of the population
effects have an intercept here, minus the threshold in the middle of the responses, which the map of
the effects then knows, and the thresholds are given by their distances from that one. It is a
linear map of the thresholds whose determinant is one, so that their prior stays what it is.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from bayesmix.base.arrays import FloatArray
from bayesmix.engines.whitened.transforms import Moved
from bayesmix.model.spec import ModelSpec
from bayesmix.model.thresholds import weights_of

__all__ = ["Gaps", "Thresholds", "thresholds_of"]


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
    below = np.cumsum(np.bincount(spec.design.y.astype(np.int64), minlength=n + 1))[:n]
    middle = int(np.abs(below / spec.design.n_rows - 0.5).argmin())
    if n == n_free:
        free = _of_each(n, middle, is_ordered=parameter.support.is_ordered)
    else:
        share = middle / (n - 1)
        free = np.array([[-1.0, -share], [-1.0, 1 - share]])
    return Thresholds(parameter.name, free, weights @ free, parameter.support.is_ordered)


def _of_each(n: int, middle: int, *, is_ordered: bool) -> FloatArray:
    free = np.zeros((n, n))
    free[:, 0] = -1.0
    if is_ordered:
        # Of the gap between thresholds k and k + 1.
        for k in range(n - 1):
            free[k + 1 :, k + 1] = float(k >= middle)
            free[: k + 1, k + 1] = -float(k < middle)
    else:
        others = np.delete(np.arange(n), middle)
        free[others, np.arange(1, n)] = 1.0
    return free


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
