"""Columns of data as checked arrays: finite numbers, weights, offsets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from bayesmix.base.arrays import FloatArray, read_only
from bayesmix.base.errors import BayesmixError, short
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
        raise BayesmixError(f"The {what} must be numbers; they are {column.dtype}.")


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
            count, shown = int(bad.sum()), short(label)
            hint = (
                " A logarithm (np.log and its kin) needs values above 0; np.log1p(x) takes 0."
                if "log" in label
                else ""
            )
            if count == len(bad):
                raise BayesmixError(
                    f"{what}'{shown}' is infinite or not a number in all {count} rows. "
                    f"Check its values, or leave it out.{hint}"
                )
            raise BayesmixError(
                f"{what}'{shown}' is infinite or not a number in {count} of {len(bad)} rows (first "
                f"at index {index[int(bad.argmax())]}). Drop these rows, or replace the values."
                f"{hint}"
            )
    return read_only(array)
