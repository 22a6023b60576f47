"""Effects of the levels of one factor from standard normal numbers, and derivatives back.

For every level with Gram matrix G and right side r, ``M = L'GL + I = Lambda Lambda'`` and

    v = Lambda^-T (Lambda^-1 L' r + zeta),    u = L v.

Matrices are lists of lists of their elements, each an array of chains by levels (or of one of the
two), since a level has few effects: NumPy's loops then run over levels.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from bayesmix.base.arrays import FloatArray

__all__ = ["Matrix", "Pulled", "Solved", "Vector", "dot", "pull", "solve"]

type Vector = list[FloatArray]
# Elements are arrays, or None where they are zero.
type Matrix = list[list[Any]]


class Solved(NamedTuple):
    """Effects, and what their derivatives need.

    Attributes
    ----------
    u, v : list of q ndarrays, shape (M, J)
    log_density : ndarray, shape (M,)
        ``-|v|^2 / 2 - log|M| / 2`` summed over levels.
    right, zeta : list of q ndarrays
        As given.
    root, half : matrix
        Lambda, and G L, or what stands for them.
    """

    u: Vector
    v: Vector
    log_density: FloatArray
    right: Vector
    zeta: Vector
    root: list[list[FloatArray]]
    half: list[list[FloatArray]]


class Pulled(NamedTuple):
    """Derivatives of a density by what `solve` was given, `Solved.log_density` included.

    Attributes
    ----------
    zeta, right : list of q ndarrays, shape (M, J)
    scale : list of lists of ndarrays, shape (M,)
        By the elements of L.
    """

    zeta: Vector
    right: Vector
    scale: list[list[FloatArray]]


def solve(scale: Matrix, gram: Matrix, right: Vector, zeta: Vector) -> Solved:
    """Compute the effects of all levels.

    Parameters
    ----------
    scale : matrix of ndarrays, shape (M, 1)
        L, lower triangular; None for what is zero.
    gram : matrix of ndarrays, shape (1, J)
    right, zeta : list of q ndarrays, shape (M, J)
    """
    q = len(right)
    half = _product(gram, scale)
    root = _cholesky(scale, half)
    v = [_total(_times(scale[b][a], right[b]) for b in range(a, q)) for a in range(q)]
    _forward(root, v)
    for a in range(q):
        v[a] = v[a] + zeta[a]
    _backward(root, v)
    log_density = -0.5 * np.sum([dot(one, one) for one in v], axis=0)
    for a in range(q):
        log_density = log_density - np.log(root[a][a]).sum(axis=1)
    u = [_total(_times(scale[a][b], v[b]) for b in range(a + 1)) for a in range(q)]
    return Solved(u, v, log_density, right, zeta, root, half)


def pull(scale: Matrix, solved: Solved, by_u: Vector) -> Pulled:
    """Return derivatives by zeta, right side and L, given that by the effects."""
    q, v, root = len(by_u), solved.v, solved.root
    by_zeta = [_total(_times(scale[a][b], by_u[a]) for a in range(b, q)) - v[b] for b in range(q)]
    _forward(root, by_zeta)
    by_left, whitened = list(by_zeta), list(solved.zeta)
    _backward(root, by_left)
    _backward(root, whitened)
    mode = [v[a] - whitened[a] for a in range(q)]
    by_matrix = _by_matrix(root, by_zeta, by_left, solved.zeta, mode)
    by_scale = [
        [
            2 * sum(dot(solved.half[a][c], by_matrix[c][b]) for c in range(q))
            + dot(solved.right[a], by_left[b])
            + dot(by_u[a], v[b])
            for b in range(a + 1)
        ]
        for a in range(q)
    ]
    by_right = [_total(_times(scale[a][b], by_left[b]) for b in range(a + 1)) for a in range(q)]
    return Pulled(by_zeta, by_right, by_scale)


def _times(factor: FloatArray | None, values: FloatArray) -> FloatArray | None:
    return None if factor is None else factor * values


def _total(parts: Iterable[FloatArray | None]) -> FloatArray:
    """Sum what is not zero."""
    total = None
    for part in parts:
        if part is not None:
            total = part if total is None else total + part
    assert total is not None
    return total


def dot(x: FloatArray, y: FloatArray) -> FloatArray:
    """Sum products over levels, shape (M,)."""
    return np.asarray(np.vecdot(x, y))


def _product(gram: Matrix, scale: Matrix) -> list[list[FloatArray]]:
    """Return ``G L``."""
    q = len(gram)
    return [
        [_total(_times(scale[c][b], gram[a][c]) for c in range(b, q)) for b in range(q)]
        for a in range(q)
    ]


def _cholesky(scale: Matrix, half: list[list[FloatArray]]) -> list[list[FloatArray]]:
    """Return the lower factor of ``L'GL + I``, given GL."""
    q = len(half)
    root: list[list[FloatArray]] = [[] for _ in range(q)]
    for a in range(q):
        for b in range(a + 1):
            element = _total(_times(scale[c][a], half[c][b]) for c in range(a, q))
            if a == b:
                element = element + 1.0
            for c in range(b):
                element = element - root[a][c] * root[b][c]
            root[a].append(np.sqrt(element) if a == b else element / root[b][b])
    return root


def _forward(root: list[list[FloatArray]], x: Vector) -> None:
    """Solve ``Lambda x = b`` in place of b."""
    for a in range(len(x)):
        for b in range(a):
            x[a] = x[a] - root[a][b] * x[b]
        x[a] = x[a] / root[a][a]


def _backward(root: list[list[FloatArray]], x: Vector) -> None:
    """Solve ``Lambda' x = b`` in place of b."""
    for a in range(len(x) - 1, -1, -1):
        for b in range(a + 1, len(x)):
            x[a] = x[a] - root[b][a] * x[b]
        x[a] = x[a] / root[a][a]


def _by_matrix(
    root: list[list[FloatArray]], by_zeta: Vector, by_left: Vector, zeta: Vector, mode: Vector
) -> list[list[FloatArray]]:
    """Return the symmetric derivative by M, the Cholesky factor's own part by reverse mode."""
    q = len(mode)
    inverse: Matrix = [[None] * q for _ in range(q)]
    for b in range(q):
        inverse[b][b] = 1 / root[b][b]
        for a in range(b + 1, q):
            inverse[a][b] = -_total(root[a][c] * inverse[c][b] for c in range(b, a)) * (
                1 / root[a][a]
            )
    # Lambda' Lambda^-T zeta is zeta.
    lower = [
        [(-0.5 if a == b else -1.0) * zeta[a] * by_zeta[b] for b in range(a + 1)] for a in range(q)
    ]
    product = [
        [_total(lower[a][c] * inverse[c][b] for c in range(b, a + 1)) for b in range(a + 1)]
        for a in range(q)
    ]
    full = [
        [_total(inverse[c][a] * product[c][b] for c in range(max(a, b), q)) for b in range(q)]
        for a in range(q)
    ]
    inverse_matrix = [
        [_total(inverse[c][a] * inverse[c][b] for c in range(max(a, b), q)) for b in range(q)]
        for a in range(q)
    ]
    return [
        [
            0.5
            * (
                full[a][b]
                + full[b][a]
                - inverse_matrix[a][b]
                - by_left[a] * mode[b]
                - by_left[b] * mode[a]
            )
            for b in range(q)
        ]
        for a in range(q)
    ]
