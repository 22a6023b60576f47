"""Rows of a Dask DataFrame: a task for each partition where it is, and sums added in a tree."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd

from bayesmix.base.adding import Summed, Sums
from bayesmix.base.errors import BayesmixError, short
from bayesmix.streams.naming import naming, numbered, reason_of

__all__ = ["ClusterRows"]


class ClusterRows:
    """A Dask DataFrame, computed by the client there is, or by Dask's threads."""

    texts: frozenset[str] = frozenset()
    what = "the partitions"

    def __init__(self, frame: Any) -> None:
        self.frame = frame
        self.columns: pd.Index[Any] = frame.columns

    def summed[S: Summed](
        self,
        names: Sequence[str],
        begin: Callable[[], Sums[S]],
        report: Callable[[float], None],
    ) -> S | None:
        """Sum over the parts; see `bayesmix.streams.rows.Rows`."""
        import dask

        chosen = self.frame[list(names)]
        kinds = {name: _kind(dtype) for name, dtype in chosen.dtypes.items()}
        # Once for all partitions: it may hold the levels of large factors.
        shared = dask.delayed(_Work(begin, kinds), pure=False, traverse=False)
        tasks = [
            dask.delayed(_of_partition, pure=False)(shared, partition, number)
            for number, partition in enumerate(chosen.to_delayed())
        ]
        while len(tasks) > 1:
            pairs = [tasks[i : i + 2] for i in range(0, len(tasks), 2)]
            tasks = [dask.delayed(_added, pure=False)(*pair) for pair in pairs]
        report(0.0)
        try:
            (total,) = dask.compute(*tasks)
        except BayesmixError:
            raise
        except Exception as error:
            raise _failed(error) from error
        report(1.0)
        found: S | None = total
        return found

    def part(self, number: int) -> str:
        """Name a partition; see `bayesmix.streams.rows.Rows`."""
        return _name(number)


class _Work:
    """What is done with a partition, and the kinds of columns that it must have."""

    def __init__(self, begin: Callable[[], Sums[Any]], kinds: dict[str, str]) -> None:
        self.begin, self.kinds = begin, kinds


def _of_partition(work: _Work, frame: pd.DataFrame, number: int) -> Any:
    if not len(frame):
        return None
    with naming(_name(number)):
        for name, kind in work.kinds.items():
            own = _kind(frame[name].dtype)
            if own != kind:
                raise BayesmixError(
                    f"column '{short(name)}' holds {own} ({frame[name].dtype}), and {kind} in the "
                    "frame. Give all partitions the same types: frame.astype(...)."
                )
        sums = work.begin()
        sums.add(frame.set_axis(numbered(len(frame), number)))
        return sums.total()


def _name(number: int) -> str:
    return f"Partition {number}"


def _added(*parts: Any) -> Any:
    total = None
    for part in parts:
        if part is not None:
            total = part if total is None else total + part
    return total


def _kind(dtype: Any) -> str:
    if isinstance(dtype, pd.CategoricalDtype):
        return "categories"
    if pd.api.types.is_bool_dtype(dtype):
        return "truth values"
    if pd.api.types.is_numeric_dtype(dtype):
        return "numbers"
    is_text = pd.api.types.is_string_dtype(dtype) or pd.api.types.is_object_dtype(dtype)
    return "text" if is_text else str(dtype)


def _failed(error: Exception) -> BayesmixError:
    remedy = "Check that frame.compute() works on some of its partitions"
    if type(error).__name__ in ("KilledWorker", "CancelledError", "FutureCancelledError"):
        remedy = (
            "Workers died, often for want of memory: give them more, or make the partitions "
            "smaller with frame.repartition(partition_size='100MB')"
        )
    return BayesmixError(
        f"The cluster could not compute the sums: {reason_of(error)}. Nothing was fitted "
        f"and nothing has changed. {remedy}."
    )
