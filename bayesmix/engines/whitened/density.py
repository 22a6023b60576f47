"""The log density of the posterior in whitened coordinates, with its gradient."""

from __future__ import annotations

import dataclasses
import functools
from typing import NamedTuple

import numpy as np
from scipy import linalg

from bayesmix.base.arrays import FloatArray
from bayesmix.engines.whitened.coordinates import Coordinates
from bayesmix.engines.whitened.layout import Layout
from bayesmix.engines.whitened.passes import likelihood
from bayesmix.engines.whitened.whitening import Effects, Whitening

__all__ = ["Density", "Point"]


class Point(NamedTuple):
    """A point of each chain.

    Attributes
    ----------
    x : ndarray, shape (d + m, M)
    log_density : ndarray, shape (M,)
    gradient : ndarray, shape (d + m, M)
    """

    x: FloatArray
    log_density: FloatArray
    gradient: FloatArray


@dataclasses.dataclass(frozen=True, eq=False)
class Density:
    """The posterior of (parameters, effects) at ``center + root xi``, whitened.

    Attributes
    ----------
    layout : Layout
    coordinates : Coordinates
        With sds in units of their own.
    whitening : Whitening
    center : ndarray, shape (d,)
    root : ndarray, shape (d, d)
        Lower triangular.
    """

    layout: Layout
    coordinates: Coordinates
    whitening: Whitening
    center: FloatArray
    root: FloatArray

    @property
    def size(self) -> int:
        """Number d of parameters beside the effects."""
        return self.coordinates.size

    @functools.cached_property
    def constant(self) -> float:
        """What does not depend on the point."""
        layout = self.layout
        jacobian = float(np.log(np.diag(self.root)).sum()) + self.whitening.constant
        normal = -0.5 * layout.n_effects * np.log(2 * np.pi)
        return jacobian + normal + layout.constant

    def at(self, x: FloatArray) -> Point:
        """Compute log density and gradient."""
        d = self.size
        parameters = self.coordinates.evaluate(self.center[:, None] + self.root @ x[:d])
        values = parameters.values
        effects = self.whitening.effects(values, x[d:])
        beta = values[self.coordinates.population]
        rows = likelihood(self.layout, beta, effects.u, self.layout.auxiliary(values))
        log_density = self.constant + parameters.log_prior + effects.log_density + rows.total
        by_zeta, by_values = self.whitening.pull(effects, rows.by_effects, rows.by_population)
        for name, place in self.coordinates.auxiliary.items():
            by_values[place] += self.layout.by_rows(name, rows.by_auxiliary[name])
        gradient = np.empty_like(x)
        gradient[:d] = self.root.T @ (parameters.slope + parameters.pull(by_values))
        gradient[d:] = by_zeta
        return Point(x, log_density, gradient)

    def parameters(self, x: FloatArray) -> FloatArray:
        """Return the values of the parameters (d, M) at points."""
        return self.coordinates.values(self.center[:, None] + self.root @ x[: self.size])

    def effects(self, x: FloatArray) -> tuple[FloatArray, Effects]:
        """Return parameters (d, M), and the effects."""
        values = self.parameters(x)
        return values, self.whitening.effects(values, x[self.size :])

    def standardised(self, values: FloatArray) -> FloatArray:
        """Return the xi (d, M) of values of the parameters."""
        return linalg.solve_triangular(
            self.root, self.coordinates.back(values) - self.center[:, None], lower=True
        )
