"""Rows of Parquet files, or of any dataset of pyarrow, read batch by batch."""

from __future__ import annotations

import functools
import glob
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from bayesmix.base.adding import Summed, Sums
from bayesmix.base.errors import BayesmixError
from bayesmix.base.words import count
from bayesmix.frames.values import listed
from bayesmix.streams.arrow import as_pandas, is_text
from bayesmix.streams.naming import naming, unreadable

__all__ = ["SUFFIXES", "ParquetRows", "opened_paths"]

SUFFIXES = (".parquet", ".pq", ".parq")
# Rows that are computed with at once, fewer where many columns are used.
ROWS_AT_ONCE, LEAST_ROWS, CELLS = 1 << 19, 1 << 15, 1 << 21
# Batches of so many rows are read ahead of the one that is computed with.
_AHEAD = 2


def opened_paths(given: Sequence[str], argument: str = "data") -> ParquetRows:
    """Open files, folders and patterns of names."""
    try:
        import pyarrow.dataset as ds
    except ImportError as error:
        raise BayesmixError(
            "Files are read by pyarrow, which is not installed: pip install 'bayesmix[scale]'."
        ) from error
    paths = [path for text in given for path in _expanded(text, argument)]
    folders = [path for path in paths if os.path.isdir(path)]
    if folders and len(paths) > 1:
        raise BayesmixError(
            f"'{folders[0]}' is a folder among {count(len(paths), 'path')}. Give one folder, or "
            f"the files: '{folders[0]}/*.parquet'."
        )
    where: Any = folders[0] if folders else paths
    partitioning = "hive" if folders else None
    base = {"partition_base_dir": folders[0]} if folders else {}
    if folders and (files := _parquet_files(folders[0])):
        where = files
    with naming(listed(paths, 3)):
        dataset = ds.dataset(where, format="parquet", partitioning=partitioning, **base)
        if not dataset.files:
            raise BayesmixError("the folder has no Parquet files.")
        options = {"format": "parquet", "partitioning": partitioning, **base}
        schema = _common_schema(dataset)
        return ParquetRows(
            ds.dataset(where, schema=schema, **options),
            {path: _state(path) for path in dataset.files},
        )


def _parquet_files(folder: str) -> list[str]:
    """Find the files that are called so, if some are; other ones may stand beside them."""
    return sorted(
        os.path.join(place, name)
        for place, _, names in os.walk(folder)
        for name in names
        if name.lower().endswith(SUFFIXES) and name[0] not in "._"
    )


def _state(path: str) -> tuple[int, int]:
    """Return what tells a file from one that was written since."""
    found = os.stat(path)
    return found.st_size, found.st_mtime_ns


def _expanded(text: str, argument: str) -> list[str]:
    text = os.path.expanduser(text)
    if os.path.exists(text):
        return [text]
    found = sorted(glob.glob(text, recursive=True))
    if not found:
        known = "no file has such a name" if glob.has_magic(text) else "there is no such file"
        raise BayesmixError(
            f"{argument}='{text}': {known}. Give the path of a Parquet file, of a folder of such "
            "files, or a pattern, 'rows/*.parquet'."
        )
    return found


def _common_schema(dataset: Any) -> Any:
    """Find types that hold the columns of all files; whole numbers beside others are those."""
    import pyarrow as pa

    found = {name: dataset.schema.field(name) for name in dataset.schema.names}
    first = dataset.files[0]
    for fragment in dataset.get_fragments():
        with naming(fragment.path):
            own = fragment.physical_schema
            for field in own:
                known = found.setdefault(field.name, field)
                if known.type == field.type:
                    continue
                if _kind(known.type) != _kind(field.type):
                    raise BayesmixError(
                        f"column '{field.name}' has the type {field.type}, and {known.type} in "
                        f"'{first}'. Write the files with the same types."
                    )
                if _kind(known.type) == "numbers":
                    both = [pa.schema([known]), pa.schema([field.with_name(known.name)])]
                    merged = pa.unify_schemas(both, promote_options="permissive")
                    found[field.name] = merged.field(0)
    return pa.schema(list(found.values()))


