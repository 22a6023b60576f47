"""The other factors as one dense matrix."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np
from scipy import linalg

from bayesmix.base.arrays import FloatArray, IntArray
from bayesmix.blocks.pairs import Pairs, scaled_entries
from bayesmix.blocks.small import cholesky
from bayesmix.blocks.theta import Theta

__all__ = ["Dense"]


@dataclasses.dataclass(frozen=True, eq=False)
class Dense:
    """Crossed factors: one dense matrix per theta for all that is left."""

    factors: tuple[int, ...]
    shapes: tuple[tuple[int, int], ...]  # (J, q) of each factor
    base: FloatArray  # (E,) entries before anything is eliminated
    places: IntArray  # (E,) in the flat lower triangle of (m + p + 1) columns
    n_columns: int  # m + p + 1
    pairs: tuple[Pairs, ...]  # all entries, by levels

    @property
    def m(self) -> int:
        """Count the columns of the effects."""
        return sum(J * q for J, q in self.shapes)

    @property
    def mirrored(self) -> IntArray:
        """Places of the same entries above the diagonal."""
        return self.places % self.n_columns * self.n_columns + self.places // self.n_columns

    @property
    def size(self) -> int:
        """Numbers that one theta needs at once: matrix, factor, entries as given and scaled."""
        return 4 * self.n_columns**2

    @property
    def cost(self) -> float:
        """Floating-point operations for one theta."""
        return self.n_columns**3 / 3 + 20.0 * self.n_columns**2

    def eliminate(
        self,
        entries: FloatArray,
        corner: FloatArray,
        theta: Theta,
        variance: FloatArray,
        state: dict[str, Any],
    ) -> tuple[FloatArray, FloatArray]:
        """Eliminate all effects: what is left of the corner, and log determinants."""
        m = self.m
        if entries.ndim == 3:
            full = entries
            self._scale(full, theta)
        else:
            full = self._lower(scaled_entries(self.pairs, entries, theta))
        diagonal = np.einsum("bii->bi", full)
        diagonal[:, :m] += variance[:, None]
        # With a corner that keeps the whole positive, its rows of the factor are the half-solved
        # border; the corner itself is only there for that.
        full[:, m:, m:] = np.moveaxis(corner, -1, 0)
        diagonal[:, m:] *= 1 + 1e-6
        diagonal[:, m:] += 1e-6 * diagonal[:, m:].max(axis=1, keepdims=True)
        factor = cholesky(full)
        half = factor[:, m:, :m]
        state["dense"] = factor
        log_determinant = 2 * np.log(np.einsum("bii->bi", factor)[:, :m]).sum(axis=1)
        taken = half @ np.swapaxes(half, 1, 2)
        return corner - np.moveaxis(taken, 0, -1), log_determinant

    def spread(self, entries: FloatArray) -> FloatArray:
        """Entries (E, B) as symmetric matrices (B, m + p + 1, m + p + 1)."""
        full = self._lower(entries)
        if any(q > 1 for _, q in self.shapes):
            full.reshape(len(full), -1)[:, self.mirrored] = entries.T
        return full

    def _lower(self, entries: FloatArray) -> FloatArray:
        """Entries (E, B) in the lower triangles, and zeros above."""
        full = np.zeros((entries.shape[1], self.n_columns, self.n_columns))
        full.reshape(len(full), -1)[:, self.places] = entries.T
        return full

    def _scale(self, full: FloatArray, theta: Theta) -> None:
        """``L' S L`` and ``L' border``, L block-diagonal, in place."""
        B, width, _ = full.shape
        for factor, places, J, q in self._parts():
            scale = theta.scale[factor]
            if q == 1:
                full[:, :, places] *= scale
                full[:, places] *= scale
            else:
                right = full[:, :, places].reshape(B, width * J, q) @ scale
                full[:, :, places] = right.reshape(B, width, J * q)
                left = np.swapaxes(scale, 1, 2)[:, None] @ full[:, places].reshape(B, J, q, width)
                full[:, places] = left.reshape(B, J * q, width)

    def _parts(self) -> Iterator[tuple[int, slice, int, int]]:
        """Yield each factor with its columns, its number of levels and of effects."""
        start = 0
        for factor, (J, q) in zip(self.factors, self.shapes, strict=True):
            yield factor, slice(start, start + J * q), J, q
            start += J * q

    def substitute(
        self,
        beta: FloatArray,
        theta: Theta,
        state: dict[str, Any],
        zeta: dict[int, FloatArray],
        u: dict[int, FloatArray],
        rng: np.random.Generator,
    ) -> None:
        """Draw the effects given the population effects, or take their means."""
        B, p = beta.shape
        m = self.m
        draws = np.empty((B, m))
        noise = rng.standard_normal((B, m))
        for b, factor in enumerate(state["dense"]):
            half = factor[m:, :m]
            right = half[p] - beta[b] @ half[:p] + theta.sigma[b] * noise[b]
            draws[b] = linalg.blas.dtrsv(factor[:m, :m].T, right, lower=False)
        for factor, places, J, q in self._parts():
            zeta[factor] = draws[:, places].reshape(B, J, q)
            u[factor] = zeta[factor] @ np.swapaxes(theta.scale[factor], 1, 2)

    def moments(self, theta: Theta, state: dict[str, Any]) -> tuple[FloatArray, FloatArray]:
        """Mean (B, m + p) and covariance / sigma^2 (B, m + p, m + p) of u and beta."""
        m = self.m
        p = state["half"].shape[1]
        mean = np.empty((len(theta), m + p))
        covariance = np.zeros((len(theta), m + p, m + p))
        for b, factor in enumerate(state["dense"]):
            triangle = np.tril(factor[: m + p, : m + p])
            triangle[m:, m:] = theta.sigma[b] * state["C"][b]
            right = np.append(factor[m + p, :m], theta.sigma[b] * state["half"][b])
            mean[b] = linalg.blas.dtrsv(triangle.T, right, lower=False)
            lower = linalg.lapack.dpotri(triangle.T, lower=False, overwrite_c=True)[0].T
            covariance[b] = lower
            covariance[b] += np.tril(lower, -1).T
        up = Theta(tuple(np.swapaxes(scale, 1, 2) for scale in theta.scale), theta.sigma)
        self._scale(covariance, up)
        for factor, places, J, q in self._parts():
            u = mean[:, places].reshape(-1, J, q) @ up.scale[factor]
            mean[:, places] = u.reshape(-1, J * q)
        return mean, covariance
