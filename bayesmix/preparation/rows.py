"""The columns and the rows that a model uses."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from bayesmix.base.arrays import read_only, unique
from bayesmix.base.errors import BayesmixError, FormulaError
from bayesmix.base.words import have
from bayesmix.design.columns import (
    SE_COLUMN,
    WEIGHTS_COLUMN,
    Columns,
    columns_of,
    counts_of,
)
from bayesmix.encoding.namespace import unknown_column
from bayesmix.encoding.sides import Side
from bayesmix.formula.formula import Formula
from bayesmix.frames.frames import Frame, joined
from bayesmix.preparation.byrow import ByRow

__all__ = ["KeptRows", "kept_rows"]


@dataclasses.dataclass(frozen=True, eq=False)
class KeptRows:
    """The used columns of the rows that have no missing value.

    Attributes
    ----------
    columns : mapping of str to Series
        Without those of `by_row`.
    by_row : Series or None
        Weights or standard errors.
    rows : ndarray of int64, shape (n,)
        Their positions in the data.
    index : Index
        Their labels.
    notes : tuple of str
        Rows that were dropped.
    n_rows : int, optional
        How many rows these stand for; for themselves without.
    """

    columns: Columns
    by_row: pd.Series[Any] | None
    rows: npt.NDArray[np.int64]
    index: pd.Index[Any]
    notes: tuple[str, ...]
    n_rows: int | None = None

    def source(self, by_row: ByRow | None) -> pd.DataFrame:
        """Join the columns as they came, weights under the name that they were given by."""
        if self.by_row is None or by_row is None:
            return joined(self.columns)
        return joined({**self.columns, by_row.label: self.by_row})


def kept_rows(
    formulas: Sequence[Formula],
    sides: Iterable[Side],
    opened: Frame,
    by_row: ByRow | None,
    missing: str,
) -> KeptRows:
    """Read the used columns, and drop the rows with a missing value or refuse them."""
    frame, columns = _used_columns(formulas, sides, opened, by_row)
    if columns.keys() <= {WEIGHTS_COLUMN, SE_COLUMN}:
        raise FormulaError(
            "The formula uses no column of the data. Name the response: y ~ x.", formulas[0].text
        )
    keep, dropped = _complete_rows(columns, len(frame), missing)
    if dropped:
        columns = {name: column[keep] for name, column in columns.items()}
    numbers = None if by_row is None else columns.pop(f"{by_row.argument}=")
    return KeptRows(
        columns,
        numbers,
        read_only(np.flatnonzero(keep).astype(np.int64, copy=False)),
        frame.index[keep] if dropped else frame.index,
        dropped,
    )


def _used_columns(
    formulas: Iterable[Formula],
    sides: Iterable[Side],
    opened: Frame,
    by_row: ByRow | None,
) -> tuple[Frame, Columns]:
    """Read the columns that the model uses, weights or standard errors among them."""
    names = [name for side in sides for name in side.columns(opened.columns)]
    for formula, factor in ((one, bar.factor) for one in formulas for bar in one.bars):
        for name in factor:
            if name not in opened.columns:
                raise unknown_column(name, opened.header, formula)
            names.append(name)
    if by_row is not None:
        by_row.check_name(opened)
    column = None if by_row is None else by_row.column
    frame = opened.read(names if column is None else [*names, column])
    used = columns_of(frame, unique(names))
    if by_row is not None:
        used[f"{by_row.argument}="] = by_row.read(frame)
    return frame, used


def _complete_rows(
    columns: Columns, n_rows: int, missing: str
) -> tuple[npt.NDArray[np.bool_], tuple[str, ...]]:
    """Find the rows without a missing value; the second value tells of those that have one."""
    keep = np.ones(n_rows, dtype=np.bool_)
    counts = {}
    for name, column in columns.items():
        absent = column.isna().to_numpy()
        counts[name] = int(absent.sum())
        if counts[name] == n_rows:
            where = name[:-1] if name in (WEIGHTS_COLUMN, SE_COLUMN) else f"Column '{name}'"
            raise BayesmixError(
                f"{where} has no values: all {n_rows} are missing. Leave it out, or check how the "
                "data were read or merged."
            )
        keep &= ~absent
    lost = n_rows - int(keep.sum())
    if not lost:
        return keep, ()
    message = f"{lost} of {n_rows} rows {have(lost)} missing values, in {counts_of(counts)}"
    if missing == "raise":
        raise BayesmixError(f"{message}. Drop or fill them in, or pass missing='drop'.")
    if lost == n_rows:
        raise BayesmixError(f"{message}: no row is complete. Leave a column out of the formula.")
    return keep, (
        f"{message}, and are dropped. Fill them in to keep these rows; missing='raise' makes this "
        "an error.",
    )
