"""Matrices of a few rows for very many levels, by element: one array for each entry."""

from __future__ import annotations

import numpy as np

from bayesmix.base.arrays import FloatArray

__all__ = ["Entries", "backward", "cholesky", "forward"]

# Entry (i, j) of the lower or upper triangle -> an array of any shape.
type Entries = dict[tuple[int, int], FloatArray]

# Pivots are 1 and more where the prior of the effects is Normal(0, I) and no row has negative
# information; a level that all its rows together make wider than the prior has fewer.
_LEAST_PIVOT = 0.2


def cholesky(matrix: Entries, size: int) -> Entries:
    """Factorise symmetric matrices, of which entries (i, j) with i <= j are there.

    Pivots that are too small, or no numbers, are replaced: a proposal needs some spread.
    """
    root: Entries = {}
    for j in range(size):
        for i in range(j, size):
            value = matrix[j, i]
            for k in range(j):
                value = value - root[i, k] * root[j, k]
            if i == j:
                root[j, j] = np.sqrt(np.fmax(value, _LEAST_PIVOT))
            else:
                root[i, j] = value / root[j, j]
    return root


def forward(root: Entries, right: list[FloatArray]) -> list[FloatArray]:
    """Solve ``C x = b``."""
    found: list[FloatArray] = []
    for i, value in enumerate(right):
        for k in range(i):
            value = value - root[i, k] * found[k]
        found.append(value / root[i, i])
    return found


def backward(root: Entries, right: list[FloatArray]) -> list[FloatArray]:
    """Solve ``C' x = b``."""
    found = list(right)
    for i in reversed(range(len(right))):
        for k in range(i + 1, len(right)):
            found[i] = found[i] - root[k, i] * found[k]
        found[i] = found[i] / root[i, i]
    return found
