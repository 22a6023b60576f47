"""A frame in memory as rows that are looked at part by part."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd

from bayesmix.base.adding import Summed, Sums
from bayesmix.frames.frames import Frame
from bayesmix.streams.naming import naming, numbered

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
            own = {name: one.iloc[start : start + ROWS_AT_ONCE] for name, one in columns.items()}
            part = pd.DataFrame(own, copy=False)
            with naming("rows"):
                sums.add(part.set_axis(numbered(len(part), first=start)))
            report(min(1.0, (start + ROWS_AT_ONCE) / len(frame)))
        return sums.total()

    def part(self, number: int) -> str:
        """Name a part; see `bayesmix.streams.rows.Rows`."""
        return "rows"
