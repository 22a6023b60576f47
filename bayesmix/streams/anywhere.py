"""A specification of rows wherever they are: in memory, in files, or on a cluster."""

from __future__ import annotations

from typing import Any

from bayesmix.base.memory import keep_freed_memory
from bayesmix.base.progress import late_progress
from bayesmix.model.spec import ModelSpec
from bayesmix.preparation.prepare import specification
from bayesmix.preparation.request import Request
from bayesmix.streams.rows import open_rows
from bayesmix.streams.specification import streamed_specification

__all__ = ["any_specification"]


def any_specification(request: Request, data: Any, *, progressbar: bool) -> ModelSpec:
    """Make a specification; of rows that are not in memory, from sums over them."""
    rows = open_rows(data)
    if rows is None:
        return specification(request, data)
    keep_freed_memory()
    with late_progress(progressbar, f"Reading {rows.what}") as report:
        return streamed_specification(request, rows, report)
