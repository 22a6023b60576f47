"""Batches of pyarrow as pandas: numbers without copies, text as codes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from bayesmix.frames.frames import row_values

__all__ = ["as_pandas", "is_text"]


def is_text(kind: Any) -> bool:
    """Tell whether a type of pyarrow is one of text that is not coded."""
    import pyarrow as pa

    tests = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)
    return any(test(kind) for test in tests)


def as_pandas(table: Any, names: Sequence[str]) -> pd.DataFrame:
    """Turn columns of a table into pandas' columns; text becomes a Categorical of its values."""
    columns = {name: _column(table.column(name)) for name in names}
    return pd.DataFrame(columns, index=pd.RangeIndex(table.num_rows), copy=False)


def _column(values: Any) -> Any:
    import pyarrow as pa

    kind = values.type
    if is_text(kind):
        values = values.dictionary_encode()
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
