"""The first pass over rows: levels, categories, missing values, and what calls learn of all."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from bayesmix.base.adding import Adder
from bayesmix.base.errors import BayesmixError, short
from bayesmix.base.words import have
from bayesmix.design.columns import counts_of, usable_weights
from bayesmix.design.known_errors import weights_of_errors
from bayesmix.encoding.wholes import CallSums, WholeCall
from bayesmix.frames.columns import encode_column
from bayesmix.frames.frames import plain_series
from bayesmix.frames.values import kind_of
from bayesmix.preparation.byrow import ByRow
from bayesmix.streams.seen import Seen

__all__ = ["FactSums", "Facts", "Plan", "complete_rows", "scanned"]

# As many rows as functions of the user are tried on.
HEAD = 1000


@dataclasses.dataclass(frozen=True, eq=False)
class Plan:
    """What a pass over the rows looks for.

    Attributes
    ----------
    names : tuple of str
        The used columns.
    factors : tuple of tuple of str
        Columns whose combinations are levels.
    coded : frozenset of str
        Columns of numbers that calls make categories of.
    texts : frozenset of str
        Columns of text that come as codes.
    calls : tuple of WholeCall
        Those whose arguments are summed in this pass.
    by_row : ByRow or None
        The column of weights or standard errors.
    """

    names: tuple[str, ...]
    factors: tuple[tuple[str, ...], ...]
    coded: frozenset[str]
    texts: frozenset[str]
    calls: tuple[WholeCall, ...]
    by_row: ByRow | None = None

    def check(self, rows: pd.DataFrame) -> None:
        """Raise for weights or standard errors that cannot be used."""
        if self.by_row is None or self.by_row.column is None:
            return
        column = rows[self.by_row.column]
        what = f"olumn '{short(self.by_row.column)}' has"
        if self.by_row.argument == "se":
            weights_of_errors(column, f"C{what}")
        else:
            usable_weights(column, f"c{what}")


@dataclasses.dataclass(frozen=True, eq=False)
class Facts:
    """What is known of some rows before they are encoded; that of two parts adds up.

    Attributes
    ----------
    n_rows, n_kept : int
        Rows, and those without a missing value.
    missing : mapping of str to int
        Missing values of each column.
    rows : DataFrame
        A row for each level and each category, and the first ones, with their labels.
    keys : tuple of tuple of str
        Columns whose combinations these have.
    categories : mapping of str to (tuple, bool)
        Categories of the columns that have some, and whether they are ordered.
    calls : mapping of str to CallSums
    """

    n_rows: int
    n_kept: int
    missing: Mapping[str, int]
    rows: pd.DataFrame
    keys: tuple[tuple[str, ...], ...]
    categories: Mapping[str, tuple[tuple[Any, ...], bool]]
    calls: Mapping[str, CallSums]

    def __add__(self, other: Facts) -> Facts:
        categories = dict(self.categories)
        for name, (labels, ordered) in other.categories.items():
            known, both = categories.get(name, ((), ordered))
            categories[name] = tuple(dict.fromkeys((*known, *labels))), both and ordered
        keys = tuple(dict.fromkeys((*self.keys, *other.keys)))
        parts = [part for part in (self.rows, other.rows) if len(part)]
        rows = parts[0] if parts else self.rows
        if len(parts) == 2:
            rows = pd.concat(parts)
            rows = rows[_chosen(rows, keys, Seen(), HEAD)]
        return Facts(
            self.n_rows + other.n_rows,
            self.n_kept + other.n_kept,
            {name: count + other.missing[name] for name, count in self.missing.items()},
            rows,
            keys,
            categories,
            {text: sums + other.calls[text] for text, sums in self.calls.items()},
        )

    def frame(self) -> pd.DataFrame:
        """Return the rows with their categories."""
        columns: dict[Any, Any] = {}
        for name, column in self.rows.items():
            if name in self.categories:
                known, ordered = self.categories[str(name)]
                labels = list(dict.fromkeys((*known, *column)))  # text of another part among them
                columns[name] = pd.Categorical(column, pd.Index(labels), ordered=ordered)
            else:
                columns[name] = column.infer_objects() if column.dtype == object else column
        return pd.DataFrame(columns, index=self.rows.index)

    def dropped(self, missing: str) -> tuple[str, ...]:
        """Tell of the rows with missing values, or refuse them."""
        for name, count in self.missing.items():
            if count == self.n_rows:
                raise BayesmixError(
                    f"Column '{short(name)}' has no values: all {self.n_rows} are missing. Leave "
                    "it out, or check how the files were written."
                )
        lost = self.n_rows - self.n_kept
        if not lost:
            return ()
        message = (
            f"{lost} of {self.n_rows} rows {have(lost)} missing values, in "
            f"{counts_of(self.missing)}"
        )
        if missing == "raise":
            raise BayesmixError(f"{message}. Drop or fill them in, or pass missing='drop'.")
        if not self.n_kept:
            raise BayesmixError(f"{message}: no row is complete. Leave a column out.")
        return (
            f"{message}, and are dropped. Fill them in to keep these rows; missing='raise' makes "
            "this an error.",
        )


def complete_rows(frame: pd.DataFrame, names: Iterable[str]) -> tuple[pd.DataFrame, dict[str, int]]:
    """Take the used columns of the rows without a missing value, and count those of each column."""
    columns, missing = {}, {}
    keep = np.ones(len(frame), dtype=np.bool_)
    for name in names:
        columns[name] = plain_series(frame[name])
        absent = columns[name].isna().to_numpy()
        missing[name] = int(absent.sum())
        if missing[name]:
            keep &= ~absent
    whole = pd.DataFrame(columns, copy=False)
    return whole if keep.all() else whole[keep], missing


class FactSums:
    """Facts of rows that come in parts."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._seen, self._n_kept = Seen(), 0
        self._adder: Adder[Facts] = Adder()

    def add(self, frame: pd.DataFrame) -> None:
        """Look at some rows."""
        head = max(0, HEAD - self._n_kept)
        facts = _scanned(frame, self._plan, self._seen, head)
        self._n_kept += facts.n_kept
        self._adder.add(facts)

    def total(self) -> Facts | None:
        """Return the facts of all rows so far."""
        return self._adder.total()


