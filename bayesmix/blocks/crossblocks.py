"""Sums of products of the effects of two factors, by pair of levels that meet."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from bayesmix.base.adding import Adder
from bayesmix.base.arrays import BoolArray, FloatArray, IntArray
from bayesmix.blocks.level_products import LevelProducts
from bayesmix.design.groupterm import GroupTerm

__all__ = ["CrossBlocks", "PairSums"]

# Sums of all pairs of levels up to which each pair has a place, and pairs for each row so far.
_PLACES, _PAIRS_OF_A_ROW = 1 << 23, 4
_SORTED_AT_ONCE = 1 << 18


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
        row = np.concatenate([self.row, other.row])
        column = np.concatenate([self.column, other.column])
        values = np.concatenate([self.values, other.values])
        width = int(column.max(initial=0)) + 1
        keys, code = np.unique(row * width + column, return_inverse=True)
        flat = values.reshape(len(values), -1)
        summed = [np.bincount(code, flat[:, i], minlength=len(keys)) for i in range(flat.shape[1])]
        stacked = np.stack(summed, axis=1).reshape(-1, *values.shape[1:])
        return CrossBlocks(keys // width, keys % width, stacked)

    @property
    def transposed(self) -> CrossBlocks:
        """``Z_t' W Z_s``."""
        order = np.lexsort((self.row, self.column))
        return CrossBlocks(
            self.column[order], self.row[order], np.swapaxes(self.values[order], 1, 2)
        )


class PairSums:
    """The blocks of two factors, of rows that come in parts.

    Rows are sorted by pair, a great many at once. As soon as pairs of levels are few beside the
    rows, each pair has a place, and no further rows are sorted.

    Parameters
    ----------
    first, second : GroupTerm
    """

    def __init__(self, first: GroupTerm, second: GroupTerm) -> None:
        self._first, self._second = first, second
        self._n_pairs, self._n_rows = first.n_levels * second.n_levels, 0
        self._placed: tuple[LevelProducts, BoolArray] | None = None
        self._waiting: list[_Rows] = []
        self._sorted: Adder[CrossBlocks] = Adder()

    def add(
        self,
        codes: tuple[IntArray, IntArray],
        left: Sequence[FloatArray],
        right: Sequence[FloatArray],
        weights: FloatArray | None,
    ) -> None:
        """Add rows: their levels of both factors, the columns of both, and their weights."""
        rows = _Rows(codes[0] * self._second.n_levels + codes[1], left, right, weights)
        self._n_rows += len(rows.keys)
        if self._placed is None and self._few_pairs():
            met = np.zeros(self._n_pairs, dtype=np.bool_)
            self._placed = self._sums(self._n_pairs), met
        if self._placed is not None:
            sums, met = self._placed
            sums.add(rows.keys, left, right, weights)
            met[rows.keys] = True
            return
        self._waiting.append(rows)
        if sum(len(some.keys) for some in self._waiting) >= _SORTED_AT_ONCE:
            self._sort()

    def total(self) -> CrossBlocks:
        """Return the blocks of all rows so far."""
        self._sort()
        total = self._sorted.total()
        if self._placed is not None:
            sums, met = self._placed
            keys = np.flatnonzero(met)
            placed = self._blocks(keys, sums.between(slice(None))[keys])
            total = placed if total is None else total + placed
        if total is None:
            none = np.zeros((0, self._first.n_effects, self._second.n_effects))
            return self._blocks(np.zeros(0, dtype=np.int64), none)
        return total

    def _few_pairs(self) -> bool:
        size = self._n_pairs * self._first.n_effects * self._second.n_effects
        return size <= _PLACES and self._n_pairs <= _PAIRS_OF_A_ROW * self._n_rows

    def _sort(self) -> None:
        if self._waiting:
            rows = _Rows.joined(self._waiting)
            keys, places = np.unique(rows.keys, return_inverse=True)
            sums = self._sums(len(keys))
            sums.add(places, rows.left, rows.right, rows.weights)
            self._sorted.add(self._blocks(keys, sums.between(slice(None))))
            self._waiting = []

    def _sums(self, n_pairs: int) -> LevelProducts:
        return LevelProducts(n_pairs, self._first.effects, self._second.effects)

    def _blocks(self, keys: IntArray, values: FloatArray) -> CrossBlocks:
        return CrossBlocks(keys // self._second.n_levels, keys % self._second.n_levels, values)


@dataclasses.dataclass(frozen=True, eq=False)
class _Rows:
    """Rows by the pair of their levels: the columns of both factors, and weights."""

    keys: IntArray
    left: Sequence[FloatArray]
    right: Sequence[FloatArray]
    weights: FloatArray | None

    @classmethod
    def joined(cls, parts: Sequence[_Rows]) -> _Rows:
        if len(parts) == 1:
            return parts[0]
        weights = [part.weights for part in parts if part.weights is not None]
        return cls(
            np.concatenate([part.keys for part in parts]),
            [np.concatenate(columns) for columns in zip(*(p.left for p in parts), strict=True)],
            [np.concatenate(columns) for columns in zip(*(p.right for p in parts), strict=True)],
            np.concatenate(weights) if weights else None,
        )
