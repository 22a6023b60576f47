"""Batches of pyarrow as pandas: numbers without copies, text as codes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from bayesmix.frames.frames import row_values

__all__ = ["Texts", "as_pandas", "is_text"]


def is_text(kind: Any) -> bool:
    """Tell whether a type of pyarrow is one of text that is not coded."""
    import pyarrow as pa

    tests = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)
    return any(test(kind) for test in tests)


class Texts:
    """Codes of text that stay the same from batch to batch, so that each text is looked up once."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[Any, pd.CategoricalDtype]] = {}

    def coded(self, name: str, values: Any) -> pd.Series[Any]:
        """Turn a column of text into a Categorical of all texts so far."""
        import pyarrow as pa
        import pyarrow.compute as pc

        if pa.types.is_string_view(values.type):  # has no look-up
            values = values.cast(pa.large_string())
        if name not in self._known:
            self._learn(name, pc.unique(values).drop_null())
        codes = pc.index_in(values, value_set=self._known[name][0])
        if codes.null_count > values.null_count:
            is_new = pc.and_(pc.is_null(codes), pc.is_valid(values))
            self._learn(name, pc.unique(values.filter(is_new)))
            codes = pc.index_in(values, value_set=self._known[name][0])
        numbers = codes.fill_null(-1).to_numpy()
        return pd.Series(pd.Categorical.from_codes(numbers, dtype=self._known[name][1]))

    def _learn(self, name: str, texts: Any) -> None:
        import pyarrow as pa

        if name in self._known:
            texts = pa.concat_arrays([self._known[name][0], texts])
        self._known[name] = texts, pd.CategoricalDtype(pd.Index(texts.to_pylist(), dtype=object))


def as_pandas(table: Any, names: Sequence[str], texts: Texts) -> pd.DataFrame:
    """Turn columns of a table into pandas' columns; text becomes a Categorical of its values."""
    columns = {
        name: texts.coded(name, table.column(name))
        if is_text(table.column(name).type)
        else _column(table.column(name))
        for name in names
    }
    return pd.DataFrame(columns, index=pd.RangeIndex(table.num_rows), copy=False)


def _column(values: Any) -> Any:
    import pyarrow as pa

    kind = values.type
    if pa.types.is_dictionary(kind):
        return _categorical(values, bool(kind.ordered))
    is_plain = pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind)
    if is_plain and not values.null_count:
        return pd.Series(values.to_numpy())
    return row_values(values)


def _categorical(values: Any, ordered: bool) -> pd.Series[Any]:
    import pyarrow as pa

    if isinstance(values, pa.ChunkedArray):
        values = values.unify_dictionaries().combine_chunks()
    if isinstance(values, pa.ChunkedArray):  # without any chunk, or of several
        values = pa.concat_arrays(values.chunks)
    labels = values.dictionary.to_pylist()
    codes = values.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
    categories: Any = pd.Index(labels)
    return pd.Series(pd.Categorical.from_codes(codes, categories, ordered=ordered))
