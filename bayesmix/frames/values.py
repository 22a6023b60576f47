"""What a column holds: numbers, text, or values that are neither, with what to do about them."""

from __future__ import annotations

import contextlib
import decimal
import math
import numbers
from collections.abc import Callable, Iterable, Sized
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from bayesmix.base.arrays import IntArray
from bayesmix.base.errors import BayesmixError, short

__all__ = [
    "as_numbers",
    "check_text",
    "distinct",
    "holds_numbers",
    "in_order",
    "kind_of",
    "listed",
    "neither_numbers_nor_text",
]


# What to do with a column of a kind that is neither numbers nor text; {} is the column.
_REMEDIES = {
    "date": "Convert it, for example to days since the first: time = pd.to_datetime({}); "
    "{} = (time - time.min()).dt.days.",
    "timedelta": "Convert it to numbers: {} = pd.to_timedelta({}).dt.total_seconds().",
    "time": "Convert it to hours: {} = {}.map(lambda time: time.hour + time.minute / 60).",
    "bytes": "Make text of it: {} = {}.str.decode('utf-8').",
    "complex": "Take a part of it: {} = {}.map(abs), or its real and imaginary part.",
    "interval": "Make labels of it: {} = {}.astype(str), or numbers: {}.map(lambda v: v.mid).",
}
_LABELS = "Make labels of it: {} = {}.astype(str)."


def listed(names: Iterable[object], limit: int = 12) -> str:
    """Write the first names with commas between them, long ones without their middle."""
    known = list(names)
    more = f", ... ({len(known) - limit} more)" if len(known) > limit else ""
    return ", ".join(map(short, known[:limit])) + more


def kind_of(values: pd.Series[Any]) -> str:
    """Name the kind of values in pandas' words: string, integer, datetime64, mixed, ..."""
    return str(pd.api.types.infer_dtype(values, skipna=True))


def as_numbers(name: str, values: pd.Series[Any]) -> npt.NDArray[Any] | None:
    """Return numbers as bool, int64 or float64 and None for anything else.

    Raises
    ------
    BayesmixError
        A number is too large for a float.
    """
    dtype = values.dtype
    if dtype.kind == "O" and isinstance(dtype, np.dtype):
        return _numbers_of_objects(name, values)
    if pd.api.types.is_bool_dtype(dtype) and not isinstance(dtype, pd.CategoricalDtype):
        return values.to_numpy(dtype=np.bool_)
    if pd.api.types.is_integer_dtype(dtype) and (len(values) == 0 or values.max() < 2**63):
        return values.to_numpy(dtype=np.int64)
    if pd.api.types.is_numeric_dtype(dtype) and not pd.api.types.is_complex_dtype(dtype):
        with np.errstate(over="ignore"):  # what is infinite is refused later, with its place
            return values.to_numpy(dtype=np.float64)
    return None


def _numbers_of_objects(name: str, values: pd.Series[Any]) -> npt.NDArray[Any] | None:
    kind = kind_of(values)
    if kind == "boolean":
        return values.to_numpy(dtype=np.bool_)
    is_mixture = kind.startswith("mixed") and all(map(_is_number, values))
    if kind not in ("integer", "floating", "decimal") and not is_mixture:
        return None
    if kind == "integer":
        with contextlib.suppress(OverflowError):
            return values.to_numpy(dtype=np.int64)
    try:
        return np.array([float(value) for value in values], dtype=np.float64)
    except OverflowError:
        largest = max((value for value in values if value == value), key=abs)
        raise BayesmixError(
            f"Column '{short(name)}' holds numbers of {_digits(largest)} digits; floats end at 309."
            f" Divide first: {_column(name)} = {_column(name)} // 10**{_digits(largest) - 15}. "
            f"If they are labels: {_column(name)}.astype(str)."
        ) from None


def holds_numbers(column: pd.Series[Any]) -> bool:
    """Tell whether a column has a type of numbers, booleans aside."""
    return bool(
        pd.api.types.is_numeric_dtype(column.dtype) and not pd.api.types.is_bool_dtype(column.dtype)
    )


def _is_number(value: object) -> bool:
    return isinstance(value, numbers.Real | decimal.Decimal | np.bool_)


def _digits(value: Any) -> int:
    # The text of such an int is refused by Python from 4,300 digits on.
    whole = abs(int(value))
    return int(whole.bit_length() * math.log10(2)) + 1


def _column(name: str) -> str:
    return f"data['{short(name)}']"


def check_text(name: str, values: pd.Series[Any]) -> None:
    """Refuse anything but text.

    Raises
    ------
    BayesmixError
        The values are of another kind, or of several; the message says how to convert them.
    """
    kind = kind_of(values)
    if kind in ("string", "empty"):
        return
    if kind.startswith("mixed"):
        if not any(isinstance(value, str) for value in values):
            raise neither_numbers_nor_text(name, values)
        examples = listed(dict.fromkeys(map(_shown, values)), 4)
        raise BayesmixError(
            f"Column '{short(name)}' mixes text and other values ({examples}). Make it one of "
            f"them: {_column(name)}.astype(str), or pd.to_numeric({_column(name)}, "
            "errors='coerce')."
        )
    remedy = next((text for word, text in _REMEDIES.items() if kind.startswith(word)), _LABELS)
    raise BayesmixError(
        f"Column '{short(name)}' holds {kind} values, neither numbers nor text. "
        + remedy.replace("{}", _column(name))
    )


def neither_numbers_nor_text(name: str, values: Iterable[Any]) -> BayesmixError:
    """Make the error for values such as lists."""
    known = list(values)
    types = listed(dict.fromkeys(type(value).__name__ for value in known), 4)
    is_nested = any(isinstance(value, Sized) for value in known)
    remedy = (
        "Put one number or one text into each row, for example with data.explode or in columns of "
        "their own"
        if is_nested
        else f"Put one number or one text into each row: {_column(name)}.astype(str) makes labels"
    )
    return BayesmixError(
        f"Column '{short(name)}' holds values that are neither numbers nor text ({types}). "
        f"{remedy}."
    )


def _shown(value: object) -> str:
    return short(repr(value)) if isinstance(value, str) else short(value)


def distinct(name: str, values: pd.Series[Any]) -> tuple[IntArray, Any]:
    """Find and number the distinct values in the order of appearance.

    Raises
    ------
    BayesmixError
        Values that cannot be compared with each other, such as lists.
    """
    is_number = isinstance(values.dtype, np.dtype) and values.dtype.kind in "biuf"
    try:
        # pandas turns numbers of 32 bits into others when it is asked for single ones.
        codes, uniques = pd.factorize(values.to_numpy() if is_number else values)
    except (TypeError, NotImplementedError):  # values without a hash, such as lists
        raise neither_numbers_nor_text(name, values) from None
    return codes.astype(np.int64, copy=False), uniques


def in_order(
    codes: IntArray, uniques: Any, label: Callable[[object], str]
) -> tuple[IntArray, list[Any]]:
    """Sort distinct values by their own order, or by their labels if they have none."""
    known = list(uniques)
    try:
        if getattr(uniques.dtype, "kind", "O") in "biufmM":
            order = np.argsort(np.asarray(uniques), kind="stable").tolist()
        else:
            order = sorted(range(len(known)), key=known.__getitem__)
    except (TypeError, ValueError):
        order = sorted(range(len(known)), key=lambda i: label(known[i]))
    place = np.empty(len(known), dtype=np.int64)
    place[order] = np.arange(len(known))
    return place[codes], [known[i] for i in order]
