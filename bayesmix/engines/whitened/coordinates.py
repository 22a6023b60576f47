"""Population effects, sds, correlations and auxiliaries as one vector of real numbers."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from bayesmix.base.arrays import FloatArray
from bayesmix.engines.whitened.thresholds import Gaps, Thresholds, thresholds_of
from bayesmix.engines.whitened.transforms import (
    Correlation,
    Identity,
    Rising,
    Scale,
    Transform,
    between,
)
from bayesmix.model.spec import ModelSpec
from bayesmix.priors.prior import Prior
from bayesmix.priors.slopes import densities_and_slopes
from bayesmix.priors.support import bounds_of

__all__ = ["Coordinates", "Evaluated", "bounds_obstacle", "coordinates_of"]

# Orders of magnitude by which an sd may be moved, and how much less likely than the best it may be.
FURTHEST_POWER, UNLIKELY = 15, 20.0

type Law = Callable[[FloatArray], tuple[FloatArray, FloatArray]]


class Evaluated(NamedTuple):
    """The parameters of M chains, their prior, and what a chain rule needs.

    Attributes
    ----------
    values : ndarray, shape (d, M)
    log_prior : ndarray, shape (M,)
        Of the real numbers: the Jacobian of their transformation is part of it.
    slope : ndarray, shape (d, M)
        Its derivative by the real numbers.
    pull : callable
        Derivative by the parameters (d, M) -> derivative by the real numbers.
    """

    values: FloatArray
    log_prior: FloatArray
    slope: FloatArray
    pull: Callable[[FloatArray], FloatArray]


@dataclasses.dataclass(frozen=True, eq=False)
class Part:
    """Consecutive parameters that share a transformation and a distribution."""

    rows: slice
    transform: Transform
    law: Law
    bounds: tuple[float, float] = (-np.inf, np.inf)


@dataclasses.dataclass(frozen=True, eq=False)
class Coordinates:
    """The parameters beside the effects: (population effects, sds, correlations, others).

    Each kind has those of all predictors, one after another; sds that are correlated across
    predictors follow each other.

    Attributes
    ----------
    parts : tuple of Part
        In order, without gaps.
    population, sds, free : slice
        Rows of each kind.
    auxiliary : dict of str to slice
        Rows of each auxiliary parameter.
    size : int
    thresholds : Thresholds or None
        Their intercept is the last of the population effects, and their distances follow.
    """

    parts: tuple[Part, ...]
    population: slice
    sds: slice
    free: slice
    auxiliary: dict[str, slice]
    size: int
    thresholds: Thresholds | None = None

    def evaluate(self, x: FloatArray) -> Evaluated:
        """Return the parameters at real numbers (d, M), with prior and derivatives."""
        values, slope = np.empty_like(x), np.empty_like(x)
        log_prior = np.zeros(x.shape[1])
        pulls = []
        for part in self.parts:
            moved = part.transform.move(x[part.rows])
            log, by_value = part.law(moved.values)
            values[part.rows] = moved.values
            slope[part.rows] = moved.slope + moved.pull(by_value)
            log_prior += log.sum(axis=0) + moved.log_jacobian
            pulls.append(moved.pull)

        def pull(by_values: FloatArray) -> FloatArray:
            by_numbers = np.empty_like(by_values)
            for part, own in zip(self.parts, pulls, strict=True):
                by_numbers[part.rows] = own(by_values[part.rows])
            return by_numbers

        return Evaluated(values, log_prior, slope, pull)

    def values(self, x: FloatArray) -> FloatArray:
        """Return the parameters alone."""
        return np.concatenate([part.transform.values(x[part.rows]) for part in self.parts])

    def back(self, values: FloatArray) -> FloatArray:
        """Return the real numbers of parameters (d, M)."""
        return np.concatenate([part.transform.back(values[part.rows]) for part in self.parts])

    def population_prior(self, beta: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return slope (p,) and what is positive of the curvature of the prior of beta (p,)."""
        slope, curvature = np.zeros_like(beta), np.zeros_like(beta)
        for part in self._of_population():
            rows = part.rows
            at = beta[rows, None]
            step = 1e-4 * (1 + np.abs(at))
            below, here, above = (part.law(at + k * step)[1] for k in (-1, 0, 1))
            slope[rows] = here[:, 0]
            curvature[rows] = np.maximum((below - above)[:, 0] / (2 * step[:, 0]), 0.0)
        return slope, curvature

    def inside(self, beta: FloatArray, margin: FloatArray) -> FloatArray:
        """Return population effects (p,) moved inside their bounds by a margin (p,)."""
        moved = beta.copy()
        for part in self._of_population():
            lower, upper = part.bounds
            own = np.minimum(margin[part.rows], 0.1 * (upper - lower))
            moved[part.rows] = np.clip(beta[part.rows], lower + own, upper - own)
        return moved

    def plausible(self, sds: FloatArray, place: slice) -> FloatArray:
        """Return sds (k,), moved by orders of magnitude where their priors do not allow them."""
        powers = 10.0 ** np.arange(-FURTHEST_POWER, FURTHEST_POWER + 1)
        moved = sds.copy()
        for part in self.parts:
            for row in range(max(part.rows.start, place.start), min(part.rows.stop, place.stop)):
                own = row - place.start
                lower, upper = part.bounds
                grid = np.unique(np.clip(sds[own] * powers, lower, upper))
                inside = grid[(grid > lower) & (grid < upper)]
                if not len(inside):
                    moved[own] = lower + 0.5 * min(upper - lower, max(lower, 1.0))
                    continue
                every = np.repeat(inside[None], part.rows.stop - part.rows.start, axis=0)
                log = part.law(every)[0][row - part.rows.start] + np.log(inside)
                allowed = inside[log > np.max(log) - UNLIKELY]
                if len(allowed):
                    distance = np.abs(np.log(allowed / sds[own]))
                    moved[own] = allowed[int(np.argmin(distance))]
        return moved

    def _of_population(self) -> tuple[Part, ...]:
        return tuple(part for part in self.parts if part.rows.stop <= self.population.stop)

    def with_units(self, sizes: FloatArray) -> Coordinates:
        """Return coordinates whose sds have other sizes (k,), in the order of the sds."""
        start = self.sds.start
        parts = tuple(
            dataclasses.replace(
                part,
                transform=Scale(sizes[part.rows.start - start : part.rows.stop - start, None]),
            )
            if isinstance(part.transform, Scale)
            else part
            for part in self.parts
        )
        return dataclasses.replace(self, parts=parts)


