"""Cross-products of a Gaussian design: all that the exact method needs of the rows."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence

import numpy as np

from bayesmix.base.arrays import FloatArray, IntArray
from bayesmix.blocks.crossblocks import CrossBlocks, PairSums
from bayesmix.blocks.level_products import LevelProducts
from bayesmix.design.design import Design

__all__ = [
    "CrossProducts",
    "ProductSums",
    "blocks_between",
    "cross_products",
    "within_levels",
]


ROWS_AT_ONCE = 1 << 18


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
    sums = ProductSums(center, mean, shifts)
    sums.add(design, rows_at_once)
    return sums.total()


class ProductSums:
    """Cross-products of rows that come in parts, as designs of the same model.

    The arguments are those of `cross_products`.
    """

    def __init__(self, center: FloatArray, mean: FloatArray, shifts: Sequence[FloatArray]) -> None:
        self._center, self._mean, self._shifts = center, mean, shifts
        self._n_rows, self._log_weights = 0, 0.0
        self._corner = np.zeros((len(center) + 1, len(center) + 1))
        self._within: list[LevelProducts] = []
        self._cross: dict[tuple[int, int], PairSums] = {}

    def add(self, design: Design, rows_at_once: int) -> None:
        """Add the rows of a design, some of them at a time."""
        if not self._n_rows:
            self._begin(design)
        for start in range(0, design.n_rows, rows_at_once):
            self._add(design, slice(start, start + rows_at_once))

    def total(self) -> CrossProducts:
        """Return the cross-products of all rows so far."""
        sizes = [len(shift) for shift in self._shifts]
        within = list(zip(self._within, sizes, strict=True))
        return CrossProducts(
            self._n_rows,
            self._log_weights,
            self._corner,
            tuple(sums.between(slice(q)) for sums, q in within),
            tuple(sums.between(slice(q, None)) for sums, q in within),
            {pair: sums.total() for pair, sums in self._cross.items()},
        )

    def _begin(self, design: Design) -> None:
        groups = design.groups
        self._within = [
            LevelProducts(term.n_levels, term.effects, [*term.effects, *design.terms, None])
            for term in groups
        ]
        self._cross = {
            (s, t): PairSums(groups[s], groups[t])
            for s, t in itertools.combinations(range(len(groups)), 2)
        }

    def _add(self, design: Design, rows: slice) -> None:
        X = design.X[rows] - self._center
        y = design.y[rows] - X @ self._mean
        if design.offset is not None:
            y = y - design.offset[rows]
        columns = np.column_stack([X, y])
        if design.weights is None:
            weights, weighted = None, columns
        else:
            weights = design.weights[rows]
            weighted = columns * weights[:, None]
            self._log_weights += float(np.log(weights).sum())
        self._n_rows += len(y)
        self._corner += columns.T @ weighted
        right = list(np.ascontiguousarray(columns.T))
        effects = [
            right[:-1]
            if term.Z is design.X and np.array_equal(shift, self._center)
            else list(np.ascontiguousarray(term.Z[rows].T) - shift[:, None])
            for term, shift in zip(design.groups, self._shifts, strict=True)
        ]
        codes = [term.codes[rows] for term in design.groups]
        for own, Z, within in zip(codes, effects, self._within, strict=True):
            within.add(own, Z, [*Z, *right], weights)
        for (s, t), cross in self._cross.items():
            cross.add((codes[s], codes[t]), effects[s], effects[t], weights)


def within_levels(
    codes: IntArray, n_levels: int, left: FloatArray, right: FloatArray
) -> FloatArray:
    """Sum the outer products of two rows within each level, shape (J, a, b)."""
    result = np.empty((n_levels, left.shape[1], right.shape[1]))
    for a in range(left.shape[1]):
        for b in range(right.shape[1]):
            result[:, a, b] = np.bincount(codes, left[:, a] * right[:, b], minlength=n_levels)
    return result


def blocks_between(products: CrossProducts, s: int, t: int) -> CrossBlocks:
    """Blocks of the pair with the levels of s as rows."""
    return products.cross[s, t] if s < t else products.cross[t, s].transposed
