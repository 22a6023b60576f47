"""Points and weights of integrals over standardised effects."""

from __future__ import annotations

import dataclasses
import functools
import itertools
from collections.abc import Sequence

import numpy as np
from scipy import special

from bayesmix.base.arrays import BoolArray, FloatArray

__all__ = ["FEW_STEPS", "MOST_EFFECTS", "STEPS", "Rule", "rules_of"]

# Steps to a mode from a draw of the effects, and from where the curvature expects it.
STEPS, FEW_STEPS = 5, 2
# Effects of a level beyond which no rule with a few hundred points is good.
MOST_EFFECTS = 8
# Distance of points, and of the last of them, by number of effects: of the only layer, and of one
# of several. In one dimension the error for Normal(0, 1) is 2 exp(-2 pi^2 / distance^2).
_LATTICES = {
    1: ((1.0, 6.0), (1.2, 4.8)),
    2: ((1.3, 5.3), (1.3, 4.7)),
    3: ((1.3, 4.8), (1.5, 4.4)),
}
# The same, by number of effects and layers, for effects of several predictors, such as mean and sd:
# few rows leave them far from normal.
_OF_SEVERAL = {(2, 1): (1.0, 7.0)}
# Points of a sequence where effects are more, half of them mirrored, and the degrees of freedom of
# where they lie; the probability of being outermost for Normal(0, I).
_SEQUENCE, _DF, _LARGE = 256, 8.0, 1e-3


@dataclasses.dataclass(frozen=True, eq=False)
class Rule:
    """The integral of f(x) dx is nearly the sum of exp(log_weight) f(point).

    Attributes
    ----------
    points : ndarray, shape (K, Q)
        For f near Normal(0, I).
    log_weights : ndarray, shape (K,)
    outermost : ndarray of bool, shape (K,)
        Points beyond which a function must have fallen to nothing.
    """

    points: FloatArray
    log_weights: FloatArray
    outermost: BoolArray

    def __len__(self) -> int:
        return len(self.points)


def rules_of(layers: Sequence[tuple[int, bool]]) -> tuple[Rule, ...]:
    """Choose a rule for each of several nested layers.

    Each with so many effects, and whether these are of several predictors.
    """
    depth = sum(size > 0 for size, _ in layers)
    return tuple(_rule_of(size, depth, several) for size, several in layers)


@functools.cache
def _rule_of(size: int, depth: int, several: bool) -> Rule:
    if size in _LATTICES:
        spacings = _LATTICES[size]
        if several and (size, depth) in _OF_SEVERAL:
            return _lattice(size, *_OF_SEVERAL[size, depth])
        return _lattice(size, *spacings[min(depth, len(spacings)) - 1])
    if size == 0:
        return Rule(np.zeros((1, 0)), np.zeros(1), np.zeros(1, dtype=np.bool_))
    return _sequence(size)


def _lattice(size: int, distance: float, radius: float) -> Rule:
    """Take the points of a cubic lattice in a ball: the trapezoidal rule.

    Its error falls exponentially, as that of Gauss-Hermite rules, but it does not take functions
    for a Normal density times a polynomial: 1 / p(y) of a row is far from one.
    """
    reach = int(radius / distance + 1e-9)
    axis = distance * np.arange(-reach, reach + 1)
    points = np.array(list(itertools.product(axis, repeat=size)))
    points = points[_radius(points) <= radius + 1e-9]
    outermost = _radius(points) > radius - 0.5 * distance
    return Rule(points, np.full(len(points), size * np.log(distance)), outermost)


def _radius(points: FloatArray) -> FloatArray:
    return np.asarray(np.sqrt((points**2).sum(axis=1)))


def _sequence(size: int) -> Rule:
    """Spread points of a Sobol sequence like Student-t numbers, and mirror them."""
    from scipy.stats import qmc

    half = _SEQUENCE // 2
    uniform = qmc.Sobol(size, scramble=False).random(half) + 0.5 / half
    points = special.stdtrit(_DF, uniform)
    points = np.concatenate([points, -points])
    log = np.log1p(points**2 / _DF) * (_DF + 1) / 2
    constant = special.betaln(0.5, _DF / 2) + 0.5 * np.log(_DF)
    log_weights = log.sum(axis=1) + size * constant - np.log(len(points))
    outermost = _radius(points) ** 2 > special.chdtri(size, _LARGE)
    return Rule(points, log_weights, outermost)
