"""A frame in memory as rows that are looked at part by part."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd

from bayesmix.base.adding import Summed, Sums
from bayesmix.frames.frames import Frame
from bayesmix.streams.naming import naming

__all__ = ["ROWS_AT_ONCE", "FrameRows"]

ROWS_AT_ONCE = 1 << 18


class FrameRows:
    """A frame in memory."""

    texts: frozenset[str] = frozenset()
    what = "the rows"

    def __init__(self, frame: Frame) -> None:
        self.frame = frame
        self.columns: pd.Index[Any] = frame.columns

    def summed[S: Summed](
        self,
        names: Sequence[str],
        begin: Callable[[], Sums[S]],
        report: Callable[[float], None],
    ) -> S | None:
        """Sum over the parts; see `bayesmix.streams.rows.Rows`."""
        frame = self.frame.read(names)
        columns = {name: frame.series(name) for name in names}
        sums = begin()
        for start in range(0, len(frame), ROWS_AT_ONCE):
            part = {name: own.iloc[start : start + ROWS_AT_ONCE] for name, own in columns.items()}
            with naming("rows"):
                sums.add(pd.DataFrame(part, copy=False).reset_index(drop=True))
            report(min(1.0, (start + ROWS_AT_ONCE) / len(frame)))
        return sums.total()
