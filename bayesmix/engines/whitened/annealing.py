"""Annealed importance sampling: from a distribution that is known to the posterior, step by step.

Reference: Neal (2001), Statistics and Computing 11, 125-139,
https://doi.org/10.1023/A:1008923215028.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable

import numpy as np
from scipy.special import gammaln

from bayesmix.base.arrays import FloatArray
from bayesmix.engines.whitened.density import Density, Point
from bayesmix.engines.whitened.rotation import (
    DEGREES,
    WIDTH,
    LogDensity,
    independently,
    proposed,
    rotated,
    trajectory,
)

__all__ = ["Between", "Known", "annealed"]

# Temperatures are denser where the distribution that is known still counts.
POWER = 1.5
# Trajectories vary in length by this share.
VARIES = 0.5


@dataclasses.dataclass(frozen=True, eq=False)
class Known:
    """What annealing starts from: parameters of a wide t, whitened effects of a normal one."""

    size: int
    dimensions: int

    @property
    def constant(self) -> float:
        """Log density at zero."""
        d = self.size
        of_t = gammaln((DEGREES + d) / 2) - gammaln(DEGREES / 2)
        of_t -= d / 2 * math.log(DEGREES * math.pi) + d * math.log(WIDTH)
        return float(of_t - (self.dimensions - d) / 2 * math.log(2 * math.pi))

    def draw(self, rng: np.random.Generator, chains: int) -> FloatArray:
        """Draw points (d + m, M)."""
        zeta = rng.standard_normal((self.dimensions - self.size, chains))
        return np.concatenate([proposed(self.size, chains, rng), zeta])

    def at(self, x: FloatArray) -> Point:
        """Compute log density and gradient."""
        xi, zeta, scale = x[: self.size], x[self.size :], DEGREES * WIDTH**2
        square = np.einsum("km,km->m", xi, xi) / scale
        log = -0.5 * (DEGREES + self.size) * np.log1p(square)
        log += self.constant - 0.5 * np.einsum("km,km->m", zeta, zeta)
        of_xi = -(DEGREES + self.size) / scale * xi / (1 + square)
        return Point(x, log, np.concatenate([of_xi, -zeta]))


@dataclasses.dataclass(frozen=True, eq=False)
class Between:
    """A distribution between the known one and the posterior: the mean of their log densities.

    Attributes
    ----------
    known : Known
    density : LogDensity
    share : float
        Of the posterior, above 0.
    """

    known: Known
    density: LogDensity
    share: float

    @property
    def size(self) -> int:
        """Number d of parameters beside the effects."""
        return self.known.size

    def at(self, x: FloatArray) -> Point:
        """Compute log density and gradient."""
        return self.mean(self.known.at(x), self.density.at(x))

    def mean(self, known: Point, posterior: Point) -> Point:
        """Return what it is at points at which both are known."""
        share = self.share
        return Point(
            posterior.x,
            *(share * a + (1 - share) * b for a, b in zip(posterior[1:], known[1:], strict=True)),
        )

    def posterior(self, point: Point, known: Point) -> Point:
        """Return the posterior at points of this one: the inverse of `mean`."""
        share = self.share
        return Point(
            point.x,
            *((a - (1 - share) * b) / share for a, b in zip(point[1:], known[1:], strict=True)),
        )


def annealed(
    density: Density,
    rng: np.random.Generator,
    chains: int,
    temperatures: int,
    step: float,
    report: Callable[[float], None],
) -> FloatArray:
    """Return log weights (chains,), whose mean exponential is the integral of the density.

    Parameters
    ----------
    density : Density
    rng : Generator
    chains, temperatures : int
    step : float
        Angle of a step that suits the posterior.
    report : callable
        Called with the share that is done.
    """
    known = Known(density.size, density.layout.size)
    x = known.draw(rng, chains)
    below, posterior = known.at(x), density.at(x)
    shares = np.linspace(0, 1, temperatures + 1) ** POWER
    log_weights = np.zeros(chains)
    usual = trajectory(step, density.layout.size)
    for k, share in enumerate(shares[1:], 1):
        log_weights += (share - shares[k - 1]) * (posterior.log_density - below.log_density)
        if k == temperatures:
            break
        between = Between(known, density, share)
        point = between.mean(below, posterior)
        steps = max(1, round(usual * (1 + VARIES * (2 * rng.random() - 1))))
        point, _ = rotated(between, point, rng, step, steps)
        point, _ = independently(between, point, rng)
        below = known.at(point.x)
        posterior = between.posterior(point, below)
        report(k / temperatures)
    # Where nothing can be computed there is no density.
    return np.where(np.isnan(log_weights), -np.inf, log_weights)