def _kind(kind: Any) -> str:
    import pyarrow as pa

    if pa.types.is_integer(kind) or pa.types.is_floating(kind):
        return "numbers"
    return "text" if is_text(kind) else str(kind).partition("<")[0]


class ParquetRows:
    """A dataset of pyarrow, and the states that its files had when they were opened."""

    what = "the files"

    def __init__(self, dataset: Any, states: Mapping[str, tuple[int, int]] | None = None) -> None:
        self.dataset = dataset
        self.states = dict(states or {})
        self.columns: pd.Index[Any] = pd.Index(dataset.schema.names)
        self.texts = frozenset(field.name for field in dataset.schema if is_text(field.type))

    def summed[S: Summed](
        self,
        names: Sequence[str],
        begin: Callable[[], Sums[S]],
        report: Callable[[float], None],
    ) -> S | None:
        """Sum over the parts; see `bayesmix.streams.rows.Rows`."""
        sums = begin()
        with naming(self.what):
            total, done = self.dataset.count_rows(), 0
        for part, table in self._tables(list(names)):
            with naming(part):
                sums.add(as_pandas(table, names))
            done += table.num_rows
            report(min(1.0, done / max(total, 1)))
        return sums.total()

    def _check(self, fragment: Any, names: Sequence[str]) -> None:
        """Raise for a file without some of the columns, or one that was written since."""
        state = self.states.get(fragment.path)
        if state is not None and state != _state(fragment.path):
            raise BayesmixError(
                "the file has changed since it was opened, so that the two passes would read "
                "different rows. Fit again when nobody writes to it."
            )
        absent = [name for name in names if name not in _columns_of(fragment)]
        if absent:
            raise BayesmixError(
                f"there is no column {listed(map(repr, absent), 5)}. Write the files with the same "
                "columns, or leave this one out."
            )

    def _tables(self, names: list[str]) -> Iterator[tuple[str, Any]]:
        """Yield the files, with some of their rows at a time; a selection of rows as a whole."""
        try:
            fragments = list(self.dataset.get_fragments())
        except ValueError:  # of a filtered dataset
            fragments = []
        rows = _rows_at_once(names)
        if not fragments or not all(hasattr(one, "path") for one in fragments):
            whole = functools.partial(self.dataset.to_batches, **_reading(names))
            yield from _gathered(self.what, whole, rows)
            return
        for fragment in fragments:
            with naming(f"'{fragment.path}'"):
                self._check(fragment, names)
            own = functools.partial(
                fragment.to_batches, schema=self.dataset.schema, **_reading(names)
            )
            yield from _gathered(f"'{fragment.path}'", own, rows)


def _columns_of(fragment: Any) -> set[str]:
    """Names of the columns of a file, and of the folders that it is in."""
    import pyarrow.dataset as ds

    return {*fragment.physical_schema.names, *ds.get_partition_keys(fragment.partition_expression)}


def _rows_at_once(names: Sequence[str]) -> int:
    return min(ROWS_AT_ONCE, max(LEAST_ROWS, CELLS // max(1, len(names))))


def _reading(names: list[str]) -> dict[str, Any]:
    return {
        "columns": names,
        "batch_size": _rows_at_once(names),
        "batch_readahead": _AHEAD,
    }


def _gathered(
    part: str, read: Callable[[], Iterable[Any]], at_once: int
) -> Iterator[tuple[str, Any]]:
    """Put batches together until there are enough rows to be worth a computation."""
    import pyarrow as pa

    waiting: list[Any] = []
    rows = 0
    batches = None
    while True:
        try:
            batches = iter(read()) if batches is None else batches
            batch = next(batches, None)
        except Exception as error:
            raise unreadable(part, error) from error
        if batch is not None:
            waiting.append(batch)
            rows += batch.num_rows
        if waiting and rows and (batch is None or rows >= at_once):
            yield part, pa.Table.from_batches(waiting)
            waiting, rows = [], 0
        if batch is None:
            return
