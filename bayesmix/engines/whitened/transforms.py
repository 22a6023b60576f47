"""From real numbers to parameters with bounds, with derivatives, and back."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import NamedTuple, Protocol

import numpy as np
from scipy.special import betaln, erf, erfinv, expit, log_expit, logit, ndtr, ndtri

from bayesmix.base.arrays import FloatArray

__all__ = [
    "Bounded",
    "Correlation",
    "HalfLine",
    "Identity",
    "Moved",
    "Rising",
    "Scale",
    "Transform",
    "between",
]


class Moved(NamedTuple):
    """Values of parameters, and what a chain rule needs.

    Attributes
    ----------
    values : ndarray, shape (k, M)
    log_jacobian : ndarray, shape (M,)
        Logarithm of the determinant of the derivative of the values by the real numbers.
    slope : ndarray, shape (k, M)
        Derivative of the log Jacobian by the real numbers.
    pull : callable
        Derivative by the values (k, M) -> derivative by the real numbers.
    """

    values: FloatArray
    log_jacobian: FloatArray
    slope: FloatArray
    pull: Callable[[FloatArray], FloatArray]


class Transform(Protocol):
    """A bijection between real numbers (k, M) and parameters."""

    def move(self, x: FloatArray) -> Moved:
        """Return the parameters, with derivatives."""

    def values(self, x: FloatArray) -> FloatArray:
        """Return the parameters alone."""

    def back(self, values: FloatArray) -> FloatArray:
        """Return the real numbers."""


class Identity:
    """Parameters without bounds."""

    def move(self, x: FloatArray) -> Moved:
        """Return the numbers themselves."""
        return Moved(x, np.zeros(x.shape[1]), np.zeros_like(x), lambda slope: slope)

    def values(self, x: FloatArray) -> FloatArray:
        """Return the numbers themselves."""
        return x

    def back(self, values: FloatArray) -> FloatArray:
        """Return the numbers themselves."""
        return values


# Where the middle of the scale of an sd, which is linear, passes into the tail.
_BEND = 2.5
# Below it the half-normal of a normal number underflows.
_LOWEST = -37.0


@dataclasses.dataclass(frozen=True, eq=False)
class Scale:
    """sds: a Gaussian tail of the real number where an sd is near 0, and an exponential one above.

    ``sd = unit * a * sinh(h(x) / a)``, with the ``h`` that makes a half-normal number of a normal
    one, so that a density of the sd that is flat at 0 has no exponential tail in x.

    Attributes
    ----------
    unit : ndarray, shape (k, 1)
        The size of each sd.
    """

    unit: FloatArray

    def move(self, x: FloatArray) -> Moved:
        """Return the sds, with derivatives."""
        x = np.maximum(x, _LOWEST)
        half = _half_normal(x)
        log_slope = 0.5 * (half - x) * (half + x) - math.log(2)
        slope = np.exp(log_slope)
        bent = half / _BEND
        derivative = self.unit * np.cosh(bent) * slope
        return Moved(
            self.unit * _BEND * np.sinh(bent),
            np.log(derivative).sum(axis=0),
            np.tanh(bent) * slope / _BEND + half * slope - x,
            lambda by_value: by_value * derivative,
        )

    def values(self, x: FloatArray) -> FloatArray:
        """Return the sds."""
        return self.unit * _BEND * np.sinh(_half_normal(np.maximum(x, _LOWEST)) / _BEND)

    def back(self, values: FloatArray) -> FloatArray:
        """Return the real numbers."""
        half = _BEND * np.arcsinh(values / (_BEND * self.unit))
        small = np.minimum(half, 1.0)
        return np.where(
            half < 1,
            np.maximum(ndtri(erf(small / math.sqrt(2))), _LOWEST),
            -ndtri(2 * ndtr(-np.maximum(half, 1.0))),
        )


def _half_normal(x: FloatArray) -> FloatArray:
    below = erfinv(ndtr(np.minimum(x, 0.0)))
    return np.where(x < 0, math.sqrt(2) * below, -ndtri(0.5 * ndtr(-np.maximum(x, 0.0))))


@dataclasses.dataclass(frozen=True, eq=False)
class Correlation:
    """Free numbers w of correlations, by the hyperbolic tangent, with their prior.

    ``(1 + w) / 2 = expit(2 x)`` is Beta(a, b), and the density of x is free of the rounding of w
    near one, so that prior and Jacobian are computed together.

    Attributes
    ----------
    shapes : ndarray, shape (k, 2)
        The a and b of each.
    """

    shapes: FloatArray

    def move(self, x: FloatArray) -> Moved:
        """Return the correlations, with derivatives."""
        a, b = self.shapes[:, :1], self.shapes[:, 1:]
        above, below = log_expit(2 * x), log_expit(-2 * x)
        log = (a * above + b * below - betaln(a, b) + math.log(2)).sum(axis=0)
        slope = 2 * (a * np.exp(below) - b * np.exp(above))
        derivative = 4 * np.exp(above + below)
        return Moved(np.tanh(x), log, slope, lambda by_value: by_value * derivative)

    def values(self, x: FloatArray) -> FloatArray:
        """Return the correlations."""
        return np.tanh(x)

    def back(self, values: FloatArray) -> FloatArray:
        """Return the real numbers."""
        return np.arctanh(np.clip(values, -1 + 1e-12, 1 - 1e-12))


@dataclasses.dataclass(frozen=True)
class HalfLine:
    """Parameters with one bound, by the logarithm of the distance from it.

    Attributes
    ----------
    bound : float
    sign : float
        1 above the bound, -1 below it.
    """

    bound: float = 0.0
    sign: float = 1.0

    def move(self, x: FloatArray) -> Moved:
        """Return the parameters, with derivatives."""
        distance = np.exp(x)
        derivative = self.sign * distance
        return Moved(
            self.bound + derivative,
            x.sum(axis=0),
            np.ones_like(x),
            lambda by_value: by_value * derivative,
        )

    def values(self, x: FloatArray) -> FloatArray:
        """Return the parameters."""
        return self.bound + self.sign * np.exp(x)

    def back(self, values: FloatArray) -> FloatArray:
        """Return the real numbers."""
        return np.log(np.maximum(self.sign * (values - self.bound), 1e-300))


@dataclasses.dataclass(frozen=True)
class Bounded:
    """Parameters between two bounds, by the logit of the share of the way."""

    lower: float
    upper: float

    def move(self, x: FloatArray) -> Moved:
        """Return the parameters, with derivatives."""
        width = self.upper - self.lower
        share = expit(x)
        derivative = width * share * expit(-x)
        return Moved(
            self.lower + width * share,
            (math.log(width) + log_expit(x) + log_expit(-x)).sum(axis=0),
            1 - 2 * share,
            lambda by_value: by_value * derivative,
        )

    def values(self, x: FloatArray) -> FloatArray:
        """Return the parameters."""
        return self.lower + (self.upper - self.lower) * expit(x)

    def back(self, values: FloatArray) -> FloatArray:
        """Return the real numbers."""
        share = (values - self.lower) / (self.upper - self.lower)
        return np.asarray(logit(np.clip(share, 1e-300, 1 - 1e-16)))


class Rising:
    """Elements that rise: the first, and the logarithms of the gaps."""

    def move(self, x: FloatArray) -> Moved:
        """Return the elements, with derivatives."""
        gaps = np.exp(x[1:])
        slope = np.ones_like(x)
        slope[0] = 0.0

        def pull(by_value: FloatArray) -> FloatArray:
            after = np.cumsum(by_value[::-1], axis=0)[::-1]
            after[1:] *= gaps
            return after

        return Moved(self.values(x), x[1:].sum(axis=0), slope, pull)

    def values(self, x: FloatArray) -> FloatArray:
        """Return the elements."""
        return np.cumsum(np.concatenate([x[:1], np.exp(x[1:])]), axis=0)

    def back(self, values: FloatArray) -> FloatArray:
        """Return the real numbers."""
        gaps = np.maximum(np.diff(values, axis=0), 1e-300)
        return np.concatenate([values[:1], np.log(gaps)])


def between(lower: float, upper: float) -> Transform:
    """Return the transform to the numbers between two bounds, either of which may be infinite."""
    if math.isfinite(lower):
        return Bounded(lower, upper) if math.isfinite(upper) else HalfLine(lower)
    return HalfLine(upper, -1.0) if math.isfinite(upper) else Identity()
