"""Which rows have a level that no row before them has."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from bayesmix.base.arrays import BoolArray, IntArray

__all__ = ["Seen"]

# Whole numbers between the smallest and the largest of a column up to which each has a place.
_PLACES = 1 << 24


class Seen:
    """The levels of the rows so far, by the columns whose combinations they are."""

    def __init__(self) -> None:
        self._tables: dict[tuple[str, ...], _Table] = {}
        self._labels: dict[tuple[str, ...], _Labels] = {}

    def new(self, rows: pd.DataFrame, key: tuple[str, ...]) -> BoolArray:
        """Mark rows with new combinations: the first of each, or more where nothing is kept."""
        if len(key) == 1 and (values := _whole_numbers(rows[key[0]])) is not None:
            table = self._tables.setdefault(key, _Table())
            if table.covers(values):
                return table.new(values)
        if len(key) == 1 and isinstance(rows[key[0]].dtype, pd.CategoricalDtype):
            return self._labels.setdefault(key, _Labels()).new(rows[key[0]])
        new: BoolArray = ~rows.duplicated(list(key)).to_numpy()
        return new


def _whole_numbers(column: pd.Series[Any]) -> IntArray | None:
    dtype: Any = column.dtype
    is_whole = isinstance(dtype, np.dtype) and np.can_cast(dtype, np.int64) and dtype.kind in "iu"
    return column.to_numpy() if is_whole and len(column) else None


class _Table:
    """A place for each whole number between a smallest and a largest one."""

    def __init__(self) -> None:
        self._low, self._seen = 0, np.zeros(0, dtype=np.bool_)

    def covers(self, values: IntArray) -> bool:
        """Make places for the values; False if these are too many."""
        low, high = int(values.min()), int(values.max())
        end = self._low + len(self._seen)
        if len(self._seen):
            if self._low <= low and high < end:
                return True
            low, high = min(low, self._low), max(high, end - 1)
        if high - low >= _PLACES:
            return False
        seen = np.zeros(high - low + 1, dtype=np.bool_)
        if len(self._seen):
            seen[self._low - low : end - low] = self._seen
        self._low, self._seen = low, seen
        return True

    def new(self, values: IntArray) -> BoolArray:
        """Mark the first row of each value that was not there before."""
        places = values.astype(np.int64, copy=False) - self._low
        new = ~self._seen[places]
        rows = np.flatnonzero(new)
        again = pd.Series(places[rows]).duplicated().to_numpy()
        new[rows[again]] = False
        self._seen[places[rows]] = True
        return new


class _Labels:
    """Categories of which there was a row, whatever their codes are in the parts."""

    def __init__(self) -> None:
        self._seen: set[Any] = set()
        self._categories: pd.Index[Any] | None = None
        self._is_new = np.zeros(0, dtype=np.bool_)

    def new(self, column: pd.Series[Any]) -> BoolArray:
        """Mark the first row of each category that was not there before."""
        categories, codes = column.cat.categories, column.cat.codes.to_numpy()
        if categories is not self._categories:
            self._categories = categories
            self._is_new = np.array([one not in self._seen for one in categories], dtype=np.bool_)
        new = np.zeros(len(codes), dtype=np.bool_)
        if len(categories):
            rows = np.flatnonzero(self._is_new[codes])
            first = rows[~pd.Series(codes[rows]).duplicated().to_numpy()]
            new[first] = True
            self._is_new[codes[first]] = False
            self._seen.update(categories.take(codes[first]))
        return new
