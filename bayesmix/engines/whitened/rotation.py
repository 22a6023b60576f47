"""Moves of many chains side by side in whitened coordinates.

Hamiltonian Monte Carlo whose motion in the standard normal density is exact, a rotation, so that
the error of a step comes from what the posterior has beyond it and does not grow with the number of
effects; and an independence move of the parameters beside the effects.

References: Hamiltonian Monte Carlo on Hilbert spaces, Beskos, Pinski, Sanz-Serna & Stuart (2011),
https://doi.org/10.1016/j.spa.2011.06.003; Casas, Sanz-Serna & Shaw (2022),
https://doi.org/10.1007/s11222-022-10149-3.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np

from bayesmix.base.arrays import FloatArray
from bayesmix.engines.whitened.density import Point

__all__ = [
    "DEGREES",
    "WIDTH",
    "LogDensity",
    "Moved",
    "independently",
    "proposed",
    "rotated",
    "trajectory",
]

# The angle of a trajectory: little more than a right one, after which nothing would be left of
# where a normal variable was; more where short steps say that the posterior is no normal one, and
# successive draws on opposite sides are worth their price. The step that a normal one allows is
# near one in few dimensions, and falls with the fourth root of many.
ANGLES = (2.4, 1.65)
STEPS, ROOTED_STEPS = (0.55, 0.8), (1.7, 2.5)
MOST_STEPS = 16
JITTER = 0.25
# The proposal of the independence move: a multivariate t.
DEGREES, WIDTH = 5.0, 1.2


class LogDensity(Protocol):
    """What chains move in: a `Density`, or one between it and another."""

    @property
    def size(self) -> int:
        """Number of parameters beside the effects."""

    def at(self, x: FloatArray) -> Point:
        """Compute log density and gradient."""


class Moved(NamedTuple):
    """Where the chains are after a move, and the probability with which each was accepted."""

    point: Point
    acceptance: FloatArray


def trajectory(step: float, dimensions: int) -> float:
    """Return the mean number of steps of a trajectory."""
    angle = min(
        np.interp(step, STEPS, ANGLES), np.interp(step * dimensions**0.25, ROOTED_STEPS, ANGLES)
    )
    return float(np.clip(angle / step, 1, MOST_STEPS))


def rotated(
    density: LogDensity, point: Point, rng: np.random.Generator, step: float, steps: int
) -> Moved:
    """Move all chains along a trajectory each, with a step size each.

    Parameters
    ----------
    density : LogDensity
    point : Point
    rng : Generator
    step : float
        Angle of a step, about which those of the chains vary.
    steps : int
    """
    chains = point.x.shape[1]
    momentum = rng.standard_normal(point.x.shape)
    angle = step * (1 + JITTER * (2 * rng.random(chains) - 1))
    cos, sin, half = np.cos(angle), np.sin(angle), 0.5 * angle
    energy = 0.5 * np.einsum("km,km->m", momentum, momentum) - point.log_density
    x, log_density, gradient = point
    for _ in range(steps):
        momentum = momentum + half * (gradient + x)
        x, momentum = x * cos + momentum * sin, momentum * cos - x * sin
        _, log_density, gradient = density.at(x)
        momentum += half * (gradient + x)
    change = energy + log_density - 0.5 * np.einsum("km,km->m", momentum, momentum)
    return _decided(Point(x, log_density, gradient), point, change, rng)


def independently(density: LogDensity, point: Point, rng: np.random.Generator) -> Moved:
    """Propose other parameters from a wide t, with the whitened effects as they are."""
    d, chains = density.size, point.x.shape[1]
    x = point.x.copy()
    x[:d] = proposed(d, chains, rng)
    new = density.at(x)
    change = new.log_density - _log_proposal(x[:d])
    change -= point.log_density - _log_proposal(point.x[:d])
    return _decided(new, point, change, rng)


def proposed(d: int, chains: int, rng: np.random.Generator) -> FloatArray:
    """Draw parameters (d, M) from the wide t."""
    shrink = np.sqrt(rng.chisquare(DEGREES, chains) / DEGREES)
    return WIDTH * rng.standard_normal((d, chains)) / shrink


def _log_proposal(xi: FloatArray) -> FloatArray:
    square = np.einsum("km,km->m", xi, xi) / (DEGREES * WIDTH**2)
    return -0.5 * (DEGREES + len(xi)) * np.log1p(square)


def _decided(new: Point, old: Point, change: FloatArray, rng: np.random.Generator) -> Moved:
    """Accept or refuse by Metropolis and Hastings, given the logarithm of the ratio."""
    acceptance = np.where(np.isfinite(change), np.exp(np.minimum(change, 0.0)), 0.0)
    accepted = rng.random(len(change)) < acceptance
    point = Point(*(np.where(accepted, a, b) for a, b in zip(new, old, strict=True)))
    return Moved(point, acceptance)
