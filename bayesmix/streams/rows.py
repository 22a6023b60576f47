"""What rows on disk or on a cluster are: columns, and sums over parts of them."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import pandas as pd

from bayesmix.streams.adding import Summed
from bayesmix.streams.cluster import ClusterRows
from bayesmix.streams.memory import FrameRows
from bayesmix.streams.parquet import ParquetRows, opened_paths

__all__ = ["FrameRows", "Rows", "open_rows"]

_SUFFIXES = (".parquet", ".pq", ".parq")


class Rows(Protocol):
    """Rows of which sums are asked for, part by part.

    Attributes
    ----------
    columns : Index
        Names of all columns.
    texts : frozenset of str
        Columns of text that come as codes.
    what : str
        What they are called in messages.
    """

    columns: pd.Index[Any]
    texts: frozenset[str]
    what: str

    def summed[S: Summed](
        self,
        names: Sequence[str],
        of_part: Callable[[pd.DataFrame], S | None],
        report: Callable[[float], None],
    ) -> S | None:
        """Add up what a function says of the parts, given their columns; None without rows."""
        ...


def open_rows(data: Any) -> Rows | None:
    """Open rows that are not in memory; None for anything else.

    Parameters
    ----------
    data : str, path, list of these, Dataset of pyarrow or DataFrame of Dask

    Raises
    ------
    BayesmixError
        There is no such file, it cannot be read, or what reads it is not installed.
    """
    if isinstance(data, str | os.PathLike):
        text = os.fspath(data)
        is_parquet = text.lower().endswith(_SUFFIXES)
        if is_parquet or any(mark in text for mark in "*?[") or os.path.isdir(text):
            return opened_paths([text])
        return None
    if isinstance(data, list | tuple) and data:
        paths = [one for one in data if isinstance(one, str | os.PathLike)]
        return opened_paths([os.fspath(one) for one in paths]) if len(paths) == len(data) else None
    if sys.modules.get("pyarrow.dataset") is not None:
        import pyarrow.dataset as ds

        if isinstance(data, ds.Dataset):
            return ParquetRows(data)
    if sys.modules.get("dask.dataframe") is not None:
        import dask.dataframe as dd

        if isinstance(data, dd.DataFrame):
            return ClusterRows(data)
    return None
