"""Labels of rows, levels and categories: pandas' indexes to plain values and back."""

from __future__ import annotations

import datetime
import re
from typing import Any

import numpy as np
import pandas as pd

from bayesmix.storage.archive import require
from bayesmix.storage.plain import Plain
from bayesmix.storage.records import mapping

__all__ = ["DTYPES", "plain_index", "plain_labels", "restore_index", "saved_as_text"]

# Those that are not NumPy's, with text.
DTYPES = re.compile(r"object|str|string|boolean|U?Int(8|16|32|64)|Float(32|64)")
# Names of time zones and no others: pandas takes paths of files as well.
_ZONE = re.compile(r"[A-Za-z0-9_+-]{1,40}(/[A-Za-z0-9_+-]{1,40}){0,3}|UTC[+-][0-9]{2}:[0-9]{2}")
_MOST_UNUSED = 1 << 22
_SIMPLE = str | int | float | bool | None


def plain_labels(index: pd.Index[Any]) -> dict[str, Plain]:
    """Keep labels exactly where they are numbers, text, dates, times or intervals, else as text.

    The labels only name the rows of predictions, so that an odd one is no reason to fail.
    """
    plain = plain_index(index)
    if _of_no_word(plain):
        return plain_index(pd.Index([str(value) for value in index], name=index.name))
    return plain


def saved_as_text(index: pd.Index[Any]) -> list[Any]:
    """List labels that a file has no word for, so that text stands for all of their index."""
    if isinstance(index, pd.MultiIndex):
        return [label for level in index.levels for label in saved_as_text(level)]
    if isinstance(index, pd.CategoricalIndex):
        return saved_as_text(index.categories)
    return _of_no_word(plain_index(index))


def _of_no_word(plain: dict[str, Plain]) -> list[Any]:
    if plain.get("kind") != "values" or plain["values"].dtype != object:
        return []
    return [value for value in plain["values"].tolist() if not isinstance(value, _SIMPLE)]


def plain_index(index: pd.Index[Any]) -> dict[str, Plain]:
    """Take an index apart."""
    if isinstance(index, pd.MultiIndex):
        return {
            "kind": "levels",
            "levels": [plain_labels(level) for level in index.levels],
            "codes": [np.asarray(codes) for codes in index.codes],
            "names": list(index.names),
        }
    plain: dict[str, Plain] = {"name": index.name}
    if isinstance(index, pd.RangeIndex):
        return plain | {"kind": "range", "range": [index.start, index.stop, index.step]}
    if isinstance(index, pd.IntervalIndex):
        ends = {side: plain_index(getattr(index, side)) for side in ("left", "right")}
        return plain | {"kind": "intervals", "closed": index.closed, **ends}
    if isinstance(index, pd.CategoricalIndex):
        return plain | {
            "kind": "categories",
            "categories": plain_labels(index.categories),
            "codes": np.asarray(index.codes),
            "ordered": index.ordered,
        }
    if isinstance(index, pd.DatetimeIndex) and index.tz is not None:
        moments = index.tz_convert("UTC").tz_localize(None).to_numpy()
        return plain | {"kind": "moments", "values": moments, "tz": str(index.tz)}
    values, dtype = index.to_numpy(), str(index.dtype)
    if values.dtype == object and len(values) and all(type(one) is datetime.date for one in values):
        return plain | {"kind": "dates", "values": values.astype("M8[D]")}
    known = dtype if DTYPES.fullmatch(dtype) else None
    return plain | {"kind": "values", "values": values, "dtype": known}


def restore_index(plain: Plain, most: int, depth: int = 0) -> Any:
    """Put an index together.

    Parameters
    ----------
    plain : mapping
        From `plain_index`.
    most : int
        How many labels there may be: a range says of itself how long it is.

    Raises
    ------
    Damaged
        It is none, or longer.
    """
    plain = mapping(plain, "an index")
    require(depth < 10, "an index of indexes")
    name = plain.get("name")
    require(isinstance(name, _SIMPLE | tuple), "the name of an index")

    def inner(part: Plain) -> Any:
        # Levels and categories may be more than the rows, since those without rows stay.
        return restore_index(part, max(most, _MOST_UNUSED), depth + 1)

    match plain:
        case {"kind": "levels", "levels": list(levels), "codes": list(codes), "names": list(names)}:
            require(len(levels) == len(codes) == len(names) > 0, "the levels of an index")
            for one in codes:
                _check_integers(one, most)
            restored: Any = list(map(inner, levels))
            return pd.MultiIndex(levels=restored, codes=codes, names=names, verify_integrity=True)
        case {"kind": "range", "range": [int(start), int(stop), int(step)]} if step:
            require(max(abs(start), abs(stop), abs(step)) < 1 << 62, "a range")
            require(len(range(start, stop, step)) <= most, "a range")
            return pd.RangeIndex(start, stop, step, name=name)
        case {"kind": "intervals", "closed": ("left" | "right" | "both" | "neither") as closed}:
            left, right = inner(plain.get("left")), inner(plain.get("right"))
            return pd.IntervalIndex.from_arrays(left, right, closed, name=name)
        case {"kind": "categories", "codes": codes, "ordered": bool(ordered)}:
            _check_integers(codes, most)
            categories = inner(plain.get("categories"))
            values = pd.Categorical.from_codes(codes, categories=categories, ordered=ordered)
            return pd.CategoricalIndex(values, name=name)
        case {"kind": "moments", "values": np.ndarray() as values, "tz": str(tz)}:
            require(values.dtype.kind == "M" and values.ndim == 1, "times")
            require(_ZONE.fullmatch(tz) and not tz.startswith("dateutil"), "a time zone")
            moments: Any = pd.DatetimeIndex(values, name=name)
            return moments.tz_localize("UTC").tz_convert(tz)
        case {"kind": "dates", "values": np.ndarray() as values}:
            require(values.dtype == np.dtype("M8[D]"), "dates")
            require(values.ndim == 1 and len(values) <= most, "an index")
            days = values.tolist()
            require(all(type(day) is datetime.date for day in days), "dates")
            return pd.Index(days, dtype=object, name=name)
        case {"kind": "values", "values": np.ndarray() as values, "dtype": None | str() as dtype}:
            require(values.ndim == 1 and len(values) <= most, "an index")
            require(dtype is None or DTYPES.fullmatch(dtype), f"the dtype {dtype}")
            return pd.Index(values, dtype=dtype, name=name)
    require(False, "an index of an unknown kind")


def _check_integers(codes: Plain, most: int) -> None:
    is_one = isinstance(codes, np.ndarray) and codes.dtype.kind == "i" and codes.ndim == 1
    require(is_one and len(codes) <= most, "the codes of an index")
