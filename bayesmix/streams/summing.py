"""The sums over designs that are known of rows which are not in memory."""

from __future__ import annotations

import numpy as np

from bayesmix.base.arrays import FloatArray, IntArray
from bayesmix.blocks.crossproducts import ProductSums
from bayesmix.design.columnsums import ColumnSums
from bayesmix.design.design import Design
from bayesmix.design.totals import LevelTotals, Reference, Totals

__all__ = ["TotalSums", "totals_of"]

# What is made of so many rows on the way stays in the processor's cache.
ROWS_AT_ONCE = 1 << 15


def totals_of(design: Design, reference: Reference) -> Totals:
    """Sum over the rows of a design."""
    sums = TotalSums(reference)
    sums.add(design)
    total = sums.total()
    assert total is not None
    return total


class TotalSums:
    """Totals of rows that come in parts, as designs of the same model."""

    def __init__(self, reference: Reference) -> None:
        self._at = reference
        self._weight, self._weighted_y = 0.0, 0.0
        self._columns: list[ColumnSums] = []
        self._counts: list[IntArray] = []
        self._products = ProductSums(reference.X, reference.mean, reference.Z)

    def add(self, design: Design) -> None:
        """Add the rows of a design."""
        weights, y = design.weights, design.y - self._at.about[-2]
        self._weight += float(design.n_rows if weights is None else weights.sum())
        self._weighted_y += float(y.sum() if weights is None else weights @ y)
        for start in range(0, design.n_rows, ROWS_AT_ONCE):
            own = self._of_columns(design, slice(start, start + ROWS_AT_ONCE))
            known = self._columns
            self._columns = [a + b for a, b in zip(known, own, strict=True)] if known else own
        counts = [term.counts for term in design.groups]
        known_counts = self._counts
        self._counts = (
            [a + b for a, b in zip(known_counts, counts, strict=True)] if known_counts else counts
        )
        self._products.add(design, ROWS_AT_ONCE)

    def total(self) -> Totals | None:
        """Return the totals so far; None without rows."""
        if not self._columns:
            return None
        columns, *effects = self._columns
        levels = map(LevelTotals, self._counts, effects)
        products = self._products.total()
        return Totals(columns, tuple(levels), self._weight, self._weighted_y, products, self._at)

    def _of_columns(self, design: Design, rows: slice) -> list[ColumnSums]:
        """Sum over the columns of X, the response and the offset, then over those of each Z."""
        X, y = design.X[rows], design.y[rows]
        offset = np.zeros(len(y)) if design.offset is None else design.offset[rows]
        p = design.n_terms
        found = [ColumnSums.of(_by_column(X, y, offset), self._at.about)]
        for term, about in zip(design.groups, self._at.about_Z, strict=True):
            if term.Z is design.X and np.array_equal(about, self._at.about[:p]):
                found.append(found[0].take(slice(p)))
            else:
                found.append(ColumnSums.of(_by_column(term.Z[rows]), about))
        return found


def _by_column(matrix: FloatArray, *columns: FloatArray) -> FloatArray:
    """Lay columns out one after the other, along which sums are quick."""
    p = matrix.shape[1]
    found = np.empty((p + len(columns), len(matrix)))
    found[:p] = matrix.T
    for k, column in enumerate(columns, p):
        found[k] = column
    return found
