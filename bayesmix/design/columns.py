"""Columns of data as checked arrays: finite numbers, weights, offsets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from bayesmix.base.arrays import FloatArray, read_only
from bayesmix.base.errors import BayesmixError, RowError, short
from bayesmix.encoding.effects import Effects
from bayesmix.frames.frames import Frame

__all__ = [
    "SE_COLUMN",
    "WEIGHTS_COLUMN",
    "Columns",
    "check_numeric",
    "columns_of",
    "counts_of",
    "finite",
    "offset_of",
    "usable_weights",
]


type Columns = dict[str, pd.Series[Any]]
WEIGHTS_COLUMN, SE_COLUMN = "weights=", "se="


def columns_of(frame: Frame, names: Iterable[str]) -> Columns:
    """Take columns of a frame by their names."""
    return {name: frame.series(name) for name in names}


def check_numeric(what: str, column: pd.Series[Any]) -> None:
    """Raise for weights or standard errors that are no real numbers."""
    is_complex = pd.api.types.is_complex_dtype(column.dtype)
    if is_complex or not pd.api.types.is_numeric_dtype(column.dtype):
        kind = "text or categories" if str(column.dtype) == "category" else str(column.dtype)
        name = column.name if isinstance(column.name, str) else None
        own = f"column '{short(name)}' holds {kind}" if name else f"they are {kind}"
        raise BayesmixError(
            f"The {what} must be numbers; {own}. Make numbers of them: "
            "pd.to_numeric(values, errors='coerce')."
        )


def usable_weights(column: pd.Series[Any], what: str) -> FloatArray:
    """Return weights, read-only, if all are positive and finite; `what` names them in messages."""
    check_numeric("weights", column)
    weights = column.to_numpy(dtype=np.float64, copy=True)
    usable = (weights > 0) & np.isfinite(weights)
    if not usable.all():
        first = int(np.argmin(usable))
        raise RowError(
            f"weights must be positive and finite; {what} {weights[first]:g}",
            f"at index {column.index[first]}",
            "Leave out rows that are to have no weight.",
            column.index[first],
        )
    return read_only(weights)


def counts_of(counts: Mapping[str, int]) -> str:
    """List the columns that have missing values, with how many."""
    own = {WEIGHTS_COLUMN: "weights", SE_COLUMN: "se"}
    names = {name: own.get(name, f"'{name}'") for name in counts}
    return ", ".join(f"{names[name]} ({count})" for name, count in counts.items() if count)


def offset_of(effects: Effects, frame: pd.DataFrame, index: pd.Index[Any]) -> FloatArray | None:
    """Compute the sum of the offsets, if there are any."""
    offset = effects.offset(frame)
    return None if offset is None else finite(offset, (effects.offset_name,), index)


def finite(
    array: FloatArray, labels: Sequence[str], index: pd.Index[Any], what: str = ""
) -> FloatArray:
    """Return a vector or a matrix with labelled columns, read-only, if all of it is finite."""
    for label, column in zip(labels, array.reshape(len(array), -1).T, strict=True):
        bad = ~np.isfinite(column)
        if bad.any():
            count, first = int(bad.sum()), index[int(bad.argmax())]
            hint = (
                " A logarithm (np.log and its kin) needs values above 0; np.log1p(x) takes 0."
                if "log" in label
                else ""
            )
            rows = f"in {count} of {len(bad)} rows (first at index {first})"
            remedy = f"Drop these rows, or replace the values.{hint}"
            if count == len(bad):
                rows = f"in all {count} rows"
                remedy = f"Check its values, or leave it out.{hint}"
            wrong = f"{what}'{short(label)}' is infinite or not a number"
            raise RowError(wrong, rows, remedy, first)
    return read_only(array)
