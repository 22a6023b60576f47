"""Importance sampling over theta for rows and groups that the draws of theta cannot do without.

Where leaving a row out moves theta too far for its draws to be weighted, the draws are moved: by
the affine map that takes their mean and covariance to those of the weighted draws. Both sets then
serve together. No draw is random, and nothing is refitted.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import logsumexp

from bayesmix.base.arrays import FloatArray, IntArray
from bayesmix.blocks.theta import Theta
from bayesmix.engines.exact.left_out import group_densities
from bayesmix.engines.exact.marginal import marginal_of
from bayesmix.engines.exact.space import ThetaSpace
from bayesmix.model.spec import ModelSpec

__all__ = ["DENSITIES", "matched"]

type LogDensity = Callable[[FloatArray], FloatArray]

# Maps that are tried, and the Pareto k at which a group is done.
ROUNDS, LOW_K = 4, 0.5
# How many times the densities of all draws of theta are computed for one row, at most.
DENSITIES = 3 * ROUNDS
# Draws below which a covariance leans on that of all draws, for each dimension.
TRUSTED = 10


def matched(
    spec: ModelSpec,
    theta: Theta,
    codes: IntArray,
    left_out: IntArray,
    *,
    r_eff: float = 1.0,
    run: Callable[..., Any] = map,
) -> tuple[FloatArray, FloatArray]:
    """Compute the log predictive density of some rows or groups given all others.

    Parameters
    ----------
    spec : ModelSpec
        One without an obstacle.
    theta : Theta
        Draws given all rows.
    codes : ndarray of int64, shape (n,)
        Group of each row; rows are groups of one.
    left_out : ndarray of int64, shape (m,)
        The groups.
    r_eff : float
        Effective over actual number of draws.
    run : callable
        As in `bayesmix.engines.exact.left_out.row_densities`.

    Returns
    -------
    elpd : ndarray, shape (m,)
    k : ndarray, shape (m,)
        Pareto k of the weights; infinite where the draws cannot be moved.

    Notes
    -----
    Let ``p`` be the posterior of theta, ``x`` its draws on the unconstrained scale, and ``T`` the
    map. ``x`` and ``T(x)`` together are draws from ``q(x) = (p(x) + p(T^-1 x) / |T|) / 2``
    (the balance heuristic of Veach & Guibas), so that the weights of all rows, ``p / q``, are at
    most 2, and those of all others, ``p / (q p(y_i | y_-i))``, have the tails of a map that was
    made for them.

    References
    ----------
    Paananen, Piironen, Buerkner & Vehtari (2021), Statistics and Computing 31, 16,
    https://doi.org/10.1007/s11222-020-09982-2
    """
    space, marginal = ThetaSpace.of(spec), marginal_of(spec)
    model, units = marginal.model, marginal.units
    with np.errstate(all="ignore"):
        x = space.vector(theta)
    if not np.isfinite(x).all() or len(x) <= space.size:
        return np.full(len(left_out), np.nan), np.full(len(left_out), np.inf)

    def log_posterior(x: FloatArray) -> FloatArray:
        def log(x: FloatArray) -> FloatArray:
            theta = units.theta(space.theta(x))
            return model.log_density(theta, run) + space.log_prior(x)

        return _where(space.inside(x), x, log)

    own = log_posterior(x)
    elpd, k = np.empty(len(left_out)), np.empty(len(left_out))
    for place, group in enumerate(left_out):
        one = np.where(codes == group, 0, -1)

        def predictive(x: FloatArray, one: IntArray = one) -> FloatArray:
            def log(x: FloatArray) -> FloatArray:
                return group_densities(spec, space.theta(x), None, run, codes=one)[:, 0]

            return _where(space.inside(x), x, log)

        elpd[place], k[place] = _one(x, own, log_posterior, predictive, r_eff)
    return elpd, k


def _where(use: npt.NDArray[np.bool_], x: FloatArray, function: LogDensity) -> FloatArray:
    """Compute a log density where it can be, -inf elsewhere."""
    values = np.full(len(x), -np.inf)
    if use.any():
        with np.errstate(all="ignore"):
            found = function(x[use])
        values[use] = np.where(np.isfinite(found), found, -np.inf)
    return values


@dataclasses.dataclass(frozen=True, eq=False)
class _Map:
    """An affine map of draws."""

    before: FloatArray
    after: FloatArray
    matrix: FloatArray

    @classmethod
    def of(cls, x: FloatArray, moved: FloatArray, weight: FloatArray) -> _Map:
        """Take mean and covariance of draws to those of weighted ones."""
        before, covariance = x.mean(axis=0), np.cov(x.T, ddof=0).reshape(x.shape[1], -1)
        after = weight @ moved
        centred = moved - after
        own = centred.T @ (centred * weight[:, None])
        size = 1 / (weight**2).sum()
        trust = size / (size + TRUSTED * x.shape[1])
        root = np.linalg.cholesky(trust * own + (1 - trust) * covariance)
        # Root times the inverse of the root of the draws' covariance.
        matrix = np.linalg.solve(np.linalg.cholesky(covariance).T, root.T).T
        return cls(before, after, matrix)

    @property
    def log_size(self) -> float:
        return float(np.linalg.slogdet(self.matrix)[1])

    def __call__(self, x: FloatArray) -> FloatArray:
        return np.asarray(self.after + (x - self.before) @ self.matrix.T)

    def inverse(self, x: FloatArray) -> FloatArray:
        return np.asarray(self.before + np.linalg.solve(self.matrix, (x - self.after).T).T)


def _one(
    x: FloatArray,
    own: FloatArray,
    log_posterior: LogDensity,
    predictive: LogDensity,
    r_eff: float,
) -> tuple[float, float]:
    """Move the draws until the weights of one group are well behaved; the best of all rounds."""
    of_draws = predictive(x)
    points, density, log_q = x, of_draws, np.zeros(len(x))
    weight, k = _smoothed(-of_draws, r_eff)
    best = (float(logsumexp(weight + of_draws)), k)
    for _ in range(ROUNDS):
        try:
            move = _Map.of(x, points, np.exp(weight))
        except np.linalg.LinAlgError:
            break
        moved = move(x)
        log_p = np.concatenate([own, log_posterior(moved)])
        back = np.concatenate([log_posterior(move.inverse(x)), own]) - move.log_size
        log_q = np.logaddexp(log_p, back)
        points = np.concatenate([x, moved])
        density = np.concatenate([of_draws, predictive(moved)])
        possible = np.isfinite(log_p) & np.isfinite(density)
        density = np.where(possible, density, 0.0)
        with np.errstate(invalid="ignore"):
            log_ratio = np.where(possible, log_p - log_q - density, -np.inf)
        weight, k = _smoothed(log_ratio, r_eff)
        if k < best[1]:
            best = (float(logsumexp(weight + density)), k)
        if k <= LOW_K:
            break
    return best


def _smoothed(log_ratio: FloatArray, r_eff: float) -> tuple[FloatArray, float]:
    """Smooth and normalise log weights by ArviZ's PSIS."""
    from arviz_stats.base import array_stats

    if not np.isfinite(log_ratio).any():
        return np.full(len(log_ratio), -np.log(len(log_ratio))), np.inf
    lowest = log_ratio[np.isfinite(log_ratio)].min()
    weight, k = array_stats.psislw(-np.maximum(log_ratio, lowest), r_eff=r_eff)
    weight = np.where(np.isfinite(log_ratio), weight, -np.inf)
    return weight - logsumexp(weight), float(k) if np.isfinite(k) else np.inf
