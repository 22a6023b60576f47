"""Sums of products of columns within levels, added to in place as parts of the rows come."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np

from bayesmix.base.arrays import FloatArray, IntArray

__all__ = ["LevelProducts"]


class LevelProducts:
    """Sums of products of two columns within the levels of a factor.

    A pair is added up once, whichever of the two stands left. Columns with the same label count as
    one until a row comes in which they differ: effects that vary are mostly columns of the
    population effects, too.

    Parameters
    ----------
    n_levels : int
    left, right : sequence of hashable
        Labels of the columns; each left one is multiplied with each right one.
    """

    def __init__(self, n_levels: int, left: Sequence[Hashable], right: Sequence[Hashable]) -> None:
        labels = [*left, *right]
        self._n_levels, self._left, self._right = n_levels, len(left), len(right)
        self._first = [labels.index(label) for label in labels]
        self._sums = {pair: np.zeros(n_levels) for pair in self._pairs().values()}

    def add(
        self,
        codes: IntArray,
        left: Sequence[FloatArray],
        right: Sequence[FloatArray],
        weights: FloatArray | None,
    ) -> None:
        """Add rows: their levels, the columns, and their weights."""
        columns = [*left, *right]
        for i, first in enumerate(self._first):
            if columns[i] is not columns[first] and not np.array_equal(columns[i], columns[first]):
                self._part(i)
        weighted: dict[int, FloatArray] = {}
        for (i, j), sums in self._sums.items():
            if j not in weighted:
                weighted[j] = columns[j] if weights is None else columns[j] * weights
            np.add.at(sums, codes, columns[i] * weighted[j])

    def between(self, right: slice) -> FloatArray:
        """Return the sums of the left and some of the right columns, shape (J, left, right)."""
        pairs = self._pairs()
        chosen = range(self._left + self._right)[self._left :][right]
        total = np.empty((self._n_levels, self._left, len(chosen)))
        for a in range(self._left):
            for b, j in enumerate(chosen):
                total[:, a, b] = self._sums[pairs[a, j]]
        return total

    def _pairs(self) -> dict[tuple[int, int], tuple[int, int]]:
        """Find which sums are those of a left and a right column."""
        found = {}
        for a in range(self._left):
            for b in range(self._left, self._left + self._right):
                i, j = self._first[a], self._first[b]
                found[a, b] = (i, j) if i < j else (j, i)
        return found

    def _part(self, i: int) -> None:
        """Let a column have sums of its own: so far they are those of the first one like it."""
        before = self._pairs()
        self._first[i] = i
        own = {pair: before[both] for both, pair in self._pairs().items()}
        self._sums = {pair: self._sums[known].copy() for pair, known in own.items()}
