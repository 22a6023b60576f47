"""Nested adaptive quadrature, and what it says of rows and units left out.

With the weights w_k of the points given all rows of a unit, the density of one of them given the
others is ``1 / sum_k w_k / p(y_i | u_k)``. Merkle, Furr & Rabe-Hesketh (2019),
https://doi.org/10.1007/s11336-019-09679-0
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from bayesmix.base.arrays import FloatArray
from bayesmix.engines.quadrature.elements import backward
from bayesmix.engines.quadrature.modes import Effects, mode_of
from bayesmix.engines.quadrature.problem import Problem
from bayesmix.engines.quadrature.rules import FEW_STEPS, STEPS

__all__ = ["Integral", "Question"]


class Integral(NamedTuple):
    """Log density of the rows of each unit of a layer, (..., S, units), and of targets left out.

    Of the latter it is the log of the expected 1 / p, given all rows of the unit, shape
    (..., S, targets); None for no targets. `outside` is the share of it at the outermost points,
    where that is asked.
    """

    log: FloatArray
    inverse: FloatArray | None
    outside: FloatArray | None


@dataclasses.dataclass(frozen=True, eq=False)
class Question:
    """What is asked of a problem.

    Attributes
    ----------
    problem : Problem
    target : int or None
        Layer whose units are left out, -1 for rows.
    watched : bool
        Whether the share at the outermost points is asked.
    """

    problem: Problem
    target: int | None
    watched: bool = False

    def integral(self, etas: Sequence[FloatArray], effects: Effects) -> Integral:
        """Integrate the effects of all layers out.

        Parameters
        ----------
        etas : sequence of ndarray, shape (S, b)
            Linear predictors without these effects.
        effects : list of list of ndarray, shape (S, units)
            By layer, where to start.
        """
        at = self.problem.moved(etas, effects)
        return self._integral(self.problem.block.depth - 1, at, effects, STEPS)

    def _integral(
        self, layer: int, etas: Sequence[FloatArray], effects: Effects, steps: int
    ) -> Integral:
        """Integrate the effects of the layers up to one out, for each point of the others."""
        problem, q = self.problem, self.problem.sizes[layer]
        mode = mode_of(problem, layer, etas, effects, steps)
        rule, root = problem.rules[layer], mode.curvature.roots[layer]
        axes = (-1, *[1] * etas[0].ndim)
        shape = (len(rule), *mode.effects[layer][0].shape) if q else ()
        x = [np.broadcast_to(own.reshape(axes), shape) for own in rule.points.T]
        moves = mode.follow(problem, backward(root, x))
        moved = problem.moved(mode.etas, moves)
        if not q:
            moved = [eta[np.newaxis] for eta in moved]
        at = [
            [v + d for v, d in zip(*pair, strict=True)]
            for pair in zip(mode.effects, moves, strict=True)
        ]
        inner = self._integral(layer - 1, moved, at[:-1], FEW_STEPS) if layer else self._rows(moved)
        total = problem.block.sums(inner.log, layer)
        for i, v in enumerate(at[-1]):
            total = total - (0.5 * v**2 + np.log(root[i, i]))
        total = total + (rule.log_weights - 0.5 * q * np.log(2 * np.pi)).reshape(axes)
        return self._without(layer, total, inner, rule.outermost.reshape(axes))

    def _rows(self, etas: Sequence[FloatArray]) -> Integral:
        log = self.problem.log_density(etas)
        if self.target != -1:
            return Integral(log, None, None)
        return Integral(log, -log, np.zeros(log.shape) if self.watched else None)

    def _without(
        self, layer: int, total: FloatArray, inner: Integral, outermost: np.ndarray
    ) -> Integral:
        """Add points up, and weigh them for what is left out."""
        block, target, outside = self.problem.block, self.target, inner.outside
        log = log_sum(total)
        if target is not None and inner.inverse is not None:
            terms = block.copies(total - log, layer, target) + inner.inverse
            inverse = log_sum(terms)
            # Of some nothing else tells of the effects.
            alone = block.alone(target, layer)
            if outside is not None:
                shares = np.exp(terms - inverse)
                outside = np.nansum(np.where(outermost, shares, shares * outside), axis=0)
                outside = np.where(alone, 0.0, outside)
            if alone.any():
                inverse = np.where(alone, -block.copies(log, layer, target), inverse)
            return Integral(log, inverse, outside)
        if target == layer:
            return Integral(log, -log, np.zeros(log.shape) if self.watched else None)
        return Integral(log, None, None)


def log_sum(values: FloatArray) -> FloatArray:
    """Add exponentials along the first axis; NaN counts for nothing."""
    top = np.fmax.reduce(values, axis=0)
    top = np.where(np.isfinite(top), top, 0.0)
    values = np.exp(values - top)
    total = values.sum(axis=0)
    if np.isnan(total).any():
        total = np.nansum(values, axis=0)
    return np.asarray(top + np.log(total))
