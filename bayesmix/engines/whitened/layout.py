"""The arrays of a specification in the order in which the density passes over them."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence

import numpy as np
from scipy import linalg, sparse

from bayesmix.base.arrays import FloatArray, IntArray
from bayesmix.covariance.correlations import Correlations
from bayesmix.design.joint_effects import JointEffects, joined
from bayesmix.engines.whitened.coordinates import Coordinates, coordinates_of
from bayesmix.engines.whitened.repeated import Observed, near, observed
from bayesmix.families.family import Family
from bayesmix.families.values import Rows
from bayesmix.model.centring import centred_design
from bayesmix.model.spec import ModelSpec

__all__ = ["Factor", "Layout", "layout_of"]


@dataclasses.dataclass(frozen=True, eq=False)
class Factor:
    """One grouping factor: J levels with q effects each.

    Attributes
    ----------
    predictors : tuple of int, length q
        The predictor of each effect, among those of the specification.
    joint : JointEffects
        As written.
    codes : ndarray of int64, shape (K n,)
        Level of each row, for each predictor.
    Z : ndarray, shape (q, K n)
        Zero in the rows of other predictors.
    correlations : Correlations
    sds, free : slice
        Its parameters among the coordinates.
    rows : slice
        Its effects among those of all factors, level by level.
    """

    predictors: tuple[int, ...]
    joint: JointEffects
    codes: IntArray
    Z: FloatArray
    correlations: Correlations
    sds: slice
    free: slice
    rows: slice

    @functools.cached_property
    def n_levels(self) -> int:
        """Number of levels J."""
        return self.joint.n_levels

    @functools.cached_property
    def n_effects(self) -> int:
        """Number of effects q."""
        return self.joint.n_effects

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

    Of several predictors K what has a linear predictor is there K times, one predictor after
    another: the linear predictors of all are one product with K n rows.

    Attributes
    ----------
    spec : ModelSpec
    coordinates : Coordinates
        Of the parameters beside the effects.
    observed : Observed
        Responses, weights and trials. The n rows are those of the design, or sums of them.
    offset : ndarray, shape (K n,)
    X : ndarray, shape (K n, p)
        Centred where the intercept has a prior of its own; with a last column of ones where
        thresholds take its place.
    means : tuple of ndarray, shape (p_k,)
        What was taken off, by predictor.
    factors : tuple of Factor
    Z : csr_array, shape (K n, m)
        All effects of all factors.
    """

    spec: ModelSpec
    coordinates: Coordinates
    observed: Observed
    offset: FloatArray
    X: FloatArray
    means: tuple[FloatArray, ...]
    factors: tuple[Factor, ...]
    Z: sparse.csr_array

    @functools.cached_property
    def y(self) -> FloatArray:
        """Responses (n,)."""
        return self.observed.y

    @functools.cached_property
    def rows(self) -> Rows:
        """Weights and trials of the rows."""
        return self.observed.rows

    @functools.cached_property
    def family(self) -> Family:
        """The family of the rows: of sums it may be another than that of the specification."""
        return self.observed.family

    @property
    def n_rows(self) -> int:
        """Number of rows n."""
        return len(self.y)

    @functools.cached_property
    def predictors(self) -> tuple[str, ...]:
        """Parameters that have a predictor, in order."""
        return self.spec.family.predictors

    @functools.cached_property
    def has_offset(self) -> bool:
        """Whether there is an offset."""
        return bool(self.offset.any())

    def by_predictor(self, stacked: FloatArray) -> list[FloatArray]:
        """Cut what is there for each predictor, (K n, ...), into arrays (n, ...)."""
        n = len(stacked) // len(self.predictors)
        return [stacked[k * n : (k + 1) * n] for k in range(len(self.predictors))]

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
        family = self.family
        inside = self.coordinates.values(np.zeros((self.coordinates.size, 1)))
        anywhere = self.auxiliary(inside)
        # Far from the responses the constant would be a difference of large numbers.
        eta = np.full((self.n_rows, 1), near(family, self.y))
        anywhere |= {name: np.zeros_like(eta) for name in self.predictors[1:]}
        p = family.chains_first(eta, anywhere)
        density = float(np.sum(family.density(self.y, p, self.rows)))
        of_scores = float(family.scores(self.y, eta, anywhere, self.rows).total[0])
        return density - of_scores + self.observed.rest

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
    coordinates, parts = coordinates_of(spec), spec.parts
    every = spec.design.joint_effects
    centred = joined(centred_design(spec).every_group)
    places = sorted(range(len(every)), key=lambda t: -every[t].n_levels * every[t].n_effects)
    seen = observed(spec, every[places[0]].terms[0].codes if places else None)
    order = seen.order
    sd_starts = np.cumsum([0, *(joint.n_effects for joint in every)])
    correlations = [spec.joint_correlations(joint) for joint in every]
    of_predictor = {part.design.predictor: k for k, part in enumerate(parts)}
    free_starts = np.cumsum([0, *map(len, correlations)])
    factors = []
    start = 0
    for t in places:
        joint = every[t]
        sds, free = coordinates.sds.start, coordinates.free.start
        Z = np.zeros((joint.n_effects, len(parts), len(order)))
        for term, place in centred[t].members:
            Z[place, of_predictor[term.predictor]] = term.Z[order].T
        factors.append(
            Factor(
                predictors=tuple(
                    of_predictor[term.predictor] for term in joint.terms for _ in term.effects
                ),
                joint=joint,
                codes=np.tile(joint.terms[0].codes[order], len(parts)),
                Z=Z.reshape(joint.n_effects, -1),
                correlations=correlations[t],
                sds=slice(sds + sd_starts[t], sds + sd_starts[t + 1]),
                free=slice(free + free_starts[t], free + free_starts[t + 1]),
                rows=slice(start, start + joint.n_levels * joint.n_effects),
            )
        )
        start += joint.n_levels * joint.n_effects
    offset = seen.offset
    if offset is None:
        offset = np.concatenate([_offset(part)[order] for part in parts])
    return Layout(
        spec=spec,
        coordinates=coordinates,
        observed=seen,
        offset=offset,
        X=_population_effects(parts, order, coordinates.thresholds is not None),
        means=tuple(part.population_centre for part in parts),
        factors=tuple(factors),
        Z=_all_effects(len(parts), len(order), factors, start),
    )


