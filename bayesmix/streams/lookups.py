"""Levels of rows by their values, looked up without making a label of each."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pandas as pd

from bayesmix.base.arrays import IntArray
from bayesmix.design.design import Encoder
from bayesmix.frames.columns import Factor
from bayesmix.frames.frames import plain_series

__all__ = ["with_lookups"]


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
    """A factor that knows the places of values, and not only those of labels."""

    known: tuple[tuple[pd.Index[Any], IntArray], ...] = ()

    @classmethod
    def of(cls, factor: Factor, rows: pd.DataFrame) -> _QuickFactor:
        known = []
        for i, variable in enumerate(factor.variables):
            values: Any = plain_series(rows[variable])
            if isinstance(values.dtype, pd.CategoricalDtype):
                values = values.cat.categories.to_series()
            distinct = pd.Index(values.unique())
            places = factor.places(i, variable, pd.Series(distinct))
            known.append((distinct, places))
        own = {field.name: getattr(factor, field.name) for field in dataclasses.fields(Factor)}
        return cls(**own, known=tuple(known))

    def places(self, number: int, variable: str, values: pd.Series[Any]) -> IntArray:
        """Look values up, and make labels of those that are not known."""
        if isinstance(values.dtype, pd.CategoricalDtype):
            labels = pd.Series(values.cat.categories)
            own = np.append(self.places(number, variable, labels), -1)
            return own[values.cat.codes.to_numpy()]
        distinct, places = self.known[number]
        at = distinct.get_indexer(pd.Index(values))
        found = places[at]
        if (at < 0).any():
            new = at < 0
            found[new] = super().places(number, variable, values[new].reset_index(drop=True))
        return found