def scanned(frame: pd.DataFrame, plan: Plan) -> Facts:
    """Look at some rows."""
    return _scanned(frame, plan, Seen(), HEAD)


def _scanned(frame: pd.DataFrame, plan: Plan, seen: Seen, head: int) -> Facts:
    complete, missing = complete_rows(frame, plan.names)
    plan.check(complete)
    coded = [name for name in plan.names if name in plan.coded or _is_coded(complete[name])]
    keys = tuple(dict.fromkeys((*plan.factors, *((name,) for name in coded))))
    rows = complete[_chosen(complete, keys, seen, head)]
    categories: dict[str, tuple[tuple[Any, ...], bool]] = {}
    plain = {}
    for name, column in rows.items():
        dtype: Any = column.dtype
        plain[name] = column
        if isinstance(dtype, pd.CategoricalDtype):
            plain[name] = pd.Series(_labels(column), column.index, dtype=object)
            if name not in plan.texts:
                categories[str(name)] = tuple(dtype.categories), bool(dtype.ordered)
    return Facts(
        len(frame),
        len(complete),
        missing,
        pd.DataFrame(plain, index=rows.index),
        keys,
        categories,
        _call_sums(complete, plan.calls),
    )


def _labels(column: pd.Series[Any]) -> pd.Index[Any]:
    """Labels of a few rows of many categories."""
    return column.cat.categories.take(column.cat.codes.to_numpy())


def _is_coded(column: pd.Series[Any]) -> bool:
    dtype: Any = column.dtype
    if isinstance(dtype, pd.CategoricalDtype | pd.StringDtype):
        return True
    is_object = pd.api.types.is_object_dtype(dtype)
    return is_object and kind_of(column) not in ("integer", "floating", "decimal", "boolean")


def _chosen(
    rows: pd.DataFrame, keys: Iterable[tuple[str, ...]], seen: Seen, head: int
) -> npt.NDArray[np.bool_]:
    """Mark the first rows of all, and those with a combination that none before them has."""
    chosen = np.zeros(len(rows), dtype=np.bool_)
    chosen[:head] = True
    for key in keys:
        chosen |= seen.new(rows, key)
    return chosen


def _call_sums(rows: pd.DataFrame, calls: Iterable[WholeCall]) -> dict[str, CallSums]:
    names = dict.fromkeys(name for call in calls for name in call.columns if name in rows)
    columns = {name: encode_column(name, rows[name]) for name in names}
    frame = pd.DataFrame(columns, index=pd.RangeIndex(len(rows)), copy=False)
    if not len(rows):
        return {call.text: CallSums.of(np.zeros(0)) for call in calls}
    return {call.text: call.sums(frame) for call in calls}
