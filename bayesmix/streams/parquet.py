"""Rows of Parquet files, or of any dataset of pyarrow, read batch by batch."""

from __future__ import annotations

import functools
import glob
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from bayesmix.base.adding import Summed, Sums
from bayesmix.base.errors import BayesmixError
from bayesmix.base.words import count
from bayesmix.frames.values import listed
from bayesmix.streams.arrow import Texts, as_pandas, is_text
from bayesmix.streams.naming import naming, numbered, unreadable
from bayesmix.streams.schema import common_schema, recast

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
    options = {"format": "parquet", "partitioning": partitioning, **base}
    with naming(listed(paths, 3)):
        dataset = ds.dataset(where, **options)
        if not dataset.files:
            raise BayesmixError("the folder has no Parquet files.")
    schema = common_schema(dataset)
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
        place = os.path.realpath(text)
        if os.path.dirname(place) == place:
            raise BayesmixError(
                f"{argument}='{text}' is the root of all files, of which every folder would be "
                "looked through. Give the folder that holds the rows."
            )
        return [text]
    found = sorted(glob.glob(text, recursive=True))
    if not found:
        known = "no file has such a name" if glob.has_magic(text) else "there is no such file"
        raise BayesmixError(
            f"{argument}='{text}': {known}. Give the path of a Parquet file, of a folder of such "
            "files, or a pattern, 'rows/*.parquet'."
        )
    return found


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
        ends: Counter[int] = Counter()
        texts = Texts()
        for number, table in self._tables(list(names)):
            with naming(self.part(number)):
                labels = numbered(table.num_rows, number, ends[number])
                sums.add(as_pandas(table, names, texts).set_axis(labels))
            ends[number] += table.num_rows
            done += table.num_rows
            report(min(1.0, done / max(total, 1)))
        return sums.total()

    def part(self, number: int) -> str:
        """Name a file; see `bayesmix.streams.rows.Rows`."""
        return self._names[number] if self._names else self.what

    @functools.cached_property
    def _names(self) -> list[str]:
        return [f"'{fragment.path}'" for fragment in self._fragments()]

    def _fragments(self) -> list[Any]:
        """List the files; none of a selection of rows."""
        try:
            fragments = list(self.dataset.get_fragments())
        except ValueError:  # of a filtered dataset
            return []
        return fragments if all(hasattr(one, "path") for one in fragments) else []

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

    def _tables(self, names: list[str]) -> Iterator[tuple[int, Any]]:
        """Yield numbers of files, with some of their rows; a selection of rows is one file."""
        fragments = self._fragments()
        if not fragments:
            whole = functools.partial(self.dataset.to_batches, **_reading(names))
            for table in _gathered(self.what, whole, _rows_at_once(names)):
                yield 0, table
        for number, fragment in enumerate(fragments):
            part = f"'{fragment.path}'"
            with naming(part):
                self._check(fragment, names)
            own = functools.partial(
                fragment.to_batches, schema=self.dataset.schema, **_reading(names)
            )
            remedy = recast(fragment.physical_schema, self.dataset.schema, names)
            for table in _gathered(part, own, _rows_at_once(names), *remedy):
                yield number, table


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
    part: str, read: Callable[[], Iterable[Any]], at_once: int, *remedy: str
) -> Iterator[Any]:
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
            raise unreadable(part, error, *remedy) from error
        if batch is not None:
            waiting.append(batch)
            rows += batch.num_rows
        if waiting and rows and (batch is None or rows >= at_once):
            yield pa.Table.from_batches(waiting)
            waiting, rows = [], 0
        if batch is None:
            return
