"""Columns of a data frame to plain values and back: what is made of them is the same to the bit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bayesmix.base.errors import BayesmixError, short
from bayesmix.frames.columns import number_levels
from bayesmix.frames.values import as_numbers
from bayesmix.storage.archive import require
from bayesmix.storage.labels import DTYPES, plain_index, restore_index
from bayesmix.storage.plain import Plain
from bayesmix.storage.records import mapping

if TYPE_CHECKING:
    from bayesmix.design.design import Design

__all__ = ["plain_columns", "restore_columns"]

_SIMPLE = (bool, int, float, str)


def plain_columns(design: Design) -> dict[str, Plain]:
    """Take the columns that a design was made of apart.

    Objects that a file cannot hold become what the design takes of them: numbers of an effect,
    labels in their order of a grouping factor.
    """
    source = design.source
    assert source is not None
    encoder = design.encoder
    factors = {name for one in encoder.every_grouping for name in one.factor.variables}
    plain = {}
    for name, column in source.items():
        stored = _plain_column(column)
        if stored is None and name in encoder.categories and name in factors:
            raise BayesmixError(
                f"Column '{short(name)}' holds {type(column.iloc[0]).__name__} objects and is a "
                "number as well as a grouping factor, which cannot be saved. Convert it before "
                f"fitting: data['{short(name)}'].astype(float)."
            )
        if stored is None and name in factors:
            codes, labels = number_levels(str(name), column)
            stored = plain_index(_ordered(codes, labels))
        plain[str(name)] = stored or {"kind": "numbers", "values": as_numbers(str(name), column)}
    return plain


def _ordered(codes: Any, labels: list[str]) -> pd.CategoricalIndex[Any]:
    return pd.CategoricalIndex(pd.Categorical.from_codes(codes, pd.Index(labels), ordered=True))


def _plain_column(column: pd.Series[Any]) -> dict[str, Plain] | None:
    """Take a column apart; None if it holds objects that a file has no word for."""
    dtype: Any = column.dtype
    if isinstance(dtype, np.dtype) and dtype.kind != "O":
        return {"kind": "numbers", "values": column.to_numpy()}
    if isinstance(dtype, pd.StringDtype) or pd.api.types.infer_dtype(column) == "string":
        codes, texts = pd.factorize(column)
        unique = np.array(list(map(str, texts)), dtype=object)
        codes = codes.astype(np.min_scalar_type(-len(unique)))
        return {"kind": "text", "codes": codes, "texts": unique, "dtype": str(dtype)}
    if isinstance(dtype, np.dtype):
        objects = [one.item() if isinstance(one, np.generic) else one for one in column]
        if not all(type(one) in _SIMPLE for one in objects):
            return None
        array = np.array(objects) if len(set(map(type, objects))) == 1 else None
        if array is not None and array.dtype.kind in "bif":
            return {"kind": "numbers", "values": array, "dtype": "object"}
        return {"kind": "objects", "values": objects}
    if isinstance(dtype, pd.PeriodDtype):
        return None
    if DTYPES.fullmatch(str(dtype)):
        values = column.to_numpy(dtype=dtype.numpy_dtype)
        return {"kind": "numbers", "values": values, "dtype": str(dtype)}
    return plain_index(pd.Index(column, name=None))


def restore_columns(stored: Plain, index: pd.Index[Any]) -> pd.DataFrame:
    """Put columns together, on an index.

    Raises
    ------
    Damaged
        A column is none, or has another number of rows.
    """
    columns = {
        name: _restore_column(mapping(column, name), index)
        for name, column in mapping(stored, "the columns").items()
    }
    return pd.DataFrame(columns, index=index, copy=False)


def _restore_column(plain: dict[str, Plain], index: pd.Index[Any]) -> pd.Series[Any]:
    match plain:
        case {"kind": "numbers", "values": np.ndarray() as values}:
            dtype: Any = plain.get("dtype")
            require(dtype is None or DTYPES.fullmatch(str(dtype)), f"the dtype {dtype}")
            require(values.dtype.kind in "biufmM", "a column")
            column: Any = values if dtype is None else pd.Series(values).astype(dtype).array
        case {
            "kind": "text",
            "codes": np.ndarray() as codes,
            "texts": np.ndarray() as texts,
            "dtype": ("str" | "string" | "object") as dtype,
        }:
            require(codes.dtype.kind == "i" and codes.ndim == 1 == texts.ndim, "a column of text")
            require(len(codes) and 0 <= codes.min() <= codes.max() < len(texts), "codes of text")
            require(all(type(text) is str for text in texts), "a column of text")
            column = pd.array(texts, dtype=dtype).take(codes)
        case {"kind": "objects", "values": list(values)}:
            require(all(type(one) in _SIMPLE for one in values), "a column of objects")
            column = np.array([*values, None], dtype=object)[:-1]
        case {"kind": "values" | "intervals" | "categories" | "moments" | "dates"}:
            column = restore_index(plain, len(index))
        case _:
            require(False, "a column of an unknown kind")
    require(np.shape(column) == (len(index),), "the rows differ")
    return pd.Series(column, index=index)
