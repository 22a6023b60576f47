"""Cross-products of a Gaussian design: all that the exact method needs of the rows."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from bayesmix.base.arrays import FloatArray, IntArray
from bayesmix.design.design import Design

__all__ = ["CrossBlocks", "CrossProducts", "cross_products", "within_levels"]


ROWS_AT_ONCE = 1 << 18


@dataclasses.dataclass(frozen=True, eq=False)
class CrossBlocks:
    """``Z_s' W Z_t`` of two grouping factors: one small block per pair of levels that meet.

    Attributes
    ----------
    row, column : ndarray of int64, shape (K,)
        Level of factor s and of factor t, sorted by row, then column.
    values : ndarray, shape (K, q_s, q_t)
    """

    row: IntArray
    column: IntArray
    values: FloatArray

    def __add__(self, other: CrossBlocks) -> CrossBlocks:
        return _merge(
            np.concatenate([self.row, other.row]),
            np.concatenate([self.column, other.column]),
            np.concatenate([self.values, other.values]),
        )


@dataclasses.dataclass(frozen=True, eq=False)
class CrossProducts:
    """Sums over rows of products of columns; two of them add up to that of all rows.

    Columns of X are centred as the prior is (see `cross_products`), and the response stands as
    the last of them, with offset and prior mean taken off.

    Attributes
    ----------
    n_rows : int
    log_weights : float
        Sum of the logarithms of the weights.
    corner : ndarray, shape (p + 1, p + 1)
        ``[X, y]' W [X, y]``.
    diagonal : tuple of ndarray, shape (J, q, q)
        ``Z' W Z`` within each level, one array per factor.
    border : tuple of ndarray, shape (J, q, p + 1)
        ``Z' W [X, y]`` within each level.
    cross : dict of (int, int) to CrossBlocks
        ``Z_s' W Z_t`` for factors s < t.
    """

    n_rows: int
    log_weights: float
    corner: FloatArray
    diagonal: tuple[FloatArray, ...]
    border: tuple[FloatArray, ...]
    cross: dict[tuple[int, int], CrossBlocks]

    def __add__(self, other: CrossProducts) -> CrossProducts:
        return CrossProducts(
            self.n_rows + other.n_rows,
            self.log_weights + other.log_weights,
            self.corner + other.corner,
            tuple(a + b for a, b in zip(self.diagonal, other.diagonal, strict=True)),
            tuple(a + b for a, b in zip(self.border, other.border, strict=True)),
            {pair: self.cross[pair] + other.cross[pair] for pair in self.cross},
        )


def cross_products(
    design: Design,
    center: FloatArray,
    mean: FloatArray,
    shifts: Sequence[FloatArray],
    rows_at_once: int = ROWS_AT_ONCE,
) -> CrossProducts:
    """Make the cross-products in one pass over the rows, some rows at a time.

    Parameters
    ----------
    design : Design
    center : ndarray, shape (p,)
        Taken off the columns of X; zero for the intercept.
    mean : ndarray, shape (p,)
        Prior mean of the population effects of the centred columns, taken off the response, so
        that sums of squares are of residual size and lose no digits.
    shifts : sequence of ndarray, shape (q,)
        Taken off the columns of Z of each factor.
    rows_at_once : int
        Bounds the memory beside the data.

    Returns
    -------
    CrossProducts
    """
    total: CrossProducts | None = None
    for start in range(0, design.n_rows, rows_at_once):
        part = _of_rows(design, center, mean, shifts, slice(start, start + rows_at_once))
        total = part if total is None else total + part
    assert total is not None
    return total


def _of_rows(
    design: Design,
    center: FloatArray,
    mean: FloatArray,
    shifts: Sequence[FloatArray],
    rows: slice,
) -> CrossProducts:
    X = design.X[rows] - center
    y = design.y[rows] - X @ mean
    if design.offset is not None:
        y = y - design.offset[rows]
    columns = np.column_stack([X, y])
    if design.weights is None:
        weighted, log_weights = columns, 0.0
    else:
        weighted = columns * design.weights[rows, None]
        log_weights = float(np.log(design.weights[rows]).sum())
    diagonal, border = [], []
    centred_Z, weighted_Z = [], []
    for term, shift in zip(design.groups, shifts, strict=True):
        Z, codes = term.Z[rows], term.codes[rows]
        if shift.any():
            Z = Z - shift
        centred_Z.append(Z)
        W_Z = Z if design.weights is None else Z * design.weights[rows, None]
        weighted_Z.append(W_Z)
        diagonal.append(within_levels(codes, term.n_levels, Z, W_Z))
        border.append(within_levels(codes, term.n_levels, Z, weighted))
    cross = {}
    for s, first in enumerate(design.groups):
        for t in range(s + 1, len(design.groups)):
            second = design.groups[t]
            key = first.codes[rows] * second.n_levels + second.codes[rows]
            keys, code = np.unique(key, return_inverse=True)
            values = within_levels(code, len(keys), centred_Z[s], weighted_Z[t])
            cross[s, t] = CrossBlocks(keys // second.n_levels, keys % second.n_levels, values)
    return CrossProducts(
        len(y), log_weights, columns.T @ weighted, tuple(diagonal), tuple(border), cross
    )


def within_levels(
    codes: IntArray, n_levels: int, left: FloatArray, right: FloatArray
) -> FloatArray:
    """Sum the outer products of two rows within each level, shape (J, a, b)."""
    result = np.empty((n_levels, left.shape[1], right.shape[1]))
    for a in range(left.shape[1]):
        for b in range(right.shape[1]):
            result[:, a, b] = np.bincount(codes, left[:, a] * right[:, b], minlength=n_levels)
    return result


def _merge(row: IntArray, column: IntArray, values: FloatArray) -> CrossBlocks:
    width = int(column.max(initial=0)) + 1
    keys, code = np.unique(row * width + column, return_inverse=True)
    flat = values.reshape(len(values), -1)
    summed = np.stack(
        [np.bincount(code, flat[:, i], minlength=len(keys)) for i in range(flat.shape[1])], axis=1
    )
    return CrossBlocks(keys // width, keys % width, summed.reshape(-1, *values.shape[1:]))


def blocks_between(products: CrossProducts, s: int, t: int) -> CrossBlocks:
    """Blocks of the pair with the levels of s as rows."""
    if s < t:
        return products.cross[s, t]
    blocks = products.cross[t, s]
    order = np.lexsort((blocks.row, blocks.column))
    return CrossBlocks(
        blocks.column[order], blocks.row[order], np.swapaxes(blocks.values[order], 1, 2)
    )
