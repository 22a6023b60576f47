"""What rows on disk or on a cluster are: columns, and sums over parts of them."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import pandas as pd

from bayesmix.base.adding import Summed, Sums
from bayesmix.base.errors import BayesmixError
from bayesmix.base.words import count
from bayesmix.streams.addresses import check_no_address
from bayesmix.streams.cluster import ClusterRows
from bayesmix.streams.memory import FrameRows
from bayesmix.streams.parquet import SUFFIXES, ParquetRows, opened_paths

__all__ = ["FrameRows", "Rows", "open_rows"]


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
        begin: Callable[[], Sums[S]],
        report: Callable[[float], None],
    ) -> S | None:
        """Sum over the parts, some of their columns given as a data frame; None without rows.

        The rows of the frames are `bayesmix.streams.naming.numbered`.
        """
        ...

    def part(self, number: int) -> str:
        """Name a part of the rows, for messages."""
        ...


def open_rows(data: Any, argument: str = "data") -> Rows | None:
    """Open rows that are not in memory; None for anything else.

    Parameters
    ----------
    data : str, path, list of these, Dataset of pyarrow or DataFrame of Dask
    argument : str
        What it is called in messages.

    Raises
    ------
    BayesmixError
        There is no such file, it cannot be read, or what reads it is not installed.
    """
    if isinstance(data, str | os.PathLike):
        text = os.fspath(data)
        check_no_address(text, argument)
        is_parquet = text.lower().endswith(SUFFIXES)
        if is_parquet or any(mark in text for mark in "*?[") or os.path.isdir(text):
            return opened_paths([text], argument)
        return None
    if isinstance(data, list | tuple):
        return _opened_list(data, argument)
    if sys.modules.get("pyarrow.dataset") is not None:
        import pyarrow.dataset as ds

        if isinstance(data, ds.Dataset):
            return ParquetRows(data)
    if sys.modules.get("dask.dataframe") is not None:
        import dask.dataframe as dd

        if isinstance(data, dd.DataFrame):
            return ClusterRows(data)
    return None


def _opened_list(data: Sequence[Any], argument: str) -> Rows | None:
    """Open a list of paths; None for one of neither paths nor frames."""
    if not data:
        raise BayesmixError(
            f"{argument} is an empty list. Give a data frame, or paths of Parquet files; a pattern "
            "of names that finds none makes such a list."
        )
    paths = [isinstance(one, str | os.PathLike) for one in data]
    if all(paths):
        for one in data:
            check_no_address(os.fspath(one), argument)
        return opened_paths([os.fspath(one) for one in data], argument)
    frames = [hasattr(one, "columns") for one in data]
    if not any(paths) and not any(frames):
        return None
    if all(frames):
        raise BayesmixError(
            f"{argument} is a list of {count(len(data), 'data frame')}. Put them together: "
            "pd.concat(frames, ignore_index=True)."
        )
    place = paths.index(not paths[0])
    raise BayesmixError(
        f"{argument} is a list of paths and other values: item {place} is a "
        f"{type(data[place]).__name__}. Give paths of Parquet files only, or one data frame."
    )
