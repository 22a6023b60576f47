"""The map from standard normal numbers to effects, at any population effects and sds, and back."""

from __future__ import annotations

import dataclasses
from typing import NamedTuple

import numpy as np

from bayesmix.base.arrays import FloatArray
from bayesmix.engines.whitened.few import pull, solve
from bayesmix.engines.whitened.layout import Factor, Layout
from bayesmix.engines.whitened.levels import Matrix, Solved
from bayesmix.engines.whitened.passes import add_product, add_transposed_product
from bayesmix.engines.whitened.working import Eliminated

__all__ = ["Effects", "Whitening"]

# Levels times chains that derivatives are worked on at a time, to stay in the cache.
LEVELS = 16_384


class Effects(NamedTuple):
    """Effects of all factors, and what their derivatives need.

    Attributes
    ----------
    values : ndarray, shape (d, M)
        The parameters that they belong to.
    u : ndarray, shape (m, M)
    log_density : ndarray, shape (M,)
        Of the effects given the sds, up to ``-m log(2 pi) / 2``, with the Jacobian of the map.
    solved : list of Solved
        By factor.
    scales, roots : list of ndarrays, shape (M, q, q)
        ``diag(sd) C``, and C.
    """

    values: FloatArray
    u: FloatArray
    log_density: FloatArray
    solved: list[Solved]
    scales: list[FloatArray]
    roots: list[FloatArray]


@dataclasses.dataclass(frozen=True, eq=False)
class Whitening:
    """The map of one working model.

    Attributes
    ----------
    layout : Layout
    eliminated : tuple of Eliminated
    """

    layout: Layout
    eliminated: tuple[Eliminated, ...]

    @property
    def constant(self) -> float:
        """Logarithm of the part of the Jacobian that does not move."""
        return sum(own.log_correction for own in self.eliminated)

    def effects(self, values: FloatArray, zeta: FloatArray) -> Effects:
        """Compute the effects at parameters (d, M) and standard normal numbers (m, M)."""
        layout = self.layout
        beta = values[layout.coordinates.population]
        u = np.empty_like(zeta)
        log_density = np.zeros(zeta.shape[1])
        factors = layout.factors
        solved: list[Solved] = [None] * len(factors)  # type: ignore[list-item]
        scales, roots = [], []
        for factor in factors:
            scale, root = factor.scale(values)
            scales.append(scale)
            roots.append(root)
        for t in range(len(factors) - 1, -1, -1):
            factor, own = factors[t], self.eliminated[t]
            right = own.constant - own.population @ beta
            for s, across in own.later.items():
                less = np.zeros_like(right)
                add_product(across, u[factors[s].rows], less)
                right -= less
            turned = zeta[factor.rows]
            if own.correction is not None:
                turned = own.correction @ turned
            solved[t] = solve(
                _matrix(factor, scales[t]),
                own.gram,
                _by_effect(factor, right),
                _by_effect(factor, turned),
            )
            log_density += solved[t].log_density
            _fill(factor, u[factor.rows], solved[t].u)
        return Effects(values, u, log_density, solved, scales, roots)

    def pull(
        self, effects: Effects, by_effects: FloatArray, by_population: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Return derivatives of the whole density by the standard normal numbers and by values.

        Parameters
        ----------
        effects : Effects
        by_effects : ndarray, shape (m, M)
            Derivative of the log likelihood by the effects; is changed.
        by_population : ndarray, shape (p, M)
            Derivative of the log likelihood by the population effects.

        Returns
        -------
        ndarray, shape (m, M)
        ndarray, shape (d, M)
            By population effects, sds and free numbers of correlations; 0 for the others.
        """
        layout = self.layout
        chains = by_effects.shape[1]
        by_zeta = np.empty_like(by_effects)
        by_values = np.zeros((layout.coordinates.size, chains))
        by_values[layout.coordinates.population] = by_population
        for t, (factor, own) in enumerate(zip(layout.factors, self.eliminated, strict=True)):
            by_right = np.empty((factor.size, chains))
            by_scale = self._pull_levels(
                factor, own, effects.scales[t], effects.solved[t], by_effects, by_zeta, by_right
            )
            if own.correction is not None:
                by_zeta[factor.rows] = own.correction.T @ by_zeta[factor.rows]
            by_values[layout.coordinates.population] -= own.population.T @ by_right
            for s, across in own.later.items():
                less = np.zeros((layout.factors[s].size, chains))
                add_transposed_product(across, by_right, less)
                by_effects[layout.factors[s].rows] -= less
            _pull_scale(factor, by_scale, effects.roots[t], effects.values, by_values)
        return by_zeta, by_values

    def _pull_levels(
        self,
        factor: Factor,
        own: Eliminated,
        scale: FloatArray,
        solved: Solved,
        by_effects: FloatArray,
        by_zeta: FloatArray,
        by_right: FloatArray,
    ) -> FloatArray:
        """Go back through the levels of a factor, in blocks; return the derivative by L."""
        chains, q = len(scale), factor.n_effects
        matrix = _matrix(factor, scale)
        by_u = _by_effect(factor, by_effects[factor.rows])
        by_scale = np.zeros_like(scale)
        zeta = by_zeta[factor.rows].reshape(factor.n_levels, q, chains)
        right = by_right.reshape(factor.n_levels, q, chains)
        step = factor.n_levels if q == 1 else max(16, LEVELS // chains)
        for start in range(0, factor.n_levels, step):
            some = slice(start, start + step)
            gram = [[element[:, some] for element in row] for row in own.gram]
            pulled = pull(matrix, gram, _some(solved, some), [one[:, some] for one in by_u])
            for a in range(q):
                zeta[some, a] = pulled.zeta[a].T
                right[some, a] = pulled.right[a].T
                for b in range(a + 1):
                    by_scale[:, a, b] += pulled.scale[a][b]
        return by_scale


def _matrix(factor: Factor, scale: FloatArray) -> Matrix:
    """Return the elements (M, 1) of L, None for those that are zero."""
    q = factor.n_effects
    return [
        [scale[:, a, b, None] if (a, b) in factor.pattern else None for b in range(q)]
        for a in range(q)
    ]


def _by_effect(factor: Factor, values: FloatArray) -> list[FloatArray]:
    """Return an array of chains by levels for each effect."""
    if factor.n_effects == 1:
        return [np.ascontiguousarray(values.T)]
    levels = values.reshape(factor.n_levels, factor.n_effects, -1)
    return [np.ascontiguousarray(levels[:, a].T) for a in range(factor.n_effects)]


def _fill(factor: Factor, out: FloatArray, values: list[FloatArray]) -> None:
    levels = out.reshape(factor.n_levels, factor.n_effects, -1)
    for a, own in enumerate(values):
        levels[:, a] = own.T


def _some(solved: Solved, levels: slice) -> Solved:
    def cut(vector: list[FloatArray]) -> list[FloatArray]:
        return [one[:, levels] for one in vector]

    return Solved(
        cut(solved.u),
        cut(solved.v),
        solved.log_density,
        cut(solved.right),
        cut(solved.zeta),
        [cut(row) for row in solved.root],
        [cut(row) for row in solved.half],
    )


def _pull_scale(
    factor: Factor,
    by_scale: FloatArray,
    root: FloatArray,
    values: FloatArray,
    by_values: FloatArray,
) -> None:
    """Add the derivative by sds and free numbers of correlations, given that by L."""
    by_values[factor.sds] += (by_scale * root).sum(axis=2).T
    if factor.correlations:
        by_root = by_scale * values[factor.sds].T[..., None]
        free = values[factor.free].T
        by_values[factor.free] += factor.correlations.pullback(free, by_root).T
