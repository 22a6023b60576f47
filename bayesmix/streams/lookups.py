"""Levels of rows by their values, looked up without making a label of each."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pandas as pd

from bayesmix.base.arrays import BoolArray, IntArray
from bayesmix.design.design import Encoder
from bayesmix.frames.columns import Factor
from bayesmix.frames.frames import plain_series

__all__ = ["with_lookups"]

# Whole numbers between the smallest and the largest known one up to which there is a table.
_ENTRIES = 1 << 22
_ABSENT = -2
_LARGEST = np.iinfo(np.int64).max


def with_lookups(encoder: Encoder, rows: pd.DataFrame) -> Encoder:
    """Return the same encoder, quicker with values that some rows have.

    Parameters
    ----------
    encoder : Encoder
    rows : DataFrame
        A row for each level.
    """
    groupings = tuple(
        dataclasses.replace(one, factor=_QuickFactor.of(one.factor, rows))
        for one in encoder.groupings
    )
    return dataclasses.replace(encoder, groupings=groupings)


@dataclasses.dataclass(frozen=True, eq=False)
class _QuickFactor(Factor):
    """A factor that knows the places of values, and not only those of labels.

    Those of the categories that came last are kept: they are mostly those of the next rows, too.
    """

    known: tuple[_Places, ...] = ()
    last: dict[int, tuple[pd.Index[Any], IntArray]] = dataclasses.field(default_factory=dict)

    @classmethod
    def of(cls, factor: Factor, rows: pd.DataFrame) -> _QuickFactor:
        known = []
        for i, variable in enumerate(factor.variables):
            values: Any = plain_series(rows[variable])
            if isinstance(values.dtype, pd.CategoricalDtype):
                values = values.cat.categories.to_series()
            distinct = pd.Index(values.unique())
            known.append(_Places.of(distinct, factor.places(i, variable, pd.Series(distinct))))
        own = {field.name: getattr(factor, field.name) for field in dataclasses.fields(Factor)}
        return cls(**own, known=tuple(known))

    def places(self, number: int, variable: str, values: pd.Series[Any]) -> IntArray:
        """Look values up, and make labels of those that are not known."""
        if isinstance(values.dtype, pd.CategoricalDtype):
            categories = values.cat.categories
            own = self.last.get(number)
            if own is None or own[0] is not categories:
                places = self.places(number, variable, pd.Series(categories))
                own = self.last[number] = categories, np.append(places, -1)
            return own[1][values.cat.codes.to_numpy()]
        found, is_known = self.known[number].of_values(values)
        if not is_known.all():
            new = ~is_known
            found[new] = super().places(number, variable, values[new].reset_index(drop=True))
        return found


@dataclasses.dataclass(frozen=True, eq=False)
class _Places:
    """The place of each known value, in a table of whole numbers where they are close enough."""

    distinct: pd.Index[Any]
    places: IntArray
    low: int = 0
    table: IntArray | None = None

    @classmethod
    def of(cls, distinct: pd.Index[Any], places: IntArray) -> _Places:
        if len(distinct) and _is_whole(distinct.dtype):
            low, high = int(distinct.min()), int(distinct.max())
            # The offsets below are signed numbers of 64 bits.
            if high - low < _ENTRIES and high <= _LARGEST:
                table = np.full(high - low + 1, _ABSENT)
                table[(distinct - low).to_numpy(np.int64)] = places
                return cls(distinct, places, low, table)
        return cls(distinct, places)

    def of_values(self, values: pd.Series[Any]) -> tuple[IntArray, BoolArray]:
        """Find the places of values, and which values are known."""
        if self.table is not None and len(values) and _is_whole(values.dtype):
            numbers = values.to_numpy()
            end = self.low + len(self.table)
            if self.low <= int(numbers.min()) and int(numbers.max()) < end:
                found = self.table[numbers.astype(np.int64, copy=False) - self.low]
                return found, found != _ABSENT
        at = self.distinct.get_indexer(pd.Index(values))
        return self.places[at], at >= 0


def _is_whole(dtype: Any) -> bool:
    return isinstance(dtype, np.dtype) and dtype.kind in "iu"
