"""Rows and groups left out of models of any family, by quadrature over the effects of their own.

Given draws of all parameters, and of the effects that are not integrated out.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from bayesmix.base.arrays import FloatArray, IntArray
from bayesmix.engines.quadrature.layers import (
    Layer,
    chain_of_groups,
    chain_of_rows,
    groups_obstacle,
    n_densities,
    rows_obstacle,
)
from bayesmix.engines.quadrature.targets import Targets
from bayesmix.model.spec import ModelSpec
from bayesmix.posterior.draws import Draws

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["QuadratureLeftOut", "groups_obstacle", "rows_obstacle"]

# Densities of rows at points that take about a second, and fewest draws.
_DENSITIES, _FEWEST_DRAWS = 2e7, 500
# Floating-point operations that take as long as one of them.
_OPERATIONS = 60.0


@dataclasses.dataclass(frozen=True, eq=False)
class QuadratureLeftOut:
    """For a specification with effects that can be integrated out by quadrature."""

    spec: ModelSpec

    @functools.cached_property
    def _chain(self) -> tuple[Layer, ...]:
        return chain_of_rows(self.spec)

    @property
    def densities_of_a_move(self) -> float:
        """Draws are not moved."""
        return math.inf

    @property
    def cost(self) -> float:
        """Of all points, and of the steps to where they are."""
        return _OPERATIONS * n_densities(self._chain) * self.spec.design.n_rows

    def most_draws(self, codes: IntArray | None = None) -> int:
        """As many as take about a second, for rows or for groups."""
        chain = self._chain if codes is None else chain_of_groups(self.spec, codes)[0]
        densities = n_densities(chain) * self.spec.design.n_rows
        return max(_FEWEST_DRAWS, int(_DENSITIES / densities))

    def theta(self, posterior: xr.Dataset) -> Draws:
        """Take all parameters and effects."""
        return Draws.of(self.spec, posterior)

    def mean(self, theta: Draws) -> Draws:
        """Average all draws."""
        return theta.averaged()

    def rows(
        self,
        theta: Draws,
        *,
        first: IntArray | None = None,
        rows_at_once: int | None = None,
        run: Callable[..., Any] = map,
    ) -> Iterator[tuple[IntArray, FloatArray]]:
        """Integrate block by block, in an order of their own; numbered as in `first`."""
        number = np.full(self.spec.design.n_rows, -1)
        asked = np.arange(len(number)) if first is None else first
        number[asked] = np.arange(len(asked))
        for rows, log in Targets(self.spec, self._chain, -1).densities(theta, first, run):
            wanted = number[rows] >= 0
            yield number[rows[wanted]], log[:, wanted]

    def groups(self, theta: Draws, codes: IntArray, *, run: Callable[..., Any] = map) -> FloatArray:
        """Integrate the effects of the groups, and of what is nested in them."""
        layers, target = chain_of_groups(self.spec, codes)
        found = np.empty((len(theta), int(codes.max()) + 1))
        for groups, log in Targets(self.spec, layers, target).densities(theta, None, run):
            found[:, groups] = log
        return found

    def moved(
        self,
        theta: Draws,
        codes: IntArray,
        groups: IntArray,
        *,
        r_eff: float,
        run: Callable[..., Any] = map,
    ) -> tuple[FloatArray, FloatArray]:
        """Find nothing better."""
        return np.full(len(groups), np.nan), np.full(len(groups), np.inf)
