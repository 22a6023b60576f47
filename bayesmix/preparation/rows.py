"""The columns and the rows that a model uses."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from bayesmix.base.arguments import shape_of
from bayesmix.base.arrays import read_only, unique
from bayesmix.base.errors import BayesmixError, FormulaError, short, suggest
from bayesmix.base.words import have
from bayesmix.design.columns import (
    WEIGHTS_COLUMN,
    Columns,
    check_weights_numeric,
    columns_of,
    counts_of,
)
from bayesmix.encoding.namespace import unknown_column
from bayesmix.encoding.sides import Side
from bayesmix.formula.formula import Formula
from bayesmix.frames.frames import Frame, joined, plain_series, row_values
from bayesmix.frames.values import listed

__all__ = ["KeptRows", "kept_rows"]


@dataclasses.dataclass(frozen=True, eq=False)
class KeptRows:
    """The used columns of the rows that have no missing value.

    Attributes
    ----------
    columns : mapping of str to Series
        Without the weights.
    weights : Series or None
    rows : ndarray of int64, shape (n,)
        Their positions in the data.
    index : Index
        Their labels.
    notes : tuple of str
        Rows that were dropped.
    """

    columns: Columns
    weights: pd.Series[Any] | None
    rows: npt.NDArray[np.int64]
    index: pd.Index[Any]
    notes: tuple[str, ...]

    def source(self, weights: str | npt.ArrayLike | None) -> pd.DataFrame:
        """Join the columns as they came, the weights under the name that they were given by."""
        if self.weights is None:
            return joined(self.columns)
        name = weights if isinstance(weights, str) else WEIGHTS_COLUMN
        return joined({**self.columns, name: self.weights})


def kept_rows(
    formulas: Sequence[Formula],
    sides: Iterable[Side],
    opened: Frame,
    weights: str | npt.ArrayLike | None,
    missing: str,
) -> KeptRows:
    """Read the used columns, and drop the rows with a missing value or refuse them."""
    frame, columns = _used_columns(formulas, sides, opened, weights)
    if columns.keys() <= {WEIGHTS_COLUMN}:
        raise FormulaError(
            "The formula uses no column of the data. Name the response: y ~ x.", formulas[0].text
        )
    keep, dropped = _complete_rows(columns, len(frame), missing)
    if dropped:
        columns = {name: column[keep] for name, column in columns.items()}
    weight_column = columns.pop(WEIGHTS_COLUMN, None)
    return KeptRows(
        columns,
        weight_column,
        read_only(np.flatnonzero(keep).astype(np.int64, copy=False)),
        frame.index[keep] if dropped else frame.index,
        dropped,
    )


def _used_columns(
    formulas: Iterable[Formula],
    sides: Iterable[Side],
    opened: Frame,
    weights: str | npt.ArrayLike | None,
) -> tuple[Frame, Columns]:
    """Read the columns that the model uses, the weights among them."""
    names = [name for side in sides for name in side.columns(opened.columns)]
    for formula, factor in ((one, bar.factor) for one in formulas for bar in one.bars):
        for name in factor:
            if name not in opened.columns:
                raise unknown_column(name, opened.header, formula)
            names.append(name)
    if isinstance(weights, str) and weights not in opened.columns:
        columns = list(map(str, opened.columns))
        raise BayesmixError(
            f"weights='{short(weights)}' is not a column of the data. Columns: {listed(columns)}. "
            f"{suggest(weights, columns)}".rstrip()
        )
    frame = opened.read([*names, weights] if isinstance(weights, str) else names)
    used = columns_of(frame, unique(names))
    if weights is not None:
        used[WEIGHTS_COLUMN] = _weight_column(weights, frame)
    return frame, used


def _weight_column(weights: str | npt.ArrayLike, frame: Frame) -> pd.Series[Any]:
    values: Any = row_values(weights)
    if isinstance(weights, str):
        (column,) = columns_of(frame, (weights,)).values()
    elif isinstance(weights, pd.Series):
        if not weights.index.equals(frame.index):
            raise BayesmixError(
                "The weights have another index than the data. Align them, or pass "
                "weights.to_numpy() to take them in order."
            )
        column = plain_series(weights)
    elif isinstance(values, pd.Series) and len(values) == len(frame):
        column = values.set_axis(frame.index)
    else:
        column = pd.Series(_as_array("weights", values, len(frame)), index=frame.index)
    check_weights_numeric(column)
    return column


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
            where = "weights" if name == WEIGHTS_COLUMN else f"Column '{name}'"
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


def _as_array(name: str, values: npt.ArrayLike, n_rows: int) -> npt.NDArray[Any]:
    shape = shape_of(values, n_rows)
    if shape != (n_rows,):
        raise BayesmixError(
            f"The {name} have shape {shape}; one per row of the data is needed: ({n_rows},)."
        )
    return np.asarray(values)
