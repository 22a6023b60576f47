"""Arrays that cannot be changed, and positions in them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from bayesmix.base.arguments import shown
from bayesmix.base.errors import BayesmixError

if TYPE_CHECKING:
    from types import EllipsisType

    import xarray as xr

__all__ = [
    "BoolArray",
    "FloatArray",
    "IntArray",
    "alike",
    "draws_first",
    "positions",
    "ranges",
    "read_only",
    "taken",
    "unique",
]


type FloatArray = npt.NDArray[np.float64]
type IntArray = npt.NDArray[np.int64]
type BoolArray = npt.NDArray[np.bool_]


def unique(names: Iterable[str]) -> tuple[str, ...]:
    """Return each name once, in the order of the first."""
    return tuple(dict.fromkeys(names))


def alike(rows: FloatArray) -> tuple[IntArray, IntArray]:
    """Order rows (n, k), the last column first, and find where each kind of them starts."""
    order = np.lexsort(rows.T)
    own = rows[order]
    is_first = np.append(True, (own[1:] != own[:-1]).any(axis=1))[: len(rows)]
    return order, np.flatnonzero(is_first)


def ranges(low: IntArray, high: IntArray) -> IntArray:
    """Count from each low to below its high, one range after the other."""
    size = high - low
    start: IntArray = np.repeat(low - (np.cumsum(size) - size), size)
    return start + np.arange(len(start))


def positions(rows: npt.ArrayLike, n_rows: int) -> IntArray:
    """Read positions or bools of rows as positions; raise for anything else."""
    try:
        # The ends of a range say whether it fits, before it is written out.
        kept = np.asarray((rows[0], rows[-1]) if isinstance(rows, range) and rows else rows)
    except Exception:  # lists of different lengths, and whatever the value's own methods raise
        kept = np.asarray(None)
    if kept.dtype == np.bool_:
        if kept.shape != (n_rows,):
            raise BayesmixError(f"rows has {kept.size} bools for {n_rows} rows.")
        return np.flatnonzero(kept)
    is_list = kept.ndim == 1 and (kept.dtype.kind in "iu" or not kept.size)
    if not is_list or (kept.size and not -n_rows <= kept.min() <= kept.max() < n_rows):
        raise BayesmixError(
            f"rows={shown(rows)} is not usable: give a list of positions from 0 to "
            f"{n_rows - 1}, or one bool per row."
        )
    return np.asarray(rows).astype(np.int64)


def taken(array: FloatArray | None, rows: IntArray) -> FloatArray | None:
    """Take rows of an array that may not be there."""
    return None if array is None else read_only(array[rows])


def draws_first(values: xr.DataArray, *dims: str | EllipsisType) -> FloatArray:
    """Return draws as an array: all chains together on the first axis, then `dims`."""
    array = values.transpose("chain", "draw", *dims).to_numpy()
    return np.asarray(array.reshape(-1, *array.shape[2:]), dtype=np.float64)


def read_only[T: np.generic](array: npt.NDArray[T]) -> npt.NDArray[T]:
    """Make an array of our own one that cannot be written to."""
    array.flags.writeable = False
    return array
