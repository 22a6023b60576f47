"""Densities of held-out rows in closed form: group effects integrated out of Gaussian models."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse
from scipy.special import logsumexp

from bayesmix.base.arrays import FloatArray, IntArray
from bayesmix.design.design import Design
from bayesmix.design.groupterm import GroupTerm
from bayesmix.model.gaussian import response_obstacle
from bayesmix.model.spec import ModelSpec
from bayesmix.posterior.draws import Draws, linear_predictor
from bayesmix.predictions.splits import Split

__all__ = ["Closed"]


class Closed:
    """Given theta, beta and the effects of other factors, the rows are jointly normal."""

    def obstacle(self, spec: ModelSpec) -> str | None:
        """Say why the response is not Gaussian."""
        return response_obstacle(spec)

    def rows(self, split: Split, rng: np.random.Generator) -> Iterator[FloatArray]:
        """Yield normal densities."""
        size, gaussian = _gaussian_predictor(split)
        for mean, variance in map(gaussian, split.draws.batches(size)):
            yield _normal_log_density(split.held_out.y, mean, variance)

    def together(self, split: Split, rng: np.random.Generator) -> tuple[float, tuple[str, ...]]:
        """Average multivariate normal densities, which are certain."""
        held_out, draws = split.held_out, split.draws
        n = held_out.n_rows
        size, gaussian = _gaussian_predictor(split, joint=True)
        logs = []
        for batch in draws.batches(max(size, n * n)):
            mean, covariance = gaussian(batch)
            factor = np.linalg.cholesky(covariance)
            white = np.linalg.solve(factor, (held_out.y - mean)[..., None])[..., 0]
            log_root = np.log(np.einsum("bii->bi", factor)).sum(axis=1)
            logs.append(-0.5 * (n * np.log(2 * np.pi) + (white**2).sum(axis=1)) - log_root)
        return float(logsumexp(np.concatenate(logs)) - np.log(len(draws))), ()


def _sigma(batch: Draws) -> FloatArray:
    """Residual sd of a row of weight one (B,): 1 where standard errors are known."""
    return batch.auxiliary.get("sigma", np.ones(len(batch)))


def _normal_log_density(y: FloatArray, mean: FloatArray, variance: FloatArray) -> FloatArray:
    return -0.5 * (np.log(2 * np.pi * variance) + (y - mean) ** 2 / variance)


def _gaussian_predictor(
    split: Split, *, joint: bool = False
) -> tuple[int, Callable[[Draws], tuple[FloatArray, FloatArray]]]:
    """Prepare the mean (B, m) and the variance (B, m) or covariance (B, m, m) of the rows.

    They are given theta, beta and the group effects, except those of unseen levels and of one
    factor. Given all else, the effects of a level j of that factor are Normal with covariance
    ``sigma^2 K`` and mean ``K r``, where ``K = L (L' G L + sigma^2)^-1 L'``, ``L L' = Sigma``,
    ``G = Z'WZ`` of the level's training rows and ``r = Z'W`` of what else leaves of the response.
    An unseen level has G = 0 and r = 0, which is its prior.
    """
    train, held_out, unseen = split.spec.design, split.held_out, split.unseen
    weights = np.ones(held_out.n_rows) if held_out.weights is None else held_out.weights
    terms = {term.factor: term for term in held_out.groups}
    chosen = _integrated_factor(train, split.draws)
    every = np.ones(held_out.n_rows, dtype=np.bool_)
    without = unseen | ({chosen.factor: every} if chosen else {})
    level = _LevelPosterior.of(train, chosen, terms[chosen.factor]) if chosen else None

    def predict(batch: Draws) -> tuple[FloatArray, FloatArray]:
        noise = _sigma(batch)[:, None] ** 2
        mean = linear_predictor(held_out, batch, without)
        spread = noise / weights
        if joint:
            spread = spread[:, :, None] * np.eye(held_out.n_rows)
        for factor, rows in unseen.items():
            if rows.any() and (chosen is None or factor != chosen.factor):
                scale = batch.scale[factor]
                sigma = scale @ np.swapaxes(scale, 1, 2)
                of_rows = np.broadcast_to(sigma[None], (held_out.n_rows, *sigma.shape))
                spread = spread + _spread(terms[factor], of_rows, rows, joint)
        if level is not None:
            K, of_level = level(batch)
            term = terms[level.factor]
            for a in range(term.n_effects):
                mean = mean + term.Z[:, a] * of_level[level.place, :, a].T
            rows_K = K[level.class_of[level.place]] * noise[..., None]
            spread = spread + _spread(term, rows_K, every, joint)
        return mean, spread

    q = max((term.n_effects for term in held_out.groups), default=1)
    size = held_out.n_rows * (q * q + (held_out.n_rows if joint else 1))
    return max(size, level.n_rows if level else 0), predict


def _spread(
    term: GroupTerm, covariance: FloatArray, rows: npt.NDArray[np.bool_], joint: bool
) -> FloatArray:
    """Compute the variance (B, m) or covariance (B, m, m) that group effects give to rows.

    `covariance` (m, B, q, q) is that of the effects of each row's level.
    """
    Z = np.where(rows[:, None], term.Z, 0.0)
    total: Any = 0.0
    same = term.codes[:, None] == term.codes if joint else None
    for a in range(term.n_effects):
        for b in range(term.n_effects):
            if same is None:
                total = total + Z[:, a] * Z[:, b] * covariance[..., a, b].T
            else:
                pairs = Z[:, a, None] * Z[:, b] * same
                total = total + pairs * covariance[..., a, b].T[:, :, None]
    return np.asarray(total)


def _integrated_factor(design: Design, draws: Draws) -> GroupTerm | None:
    """Choose the factor whose draws were not kept, or else the one with the most effects."""
    return max(
        design.groups,
        key=lambda term: (term.factor not in draws.u, term.n_levels * term.n_effects),
        default=None,
    )


@dataclasses.dataclass(frozen=True, eq=False)
class _LevelPosterior:
    """Normal law of the effects of some levels of one factor, given all else and their rows.

    Attributes
    ----------
    factor : str
    rows : Design
        Their training rows.
    place : ndarray of int64, shape (m,)
        Place of the level of each held-out row among these levels.
    gram : ndarray, shape (C, q, q)
        The distinct ``Z'WZ``.
    class_of : ndarray of int64, shape (J,)
    weighted : tuple of sparse (J, n)
        ``Z'W`` of each effect.
    """

    factor: str
    rows: Design
    place: IntArray
    gram: FloatArray
    class_of: IntArray
    weighted: tuple[sparse.csr_array, ...]

    @classmethod
    def of(cls, train: Design, term: GroupTerm, held_out: GroupTerm) -> _LevelPosterior:
        levels, place = np.unique(held_out.codes, return_inverse=True)
        rows = train.take(np.isin(term.codes, levels))
        own = next(one for one in rows.groups if one.factor == term.factor)
        at = np.searchsorted(levels, own.codes)
        W = np.ones(rows.n_rows) if rows.weights is None else rows.weights
        J, q = len(levels), term.n_effects
        gram = np.zeros((J, q, q))
        np.add.at(gram, at, own.Z[:, :, None] * (W[:, None] * own.Z)[:, None, :])
        distinct, class_of = np.unique(gram.reshape(J, -1), axis=0, return_inverse=True)
        weighted = tuple(
            sparse.csr_array(
                (W * own.Z[:, k], (at, np.arange(rows.n_rows))), shape=(J, rows.n_rows)
            )
            for k in range(q)
        )
        return cls(term.factor, rows, place, distinct.reshape(-1, q, q), class_of.ravel(), weighted)

    @property
    def n_rows(self) -> int:
        """Training rows, which bound the batches of draws."""
        return self.rows.n_rows

    def __call__(self, batch: Draws) -> tuple[FloatArray, FloatArray]:
        """Return K of the classes (C, B, q, q) and the means of the levels (J, B, q)."""
        L = batch.scale[self.factor]
        transposed = np.swapaxes(L, 1, 2)
        q = L.shape[-1]
        M = transposed @ self.gram[:, None] @ L
        M += (_sigma(batch) ** 2)[:, None, None] * np.eye(q)
        K = L @ np.linalg.solve(M, np.broadcast_to(transposed, M.shape))
        every = np.ones(self.rows.n_rows, dtype=np.bool_)
        residual = self.rows.y - linear_predictor(self.rows, batch, {self.factor: every})
        r = np.stack([matrix @ residual.T for matrix in self.weighted], axis=-1)
        mean = np.zeros(r.shape)
        for a in range(q):
            for b in range(q):
                mean[..., a] += K[self.class_of, :, a, b] * r[..., b]
        return K, mean
