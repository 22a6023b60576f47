"""Factorisations of one small matrix a level, written out over batches of theta."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from bayesmix.base.arrays import FloatArray

__all__ = ["cholesky", "draw_given", "factorise"]


CACHE_SIZE = 1 << 14


def factorise(
    gram: FloatArray, scale: FloatArray, variance: FloatArray, pattern: Sequence[tuple[int, int]]
) -> tuple[dict[tuple[int, int], FloatArray], dict[tuple[int, int], FloatArray], FloatArray]:
    """Cholesky of ``M = L' G L + variance I`` for all levels and thetas at once, by element.

    Parameters
    ----------
    gram : ndarray, shape (C, q, q, 1 or B)
        G of each level.
    scale : ndarray, shape (B, q, q)
        L of each theta, lower triangular.
    variance : ndarray, shape (B,)
    pattern : sequence of (int, int)
        Entries of L that are not zero.

    Returns
    -------
    chol : dict of (int, int) to ndarray, shape (C, B)
        Elements of the Cholesky factor of M.
    white : dict of (int, int) to ndarray, shape (C, B)
        Elements of ``W = chol(M)^-1 L'``, so that ``L M^-1 L' = W' W``; those that are not there
        are zero.
    log_determinant : ndarray, shape (C, B)
    """
    q = gram.shape[1]
    GL: dict[tuple[int, int], Any] = {}
    for a in range(q):
        for c, b in pattern:
            GL[a, b] = GL.get((a, b), 0.0) + gram[:, a, c] * scale[:, c, b]
    chol: dict[tuple[int, int], FloatArray] = {}
    pivots: Any = 1.0
    for b in range(q):
        for a in range(b, q):
            m: Any = variance if a == b else 0.0
            for c, column in pattern:
                if column == a:
                    m = m + scale[:, c, a] * GL[c, b]
            for k in range(b):
                m = m - chol[a, k] * chol[b, k]
            if a == b:
                pivots = pivots * m
                chol[a, a] = np.sqrt(m)
            else:
                chol[a, b] = m / chol[b, b]
    white: dict[tuple[int, int], FloatArray] = {}
    for b in range(q):
        for a in range(q):
            value: Any = scale[:, b, a] if (b, a) in pattern else 0.0
            for k in range(a):
                if (k, b) in white:
                    value = value - chol[a, k] * white[k, b]
            if np.ndim(value):
                white[a, b] = value / chol[a, a]
    return chol, white, np.log(pivots)


def cholesky(A: FloatArray) -> FloatArray:
    """Cholesky factors of a stack; NaN for a matrix that is not positive definite."""
    try:
        return np.linalg.cholesky(A)
    except np.linalg.LinAlgError:
        if len(A) == 1:
            return np.full(A.shape, np.nan)
        half = len(A) // 2
        return np.concatenate([cholesky(A[:half]), cholesky(A[half:])])


def inverse_of(white: dict[tuple[int, int], FloatArray], q: int, b: int, c: int) -> Any:
    """Element (b, c) of ``K = L M^-1 L' = W' W``."""
    total: Any = 0.0
    for a in range(q):
        if (a, b) in white and (a, c) in white:
            total = total + white[a, b] * white[a, c]
    return total


def lower_pairs(q: int) -> list[tuple[int, int]]:
    return [(a, b) for a in range(q) for b in range(a + 1)]


def unpack_lower(values: FloatArray, n: int) -> FloatArray:
    full = np.empty((n, n, values.shape[1]))
    for i, (a, b) in enumerate(lower_pairs(n)):
        full[a, b] = full[b, a] = values[i]
    return full


def stack(white: dict[tuple[int, int], FloatArray], q: int, n: int, B: int) -> FloatArray:
    """Elements (n, B) as matrices (B, n, q, q)."""
    out = np.zeros((B, n, q, q))
    for (a, b), value in white.items():
        out[:, :, a, b] = value.T
    return out


def solve(
    chol: dict[tuple[int, int], FloatArray],
    white: dict[tuple[int, int], FloatArray],
    residual: FloatArray,
    sigma: FloatArray,
    noise: FloatArray,
) -> FloatArray:
    """Draw zeta with mean ``M^-1 L' residual`` and covariance ``sigma^2 M^-1``, shape (q, J, B)."""
    q = residual.shape[1]
    z: list[Any] = []
    for a in range(q):
        value = sigma * noise[:, a]
        for b in range(q):
            if (a, b) in white:
                value = value + white[a, b] * residual[:, b]
        z.append(value)
    for a in reversed(range(q)):
        for c in range(a + 1, q):
            z[a] = z[a] - chol[c, a] * z[c]
        z[a] = z[a] / chol[a, a]
    return np.stack(z)