def _offset(spec: ModelSpec) -> FloatArray:
    offset = spec.design.offset
    return np.zeros(spec.design.n_rows) if offset is None else offset


def _population_effects(
    parts: Sequence[ModelSpec], order: IntArray, has_thresholds: bool
) -> FloatArray:
    """Put the columns of all predictors into one matrix, with zeros where they are not theirs."""
    blocks = [part.design.X[order] - part.population_centre for part in parts]
    X = linalg.block_diag(*blocks) if len(blocks) > 1 else blocks[0]
    if has_thresholds:
        ones = np.zeros((len(X), 1))
        ones[: len(order)] = 1.0
        X = np.column_stack([X, ones])
    return np.ascontiguousarray(X)


def _all_effects(predictors: int, n: int, factors: list[Factor], size: int) -> sparse.csr_array:
    """Put the columns of all effects into one matrix, a row's entries factor after factor."""
    widths = [sum(own.predictors.count(k) for own in factors) for k in range(predictors)]
    columns, values = [], []
    for k, width in enumerate(widths):
        own_columns, own_values = np.empty((n, width), dtype=np.int32), np.empty((n, width))
        rows, place = slice(k * n, (k + 1) * n), 0
        for factor in factors:
            for a in np.flatnonzero(np.array(factor.predictors) == k):
                own_columns[:, place] = (
                    factor.rows.start + factor.codes[rows] * factor.n_effects + a
                )
                own_values[:, place] = factor.Z[a, rows]
                place += 1
        columns.append(own_columns.ravel())
        values.append(own_values.ravel())
    total = n * sum(widths)
    starts = np.zeros(predictors * n + 1, dtype=np.int32 if total < 2**31 else np.int64)
    np.cumsum(np.repeat(widths, n), out=starts[1:])
    entries = (np.concatenate(values), np.concatenate(columns), starts)
    return sparse.csr_array(entries, shape=(predictors * n, size))