def bounds_obstacle(spec: ModelSpec) -> str | None:
    """Say which prior has bounds that are not known."""
    for leaf in spec.priors.leaves:
        bounds = bounds_of(leaf.prior) if isinstance(leaf.prior, Prior) else (-np.inf, np.inf)
        if bounds is None:
            return f"where {leaf.prior!r}, the prior of {leaf.path}, ends is known to PyMC alone"
        if leaf.is_threshold and np.isfinite(bounds).any():
            return f"{leaf.prior!r}, the prior of the thresholds {leaf.path}, has bounds"
    return None


def coordinates_of(spec: ModelSpec) -> Coordinates:
    """Lay out the parameters of a specification, with sds of size one."""
    parts, joint = spec.parts, spec.design.joint_effects
    builder = _Builder()
    rows_population = builder.add([prior for part in parts for prior in part.population_priors])
    thresholds, auxiliary = thresholds_of(spec), {}
    if thresholds is not None:
        own = builder.add_thresholds(thresholds, spec.priors.auxiliary[thresholds.name])
        rows_population = slice(0, own.start + 1)
        auxiliary[thresholds.name] = slice(own.start + 1, own.stop)
    rows_sds = builder.add(
        [
            prior
            for one in joint
            for term in one.terms
            for prior in spec.part(term).priors.sd[term.factor]
        ],
        scales=True,
    )
    shapes = [np.empty((0, 2)), *(spec.joint_correlations(one).shapes for one in joint)]
    rows_free = builder.add_correlations(np.concatenate(shapes))
    auxiliary |= {
        name: builder.add_auxiliary(spec, name, prior)
        for name, prior in spec.priors.auxiliary.items()
        if name not in auxiliary
    }
    sizes = builder.size, thresholds
    return Coordinates(
        tuple(builder.parts), rows_population, rows_sds, rows_free, auxiliary, *sizes
    )


class _Builder:
    """Parts one after the other."""

    def __init__(self) -> None:
        self.parts: list[Part] = []
        self.size = 0

    def add(self, priors: Sequence[Prior], *, scales: bool = False) -> slice:
        """Add parameters with a prior each."""
        start = self.size
        masses = [bounds_of(prior) or (-np.inf, np.inf) for prior in priors]
        place = 0
        for bounds, run in itertools.groupby(masses):
            together = priors[place : place + len(list(run))]
            for rows, law in densities_and_slopes(together):
                is_scale = scales and bounds == (0.0, np.inf)
                ones = np.ones((rows.stop - rows.start, 1))
                transform = Scale(ones) if is_scale else between(*bounds)
                self._append(rows.stop - rows.start, transform, law, bounds)
            place += len(together)
        return slice(start, self.size)

    def add_correlations(self, shapes: FloatArray) -> slice:
        """Add free numbers of correlations, whose transformation has their prior."""
        start = self.size
        if len(shapes):
            self._append(len(shapes), Correlation(shapes), _uniform)
        return slice(start, self.size)

    def add_thresholds(self, thresholds: Thresholds, prior: Prior) -> slice:
        """Add an intercept and distances, which have the prior of the thresholds that they make."""
        start, free = self.size, thresholds.free
        ((_, law),) = densities_and_slopes([prior] * len(free))

        def law_of_both(values: FloatArray) -> tuple[FloatArray, FloatArray]:
            log, slope = law(free @ values)
            return log, free.T @ slope

        self._append(len(free), Gaps() if thresholds.are_ordered else Identity(), law_of_both)
        return slice(start, self.size)

    def add_auxiliary(self, spec: ModelSpec, name: str, prior: Prior) -> slice:
        """Add a parameter of the family, which may have a length."""
        length = spec.priors.lengths[name]
        if not spec.family.parameter(name).support.is_ordered:
            return self.add([prior] * (length or 1))
        start = self.size
        ((_, law),) = densities_and_slopes([prior] * (length or 1))
        self._append(length or 1, Rising(), law)
        return slice(start, self.size)

    def _append(
        self,
        size: int,
        transform: Transform,
        law: Law,
        bounds: tuple[float, float] = (-np.inf, np.inf),
    ) -> None:
        self.parts.append(Part(slice(self.size, self.size + size), transform, law, bounds))
        self.size += size


def _uniform(values: FloatArray) -> tuple[FloatArray, FloatArray]:
    return np.zeros_like(values), np.zeros_like(values)
