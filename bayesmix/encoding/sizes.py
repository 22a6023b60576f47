"""Sizes of matrices, found out before they are made."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from formulae.categorical import CategoricalBox

from bayesmix.base.errors import BayesmixError

__all__ = ["check_columns", "memory_limit", "readable_size"]

# More columns cannot be fitted: their cross-products alone take 3 GiB, and hours to factorise.
_MOST_COLUMNS = 20_000
# Where a container or the machine does not tell.
_UNKNOWN_LIMIT = 16 * 2**30
_CGROUP = (
    "/sys/fs/cgroup/memory.max",
    "/sys/fs/cgroup/memory/memory.limit_in_bytes",
)


def check_columns(terms: Iterable[Any], n_rows: int) -> None:
    """Refuse terms whose columns are too many, or do not fit into the memory.

    Parameters
    ----------
    terms : iterable
        formulae's terms, with the types of their components but without their columns.
    n_rows : int
        Number of rows.

    Raises
    ------
    BayesmixError
        Names the largest term, the size, and what to write.
    """
    widths = {term.name: _widths(term) for term in terms if hasattr(term, "components")}
    counts = {name: int(np.prod(list(parts.values()))) for name, parts in widths.items()}
    total = sum(counts.values())
    limit = memory_limit()
    # formulae makes a square matrix for each categorical column, and every column twice.
    squares = [width**2 for parts in widths.values() for width in parts.values() if width > 1]
    size = 8 * (2 * n_rows * total + max(squares, default=0))
    if total <= _MOST_COLUMNS and size <= limit:
        return
    name = max(counts, key=lambda one: counts[one])
    parts = widths[name]
    product = " x ".join(f"{width:,}" for width in parts.values() if width > 1)
    made = f"{product} = {counts[name]:,}" if " x " in product else f"{counts[name]:,}"
    memory = "" if size <= limit else f" of {readable_size(limit)} there are"
    raise BayesmixError(
        f"'{name}' makes {made} columns for {n_rows:,} rows: the matrix of {total:,} columns takes "
        f"{readable_size(8 * n_rows * total)}{memory}, and {_MOST_COLUMNS:,} columns are the most "
        f"that can be fitted. {_remedy(name, parts)}"
    )


def _remedy(name: str, parts: dict[str, int]) -> str:
    wide = [part for part, width in parts.items() if width > 1]
    if not wide:
        return "Use fewer terms."
    factor = ":".join(wide)
    remedy = f"Let the groups vary round a common mean instead: (1 | {factor})."
    if "(" in factor:
        remedy = "Use fewer columns, or let groups vary round a common mean: (1 | group)."
    if len(wide) == 1 and wide[0] == name:
        remedy += f" Numbers read as text become numbers with pd.to_numeric(data['{name}'])."
    return remedy


def _widths(term: Any) -> dict[str, int]:
    """Count the columns that each component of a term makes at most."""
    return {part.name: _width(part) for part in term.components}


def _width(component: Any) -> int:
    values = component._intermediate_data
    if component.kind == "categoric":
        if isinstance(values, CategoricalBox):
            known = values.levels
            return len(known) if known is not None else int(pd.Series(values.data).nunique())
        if isinstance(values.dtype, pd.CategoricalDtype):
            return len(values.dtype.categories)
        return int(pd.Series(np.asarray(values)).nunique())
    return int(np.shape(values)[-1]) if component.kind == "numeric" and np.ndim(values) > 1 else 1


def memory_limit() -> int:
    """Return the memory of the machine, or of the container, in bytes."""
    limits = [_UNKNOWN_LIMIT]
    with contextlib.suppress(OSError, ValueError, AttributeError):
        limits = [os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")]
    for path in _CGROUP:
        with contextlib.suppress(OSError, ValueError):  # "max" is no number
            limits.append(int(Path(path).read_text(encoding="ascii")))
    return min(limits)


def readable_size(size: float) -> str:
    """Write a number of bytes with a unit.

    Parameters
    ----------
    size : float
        Number of bytes.

    Returns
    -------
    str

    Examples
    --------
    >>> readable_size(8 * 100_000**2)
    '74.5 GiB'
    """
    for unit in ("bytes", "KiB", "MiB", "GiB", "TiB"):
        if size < 1024 or unit == "TiB":
            break
        size /= 1024
    return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:,.1f} {unit}"
