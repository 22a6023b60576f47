"""Sums of products of the effects of two factors, by pair of levels that meet."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from bayesmix.base.adding import Adder
from bayesmix.base.arrays import FloatArray, IntArray
from bayesmix.blocks.levelsums import LevelSums
from bayesmix.design.groupterm import GroupTerm

__all__ = ["CrossBlocks", "PairSums"]

# Sums of all pairs of levels up to which each pair has a place, and pairs for each row that comes.
_PLACES, _PAIRS_OF_A_ROW = 1 << 21, 4


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

    Parameters
    ----------
    first, second : GroupTerm
    n_rows : int
        Of the first part. Where levels are few beside it, each pair has a place, so that no rows
        are sorted.
    """

    def __init__(self, first: GroupTerm, second: GroupTerm, n_rows: int) -> None:
        self._first, self._second = first, second
        n_pairs = first.n_levels * second.n_levels
        places = n_pairs * first.n_effects * second.n_effects
        self._placed = self._met = None
        if places <= _PLACES and n_pairs <= _PAIRS_OF_A_ROW * n_rows:
            self._placed = self._sums(n_pairs)
            self._met = np.zeros(n_pairs, dtype=np.bool_)
        self._adder: Adder[CrossBlocks] = Adder()

    def add(
        self,
        codes: tuple[IntArray, IntArray],
        left: Sequence[FloatArray],
        right: Sequence[FloatArray],
        weights: FloatArray | None,
    ) -> None:
        """Add rows: their levels of both factors, the columns of both, and their weights."""
        keys = codes[0] * self._second.n_levels + codes[1]
        if self._placed is not None and self._met is not None:
            self._placed.add(keys, left, right, weights)
            self._met[keys] = True
            return
        met, places = np.unique(keys, return_inverse=True)
        sums = self._sums(len(met))
        sums.add(places, left, right, weights)
        self._adder.add(self._blocks(met, sums.between(slice(None))))

    def total(self) -> CrossBlocks:
        """Return the blocks of all rows so far."""
        if self._placed is not None and self._met is not None:
            met = np.flatnonzero(self._met)
            return self._blocks(met, self._placed.between(slice(None))[met])
        total = self._adder.total()
        assert total is not None
        return total

    def _sums(self, n_pairs: int) -> LevelSums:
        return LevelSums(n_pairs, self._first.effects, self._second.effects)

    def _blocks(self, keys: IntArray, values: FloatArray) -> CrossBlocks:
        return CrossBlocks(keys // self._second.n_levels, keys % self._second.n_levels, values)
