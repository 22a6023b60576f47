"""Canonical partial correlations to the Cholesky factor of a correlation matrix, and back.

The partial correlation w_ij of two effects given those before the second makes the entry
``L_ij = w_ij prod_{k<j} sqrt(1 - w_ik^2)`` of the factor, so that each row has unit length. Any
numbers in (-1, 1) make a correlation matrix. References: Lewandowski, Kurowicka & Joe (2009),
https://doi.org/10.1016/j.jmva.2009.04.008
"""

from __future__ import annotations

from typing import Any

import numpy as np

from bayesmix.base.arrays import FloatArray, IntArray
from bayesmix.covariance.operations import ARRAYS, Operations

__all__ = ["factor_of", "partial_of", "pulled_back"]

_TINY = 1e-300


def factor_of(
    partial: Any, row: IntArray, column: IntArray, size: int, of: Operations = ARRAYS
) -> Any:
    """Compute the factor (..., q, q) from partial correlations (..., m) at its lower triangle."""
    if of is ARRAYS and size == 2:
        return _factor_of_pair(partial)
    w = of.placed(partial, row, column, size)
    return (w + np.eye(size)) * _left_before(partial, row, column, size, of)


def _factor_of_pair(partial: FloatArray) -> FloatArray:
    """Write the factor of one correlation out: the general way is slow for a few chains."""
    w = partial[..., 0]
    factor = np.zeros((*w.shape, 2, 2))
    factor[..., 0, 0] = 1.0
    factor[..., 1, 0] = w
    factor[..., 1, 1] = np.sqrt((1 - w) * (1 + w))
    return factor


def _left_before(
    partial: Any, row: IntArray, column: IntArray, size: int, of: Operations = ARRAYS
) -> Any:
    """Compute what is left of each row before each entry, ``prod_{k<j} sqrt(1 - w_ik^2)``."""
    shifted = of.placed(partial, row, column + 1, size)
    # A product and no sum of logarithms, for correlations of one.
    return of.cumprod(of.sqrt((1 - shifted) * (1 + shifted)))


def partial_of(factor: FloatArray, row: IntArray, column: IntArray) -> FloatArray:
    """Return the partial correlations (..., m); the inverse of `factor_of`."""
    left = 1 - np.cumsum(factor**2, axis=-1) + factor**2
    partial: FloatArray = (factor / np.sqrt(np.maximum(left, _TINY)))[..., row, column]
    return partial


def pulled_back(
    partial: FloatArray, slope: FloatArray, row: IntArray, column: IntArray
) -> FloatArray:
    """Return derivatives by the partial correlations (..., m).

    Parameters
    ----------
    partial : ndarray, shape (..., m)
    slope : ndarray, shape (..., q, q)
        Derivatives by the entries of the factor; those above the diagonal count for nothing.
    row, column : ndarray of int, shape (m,)
        Places of the partial correlations.
    """
    size = slope.shape[-1]
    if size == 2:
        left = (1 - partial) * (1 + partial)
        last = slope[..., 1, 1, np.newaxis] * np.sqrt(left)
        return slope[..., 1, 0, np.newaxis] - partial / np.maximum(left, _TINY) * last
    before = _left_before(partial, row, column, size)
    w = np.zeros(before.shape)
    w[..., row, column] = partial
    # Entries of the same row behind each: all of them have the factor sqrt(1 - w^2).
    each = slope * (w + np.eye(size)) * before
    behind = np.zeros(before.shape)
    behind[..., :-1] = each[..., :0:-1].cumsum(axis=-1)[..., ::-1]
    direct = (slope * before)[..., row, column]
    left = np.maximum((1 - partial) * (1 + partial), _TINY)
    derivative = direct - partial / left * behind[..., row, column]
    return np.asarray(derivative)
