"""Errors of a part of the rows, with the name of the part."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from bayesmix.base.errors import BayesmixError, short

__all__ = ["naming", "unreadable"]


@contextlib.contextmanager
def naming(part: str) -> Iterator[None]:
    """Say of errors of bad input, and of what another library raises, which part they are of."""
    try:
        yield
    except BayesmixError as error:
        raise BayesmixError(f"{part}: {error}") from error
    except Exception as error:
        raise unreadable(part, error) from error


def unreadable(part: str, error: Exception) -> BayesmixError:
    """Make the error for a part that cannot be read."""
    lines = str(error).strip().splitlines()
    reason = short(f"{type(error).__name__}: {lines[0] if lines else ''}".rstrip(": "), 200)
    return BayesmixError(
        f"{part} cannot be read: {reason}. Nothing was fitted and nothing has changed. Check the "
        "file with pyarrow.parquet.read_table, write it again if it is damaged, or leave it out."
    )