def draw_given(
    gram: FloatArray, scale: FloatArray, sigma: FloatArray, residual: FloatArray, noise: FloatArray
) -> FloatArray:
    """Draw zeta with mean ``M^-1 L' residual`` and covariance ``sigma^2 M^-1``, shape (q, J, B).

    Parameters
    ----------
    gram : ndarray, shape (J, q, q)
    scale, sigma : ndarray, shape (B, q, q) and (B,)
    residual, noise : ndarray, shape (J, q, B)
        What is left of ``Z'Wy``, and standard normal numbers.
    """
    q = gram.shape[1]
    chol, reciprocal = _factors_of(gram, scale, sigma**2)
    product = np.empty(residual[:, 0].shape)
    zeta: list[FloatArray] = []
    for a in range(q):
        value = scale[:, a, a] * residual[:, a]
        for c in range(a + 1, q):
            value += np.multiply(scale[:, c, a], residual[:, c], out=product)
        for k in range(a):
            value -= np.multiply(chol[a, k], zeta[k], out=product)
        value *= reciprocal[a]
        zeta.append(value)
    for a in reversed(range(q)):
        zeta[a] += np.multiply(sigma, noise[:, a], out=product)
        for c in range(a + 1, q):
            zeta[a] -= np.multiply(chol[c, a], zeta[c], out=product)
        zeta[a] *= reciprocal[a]
    return np.stack(zeta)


def _factors_of(
    gram: FloatArray, scale: FloatArray, variance: FloatArray
) -> tuple[dict[tuple[int, int], FloatArray], list[FloatArray]]:
    """Cholesky factor of each M below its diagonal, and the reciprocal of the diagonal, (J, B).

    An element of ``L' G L`` is a sum over those of G, so that it is a product of matrices.
    """
    q = gram.shape[1]
    pairs = lower_pairs(q)
    packed = np.stack([gram[:, c, d] for c, d in pairs], axis=1)
    M: dict[tuple[int, int], FloatArray] = {}
    for a, b in pairs:
        weights = np.zeros((len(pairs), len(variance)))
        for i, (c, d) in enumerate(pairs):
            if c >= a and d >= b:
                weights[i] = scale[:, c, a] * scale[:, d, b]
            if c > d >= a:
                weights[i] += scale[:, d, a] * scale[:, c, b]
        M[a, b] = packed @ weights
    product = np.empty(M[0, 0].shape)
    reciprocal = []
    for b in range(q):
        pivot = M.pop((b, b))
        pivot += variance
        for k in range(b):
            pivot -= np.square(M[b, k], out=product)
        reciprocal.append(np.reciprocal(np.sqrt(pivot, out=pivot), out=pivot))
        for a in range(b + 1, q):
            for k in range(b):
                M[a, b] -= np.multiply(M[a, k], M[b, k], out=product)
            M[a, b] *= pivot
    return M, reciprocal


def whiten(white: dict[tuple[int, int], FloatArray], values: FloatArray) -> FloatArray:
    """``W values`` for values (J, q, c, B)."""
    out = np.zeros(values.shape)
    for (a, b), w in white.items():
        out[:, a] += w[:, None] * values[:, b]
    return out
