"""A linear regression in each level, all at once: columns made orthogonal, least squares."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from bayesmix.base.arrays import BoolArray, FloatArray, IntArray

__all__ = ["Basis", "least_squares", "orthogonalise", "sums"]


# Part of a column that the columns before it must leave over, for it to count as another one.
_SMALLEST_PART = 1e-10


class Basis(NamedTuple):
    """Columns made orthonormal within each level.

    `Q` (n, q) has zeros for a column that depends on those before it, and `kept` (J, q) is False
    there. Effects are ``inverse @ coordinates``, with `inverse` (J, q, q) the pseudo-inverse of R;
    `determined` (J, q) tells which of them are the same in all solutions.
    """

    Q: FloatArray
    kept: BoolArray
    inverse: FloatArray
    determined: BoolArray

    @property
    def rank(self) -> IntArray:
        """Number of columns that are kept, by level."""
        return self.kept.sum(axis=1)


def sums(values: FloatArray, codes: IntArray, n_levels: int) -> FloatArray:
    """Sum over the rows of each level."""
    return np.bincount(codes, values, minlength=n_levels)


def orthogonalise(Z: FloatArray, codes: IntArray, n_levels: int) -> Basis:
    """Orthogonalise the columns within each level, by modified Gram-Schmidt."""
    q = Z.shape[1]
    Q = np.array(Z, order="F")
    R = np.zeros((n_levels, q, q))
    length = np.empty((n_levels, q))
    for k in range(q):
        length[:, k] = np.sqrt(sums(Q[:, k] ** 2, codes, n_levels))
        length[length[:, k] == 0, k] = 1.0
        Q[:, k] /= length[codes, k]
    for k in range(q):
        left = np.sqrt(sums(Q[:, k] ** 2, codes, n_levels))
        kept = left > _SMALLEST_PART
        R[kept, k, k] = left[kept]
        Q[:, k] *= (kept / np.where(kept, left, 1.0))[codes]
        for j in range(k + 1, q):
            R[:, k, j] = sums(Q[:, k] * Q[:, j], codes, n_levels)
            Q[:, j] -= R[codes, k, j] * Q[:, k]
    kept = np.diagonal(R, axis1=1, axis2=2) > 0
    inverse, determined = _pseudo_inverse(R, kept)
    return Basis(Q, kept, inverse / length[:, :, np.newaxis], determined)


def _pseudo_inverse(R: FloatArray, kept: BoolArray) -> tuple[FloatArray, BoolArray]:
    """Invert triangular matrices of full rank or less, and find what they determine."""
    inverse = np.zeros_like(R)
    determined = np.ones(kept.shape, dtype=np.bool_)
    full = kept.all(axis=1)
    inverse[full] = np.linalg.inv(R[full])
    if not full.all():
        U, size, Vt = np.linalg.svd(R[~full])
        counts = np.arange(R.shape[1]) < kept[~full].sum(axis=1)[:, np.newaxis]
        reciprocal = np.where(counts, 1 / np.where(counts, size, 1.0), 0.0)
        inverse[~full] = (np.swapaxes(Vt, 1, 2) * reciprocal[:, np.newaxis]) @ np.swapaxes(U, 1, 2)
        inside = (Vt**2 * counts[:, :, np.newaxis]).sum(axis=1)
        determined[~full] = inside > 1 - 1e-8
    return inverse, determined


def least_squares(
    basis: Basis, codes: IntArray, y: FloatArray, n: IntArray
) -> tuple[FloatArray, FloatArray]:
    """Estimate effects and their standard errors (J, q)."""
    n_levels, q = basis.kept.shape
    coordinates = np.empty((n_levels, q))
    left = y.copy()
    for k in range(q):
        coordinates[:, k] = sums(basis.Q[:, k] * left, codes, n_levels)
        left -= coordinates[codes, k] * basis.Q[:, k]
    freedom = n - basis.rank
    variance = np.full(n_levels, np.nan)
    rest = freedom > 0
    variance[rest] = sums(left**2, codes, n_levels)[rest] / freedom[rest]
    value = np.einsum("jkl,jl->jk", basis.inverse, coordinates)
    return value, np.sqrt(variance[:, np.newaxis] * (basis.inverse**2).sum(axis=2))
