"""Rows and groups left out with effects integrated out, whichever method drew the posterior.

This is a question to the specification: `left_out` answers it, or an obstacle says why not.
Gaussian models have an answer in closed form; for all others effects of single levels are
integrated out by quadrature.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from bayesmix.base.arrays import FloatArray, IntArray
from bayesmix.blocks.theta import Theta
from bayesmix.engines.exact.left_out import group_densities, row_densities, row_scores, theta_of
from bayesmix.engines.exact.marginal import marginal_of
from bayesmix.engines.exact.moved import DENSITIES, matched
from bayesmix.engines.exact.space import ThetaSpace
from bayesmix.engines.quadrature.left_out import (
    QuadratureLeftOut,
    groups_obstacle,
    rows_obstacle,
)
from bayesmix.model.gaussian import effects_obstacle
from bayesmix.model.row_effects import with_row_effects, with_sd_of_rows
from bayesmix.model.spec import ModelSpec

if TYPE_CHECKING:
    import xarray as xr

__all__ = [
    "LeftOut",
    "closed_left_out",
    "closed_obstacle",
    "groups_left_out_obstacle",
    "left_out",
    "left_out_obstacle",
]

# Densities of rows given all others that take about a second, with the smoothing of their weights,
# and fewest draws.
_DENSITIES, _FEWEST_DRAWS = 5_000_000, 1000


class LeftOut[Parameters](Protocol):
    """Densities of rows and groups given all others, for draws of what is not integrated out."""

    @property
    def cost(self) -> float:
        """Floating-point operations of the density of all rows given one theta."""

    @property
    def densities_of_a_move(self) -> float:
        """How often it is computed for a row or group whose draws are moved; infinity: never."""

    def most_draws(self, codes: IntArray | None = None) -> int:
        """How many draws serve for rows, or for the groups of rows in `codes`."""

    def theta(self, posterior: xr.Dataset) -> Parameters:
        """Take theta from the draws of a posterior, and whatever else is not integrated out."""

    def mean(self, theta: Parameters) -> Parameters:
        """Average draws; a batch of one."""

    def rows(
        self,
        theta: Parameters,
        *,
        first: IntArray | None = None,
        rows_at_once: int | None = None,
        run: Callable[..., Any] = map,
    ) -> Iterator[tuple[slice | IntArray, FloatArray]]:
        """Yield log p(y_i | y_-i, theta), (S, rows), of all rows or of those in `first`."""

    def groups(
        self, theta: Parameters, codes: IntArray, *, run: Callable[..., Any] = map
    ) -> FloatArray:
        """Compute log p(y_g | y_-g, theta), (S, J), for the groups of rows in `codes`."""

    def moved(
        self,
        theta: Parameters,
        codes: IntArray,
        groups: IntArray,
        *,
        r_eff: float,
        run: Callable[..., Any] = map,
    ) -> tuple[FloatArray, FloatArray]:
        """Move draws to some groups left out: their log densities and the Pareto k of each."""


@dataclasses.dataclass(frozen=True, eq=False)
class GaussianLeftOut:
    """In closed form, for a specification that the exact method can draw from."""

    spec: ModelSpec

    @property
    def densities_of_a_move(self) -> int:
        """So many, at most."""
        return DENSITIES

    def most_draws(self, codes: IntArray | None = None) -> int:
        """As many as take about a second."""
        left = self.spec.design.n_rows if codes is None else int(codes.max()) + 1
        return max(_FEWEST_DRAWS, _DENSITIES // left)

    @property
    def cost(self) -> float:
        """Of the marginal density."""
        return marginal_of(self.spec).model.cost

    def theta(self, posterior: xr.Dataset) -> Theta:
        """Take theta from the draws of a posterior."""
        return theta_of(self.spec, with_sd_of_rows(self.spec, posterior))

    def mean(self, theta: Theta) -> Theta:
        """Average draws where they have no bounds."""
        space = ThetaSpace.of(self.spec)
        return space.theta(space.vector(theta).mean(axis=0, keepdims=True))

    def rows(
        self,
        theta: Theta,
        *,
        first: IntArray | None = None,
        rows_at_once: int | None = None,
        run: Callable[..., Any] = map,
    ) -> Iterator[tuple[slice, FloatArray]]:
        """Compute the densities block by block."""
        spec, stop = self.spec, None
        if first is not None:
            # Densities come from the first rows on, given all others.
            design = spec.design
            rest = np.setdiff1d(np.arange(design.n_rows), first, assume_unique=True)
            spec = dataclasses.replace(spec, design=design.take(np.concatenate([first, rest])))
            stop = len(first)
        return row_densities(spec, theta, rows_at_once=rows_at_once, stop=stop, run=run)

    def scores(
        self, theta: Theta, *, rows_at_once: int, run: Callable[..., Any] = map
    ) -> Iterator[tuple[slice, FloatArray]]:
        """Compute them block by block, in the blocks of `rows`."""
        return row_scores(self.spec, theta, rows_at_once=rows_at_once, run=run)

    def groups(self, theta: Theta, codes: IntArray, *, run: Callable[..., Any] = map) -> FloatArray:
        """Compute the densities of all groups."""
        return group_densities(self.spec, theta, None, run, codes=codes)

    def moved(
        self,
        theta: Theta,
        codes: IntArray,
        groups: IntArray,
        *,
        r_eff: float,
        run: Callable[..., Any] = map,
    ) -> tuple[FloatArray, FloatArray]:
        """Match moments, and weigh."""
        return matched(self.spec, theta, codes, groups, r_eff=r_eff, run=run)


def closed_obstacle(spec: ModelSpec) -> str | None:
    """Say why not all effects can be integrated out in closed form; None if they can."""
    return effects_obstacle(with_row_effects(spec))


def left_out_obstacle(spec: ModelSpec) -> str | None:
    """Say why no effects can be integrated out where rows are left out; None if some can."""
    return None if closed_obstacle(spec) is None else rows_obstacle(spec)


def groups_left_out_obstacle(spec: ModelSpec, codes: IntArray) -> str | None:
    """Say why the groups of rows in `codes` cannot be left out without refits; None if they can."""
    return None if closed_obstacle(spec) is None else groups_obstacle(spec, codes)


def left_out(spec: ModelSpec) -> LeftOut[Any]:
    """Return what leaves rows and groups out; for those without an obstacle."""
    return closed_left_out(spec) if closed_obstacle(spec) is None else QuadratureLeftOut(spec)


def closed_left_out(spec: ModelSpec) -> GaussianLeftOut:
    """Return what leaves rows and groups out in closed form; for those without an obstacle."""
    return GaussianLeftOut(with_row_effects(spec))
