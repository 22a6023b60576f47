"""Values of rows averaged by the values of columns, draw by draw."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
import pandas as pd

from bayesmix.base.arguments import names_of, shown
from bayesmix.base.arrays import FloatArray, IntArray
from bayesmix.base.errors import BayesmixError, DesignWarning, suggest, warn
from bayesmix.base.words import count, have
from bayesmix.frames.values import listed

__all__ = ["Cells", "Means", "cells_of", "check_size"]

_MOST_NUMBERS = 1 << 28
# Of the cells among the columns of the rows.
_CODE, _ALONE = "\N{BULLET}cell", "\N{BULLET}alone"


@dataclasses.dataclass(frozen=True, eq=False)
class Cells:
    """To which average each row belongs, and with which weight.

    Attributes
    ----------
    labels : DataFrame
        A row for each cell, with the columns that rows are averaged by; none for a single one.
    codes : ndarray of int64, shape (n,)
        -1 for a row without a label.
    weights : ndarray, shape (n,)
    """

    labels: pd.DataFrame
    codes: IntArray
    weights: FloatArray

    def __len__(self) -> int:
        """Return the number of cells."""
        return len(self.labels)

    def distinct(self, frame: pd.DataFrame, names: Collection[str]) -> tuple[Cells, IntArray]:
        """Take rows that are alike once, with the weight of all; return their positions, too.

        Rows with missing values stay as they are, so that they can be counted.
        """
        known = [name for name in names if name in frame]
        incomplete = frame[known].isna().any(axis=1).to_numpy()
        alone = np.where(incomplete, np.arange(len(frame)), -1)
        keys = frame[known].assign(**{_CODE: self.codes, _ALONE: alone})
        number = keys.groupby(list(keys), observed=True, dropna=False, sort=False).ngroup()
        numbers = number.to_numpy()
        _, first = np.unique(numbers, return_index=True)
        weights = np.bincount(numbers, self.weights)
        return Cells(self.labels, self.codes[first], weights), first


def cells_of(frame: pd.DataFrame, by: Any, weights: Any) -> Cells | None:
    """Read `by`: None for rows by themselves, True for one average, or names of columns.

    Raises
    ------
    BayesmixError
        A name is that of no column, or weights are none or not positive.
    """
    if by is None or by is False:
        if weights is not None:
            raise BayesmixError("weights= are of averages. Give by=, or by=True for a single one.")
        return None
    own = _weights(frame, weights)
    if by is True or (isinstance(by, np.bool_) and bool(by)):
        return Cells(pd.DataFrame(index=[0]), np.zeros(len(frame), dtype=np.int64), own)
    names = names_of("by", by)
    if not names:
        raise BayesmixError("by=[] names no column. Write by=True for the average of all rows.")
    for name in names:
        if name not in frame:
            raise BayesmixError(
                f"by: {shown(name)} is no column of the rows. Columns: "
                f"{listed(map(str, frame), 8)}. {suggest(name, map(str, frame))}".rstrip()
            )
    grouped = frame.groupby(list(names), observed=True, sort=True, dropna=True)
    number = grouped.ngroup()
    codes = number.fillna(-1).to_numpy().astype(np.int64)
    lost = int((codes < 0).sum())
    if lost and lost == len(frame):
        raise BayesmixError(
            f"by: no row has a value of {listed(map(repr, names), 4)}, so that there is nothing to "
            "average by. Name another column, or by=True for the average of all rows."
        )
    if lost:
        warn(
            f"{lost} of {len(frame)} rows {have(lost)} no value of {listed(map(repr, names), 4)}, "
            "and no part in the averages.",
            DesignWarning,
        )
    labels = grouped.size().index.to_frame(index=False)
    total = np.bincount(codes[codes >= 0], own[codes >= 0], len(labels))
    if not total.all():
        empty = int((total == 0).sum())
        warn(
            f"{empty} of {count(len(labels), 'average')} {have(empty)} rows with weights of 0 "
            "alone, and no value.",
            DesignWarning,
        )
    return Cells(labels, codes, own)


def _weights(frame: pd.DataFrame, weights: Any) -> FloatArray:
    if weights is None:
        return np.ones(len(frame))
    if not isinstance(weights, str) or weights not in frame:
        raise BayesmixError(
            f"weights={shown(weights)} is no column of the rows. Columns: "
            f"{listed(map(str, frame), 8)}."
        )
    column = frame[weights]
    is_time = pd.api.types.is_datetime64_any_dtype(column) or column.dtype.kind == "m"
    if is_time:
        raise BayesmixError(
            f"weights={shown(weights)}: the column holds times. Weights of rows are numbers of 0 "
            "or more."
        )
    values = pd.to_numeric(column, errors="coerce").to_numpy(dtype=np.float64)
    bad = int((~(values >= 0) | ~np.isfinite(values)).sum())
    if bad or values.sum() == 0:
        came = f"{count(bad, 'row')} {have(bad)} none such" if bad else "all are 0"
        raise BayesmixError(
            f"weights={shown(weights)}: weights of rows are numbers of 0 or more, none of them "
            f"missing, of which one is above 0; {came}. Drop those rows, or fill the column."
        )
    return values


def check_size(shape: tuple[int, ...], n_settings: int) -> None:
    """Raise where averages have too many draws, of shape (cells, S) or (cells, S, K) each."""
    if np.prod(shape, dtype=np.float64) * n_settings > _MOST_NUMBERS:
        raise BayesmixError(
            f"by= makes {shape[0]:,} averages, whose draws are too many to be held. Average by "
            "fewer values."
        )


class Means:
    """Weighted means of rows, of several settings at once, that are added block by block."""

    def __init__(self, cells: Cells, n_settings: int) -> None:
        self.cells = cells
        self.sums: list[FloatArray] = []
        self.total = np.zeros(len(cells))
        self.n_settings = n_settings

    def add(self, place: IntArray, values: Sequence[FloatArray]) -> None:
        """Add rows (b, S) or (b, S, K) of each setting."""
        codes = self.cells.codes[place]
        weights = np.where(codes < 0, 0.0, self.cells.weights[place])
        if not self.sums:
            shape = (len(self.cells), *values[0].shape[1:])
            check_size(shape, self.n_settings)
            self.sums = [np.zeros(shape) for _ in range(self.n_settings)]
        self.total += np.bincount(codes[codes >= 0], weights[codes >= 0], len(self.cells))
        for cell in np.unique(codes[codes >= 0]):
            rows = np.flatnonzero(codes == cell)
            for sums, own in zip(self.sums, values, strict=True):
                sums[cell] += np.tensordot(weights[rows], own[rows], axes=1)

    def values(self) -> list[FloatArray]:
        """Return the means (cells, S) or (cells, S, K) of each setting; NaN without rows."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return [sums / self.total.reshape(-1, *[1] * (sums.ndim - 1)) for sums in self.sums]
