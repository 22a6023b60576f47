"""Standard errors that are known, as weights of the rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from bayesmix.base.arrays import FloatArray, read_only
from bayesmix.base.errors import RowError
from bayesmix.base.words import count
from bayesmix.design.columns import check_numeric

__all__ = ["weights_of_errors"]

# Weights and their sums with squares of responses are numbers of the machine.
_SMALLEST, _LARGEST = 1e-140, 1e140


def weights_of_errors(column: pd.Series[Any], what: str) -> FloatArray:
    """Return ``1 / se^2`` of a column, which `what` names in messages."""
    check_numeric("standard errors", column)
    se = column.to_numpy(dtype=np.float64)
    usable = (se >= _SMALLEST) & (se <= _LARGEST)
    if not usable.all():
        first, bad = int(np.argmin(usable)), int((~usable).sum())
        others = f", and {count(bad - 1, 'other')} that cannot be used" if bad > 1 else ""
        raise RowError(
            f"Standard errors must be positive and finite, from {_SMALLEST:g} to {_LARGEST:g}. "
            f"{what} {se[first]:g}",
            f"at index {column.index[first]}{others}",
            "Leave these rows out, or find their standard errors; variances are given as "
            "se = sqrt(variance).",
            column.index[first],
        )
    return read_only(1 / se**2)
