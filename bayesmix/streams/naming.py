"""Errors of a part of the rows, with the name of the part and the number of the row."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import pandas as pd

from bayesmix.base.errors import BayesmixError, RowError, short

__all__ = ["naming", "naming_rows", "numbered", "reason_of", "unreadable"]

# Labels of rows are these times the number of the part, and the number of the row in it.
_MOST_ROWS = 1 << 40
_REMEDY = (
    "Check the file with pyarrow.parquet.read_table, write it again if it is damaged, or leave it "
    "out."
)


def numbered(n_rows: int, part: int = 0, first: int = 0) -> pd.Index[Any]:
    """Label rows by the number of their part, and by their own in it."""
    start = part * _MOST_ROWS + first
    return pd.RangeIndex(start, start + n_rows)


@contextlib.contextmanager
def naming(part: str) -> Iterator[None]:
    """Say of errors of bad input, and of what another library raises, which part they are of."""
    try:
        yield
    except RowError as error:
        raise _of_row(error, lambda _: part) from error
    except BayesmixError as error:
        raise BayesmixError(f"{part}: {error}") from error
    except Exception as error:
        raise unreadable(part, error) from error


@contextlib.contextmanager
def naming_rows(part: Callable[[int], str]) -> Iterator[None]:
    """Say of errors of `numbered` rows of several parts which part and which row it is."""
    try:
        yield
    except RowError as error:
        raise _of_row(error, part) from error


def _of_row(error: RowError, part: Callable[[int], str]) -> BayesmixError:
    number, row = divmod(int(str(error.label)), _MOST_ROWS)
    return BayesmixError(f"{part(number)}: {error.at(row)}")


def reason_of(error: Exception) -> str:
    """Say in one line what another library has said."""
    lines = str(error).strip().rstrip(".").splitlines()
    return short(f"{type(error).__name__}: {lines[0] if lines else ''}".rstrip(": "), 200)


def unreadable(part: str, error: Exception, remedy: str = _REMEDY) -> BayesmixError:
    """Make the error for a part that cannot be read."""
    return BayesmixError(
        f"{part} cannot be read: {reason_of(error)}. Nothing was fitted and nothing has "
        f"changed. {remedy}"
    )
