"""The arrays of a specification in the order in which the density passes over them."""

from __future__ import annotations

import dataclasses
import functools

import numpy as np
from scipy import sparse

from bayesmix.base.arrays import FloatArray, IntArray
from bayesmix.covariance.correlations import Correlations
from bayesmix.engines.whitened.coordinates import Coordinates, coordinates_of
from bayesmix.families.links import LINKS
from bayesmix.families.scores import chains_first
from bayesmix.families.values import Rows
from bayesmix.model.centring import centred_design
from bayesmix.model.spec import ModelSpec

__all__ = ["Factor", "Layout", "layout_of"]


@dataclasses.dataclass(frozen=True, eq=False)
class Factor:
    """One grouping factor: J levels with q effects each.

    Attributes
    ----------
    place : int
        Among the groups of the design.
    n_levels, n_effects : int
    codes : ndarray of int64, shape (n,)
        Level of each row.
    Z : ndarray, shape (q, n)
    correlations : Correlations
    sds, free : slice
        Its parameters among the coordinates.
    rows : slice
        Its effects among those of all factors, level by level.
    """

    place: int
    n_levels: int
    n_effects: int
    codes: IntArray
    Z: FloatArray
    correlations: Correlations
    sds: slice
    free: slice
    rows: slice

    @functools.cached_property
    def pattern(self) -> frozenset[tuple[int, int]]:
        """Places of L that are not zero."""
        return frozenset(self.correlations.pattern)

    @property
    def size(self) -> int:
        """Number of effects of all levels."""
        return self.n_levels * self.n_effects

    def scale(self, values: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return ``diag(sd) C`` and C (M, q, q) at values of all parameters (d, M)."""
        sd = values[self.sds].T
        root = self.correlations.factor(values[self.free].T)
        if not self.correlations:
            root = np.broadcast_to(root, (*sd.shape, self.n_effects))
        return sd[..., None] * root, root


@dataclasses.dataclass(frozen=True, eq=False)
class Layout:
    """Rows sorted by the factor with most effects, and the factors, the largest first.

    Attributes
    ----------
    spec : ModelSpec
    coordinates : Coordinates
        Of the parameters beside the effects.
    order : ndarray of int64, shape (n,)
        The rows of the design.
    y, offset : ndarray, shape (n,)
    rows : Rows
        Weights and trials.
    X : ndarray, shape (n, p)
        Centred where the intercept has a prior of its own; with a last column of ones where
        thresholds take its place.
    means : ndarray, shape (p,)
        What was taken off.
    factors : tuple of Factor
    Z : csr_array, shape (n, m)
        All effects of all factors.
    """

    spec: ModelSpec
    coordinates: Coordinates
    order: IntArray
    y: FloatArray
    offset: FloatArray
    rows: Rows
    X: FloatArray
    means: FloatArray
    factors: tuple[Factor, ...]
    Z: sparse.csr_array

    @property
    def n_rows(self) -> int:
        """Number of rows n."""
        return len(self.y)

    @property
    def has_offset(self) -> bool:
        """Whether there is an offset."""
        return self.spec.design.offset is not None

    @property
    def n_effects(self) -> int:
        """Number of effects of all factors m."""
        return self.Z.shape[1]

    @property
    def size(self) -> int:
        """Number of dimensions of the posterior."""
        return self.coordinates.size + self.n_effects

    @functools.cached_property
    def constant(self) -> float:
        """Log likelihood at any point, less what `Family.scores` says of it."""
        family = self.spec.family
        inside = self.coordinates.values(np.zeros((self.coordinates.size, 1)))
        anywhere = self.auxiliary(inside)
        # Far from the responses the constant would be a difference of large numbers.
        with np.errstate(all="ignore"):
            placed = family.on_predictor_scale(self.y)
            place = LINKS[family.link].near(self.y.mean()) if placed is None else placed.mean()
        near = float(place)
        eta = np.full((self.n_rows, 1), near if np.isfinite(near) else 0.0)
        p = family.values(eta.T, chains_first(anywhere))
        density = float(np.sum(family.density(self.y, p, self.rows)))
        return density - float(family.scores(self.y, eta, anywhere, self.rows).total[0])

    def auxiliary(self, values: FloatArray) -> dict[str, FloatArray]:
        """Return the auxiliary parameters (M,), or (K, M), at values of all parameters (d, M)."""
        lengths, thresholds = self.spec.priors.lengths, self.coordinates.thresholds
        found = {}
        for name, rows in self.coordinates.auxiliary.items():
            if thresholds is not None and name == thresholds.name:
                found[name] = thresholds.relative @ values[rows]
            else:
                found[name] = values[rows] if lengths[name] else values[rows.start]
        return found

    def by_rows(self, name: str, by_auxiliary: FloatArray) -> FloatArray:
        """Take derivatives by an auxiliary parameter to those by its rows of the parameters."""
        thresholds = self.coordinates.thresholds
        if thresholds is not None and name == thresholds.name:
            return thresholds.relative.T @ by_auxiliary
        return by_auxiliary


def layout_of(spec: ModelSpec) -> Layout:
    """Lay out a specification."""
    design = centred_design(spec)
    coordinates = coordinates_of(spec)
    places = sorted(
        range(len(design.groups)),
        key=lambda t: -design.groups[t].n_levels * design.groups[t].n_effects,
    )
    n = design.n_rows
    order = np.arange(n)
    if places:
        order = np.argsort(design.groups[places[0]].codes, kind="stable")
    sd_starts = np.cumsum([0, *(term.n_effects for term in design.groups)])
    correlations = [spec.correlations(term) for term in spec.design.groups]
    free_starts = np.cumsum([0, *map(len, correlations)])
    factors = []
    start = 0
    for t in places:
        term = design.groups[t]
        sds, free = coordinates.sds.start, coordinates.free.start
        factors.append(
            Factor(
                place=t,
                n_levels=term.n_levels,
                n_effects=term.n_effects,
                codes=term.codes[order],
                Z=np.ascontiguousarray(term.Z[order].T),
                correlations=correlations[t],
                sds=slice(sds + sd_starts[t], sds + sd_starts[t + 1]),
                free=slice(free + free_starts[t], free + free_starts[t + 1]),
                rows=slice(start, start + term.n_levels * term.n_effects),
            )
        )
        start += term.n_levels * term.n_effects
    means = spec.population_centre
    X = design.X[order] - means
    if coordinates.thresholds is not None:
        X = np.column_stack([X, np.ones(n)])
    offset = np.zeros(n) if design.offset is None else design.offset[order]
    weights = None if design.weights is None else design.weights[order]
    trials = None if design.trials is None else np.asarray(design.trials, dtype=float)[order]
    return Layout(
        spec=spec,
        coordinates=coordinates,
        order=order,
        y=np.asarray(design.y, dtype=np.float64)[order],
        offset=offset,
        rows=spec.family.rows(weights, trials),
        X=np.ascontiguousarray(X),
        means=means,
        factors=tuple(factors),
        Z=_all_effects(n, factors, start),
    )


def _all_effects(n: int, factors: list[Factor], size: int) -> sparse.csr_array:
    """Put the columns of all effects into one matrix, a row's entries factor after factor."""
    width = sum(factor.n_effects for factor in factors)
    columns = np.empty((n, width), dtype=np.int32)
    values = np.empty((n, width))
    place = 0
    for factor in factors:
        for a in range(factor.n_effects):
            columns[:, place] = factor.rows.start + factor.codes * factor.n_effects + a
            values[:, place] = factor.Z[a]
            place += 1
    starts = np.arange(n + 1, dtype=np.int32 if n * width < 2**31 else np.int64) * width
    return sparse.csr_array((values.ravel(), columns.ravel(), starts), shape=(n, size))
