"""Tables of numbers as tables of text: as many decimals as each column needs."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

__all__ = ["Table", "as_strings"]


_MOST_DECIMALS = 6
_LARGEST_PLAIN = 1e9


class Table(NamedTuple):
    """A table as strings: the first `n_labels` columns are labels, the others numbers."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    n_labels: int


def as_strings(title: str, frame: pd.DataFrame, digits: int) -> Table:
    """Write a table as text, each column with the decimals that it needs."""
    labels: list[tuple[str, list[str]]] = []
    numbers: list[tuple[str, list[str]]] = []
    plain = isinstance(frame.index, pd.RangeIndex)
    if not plain:
        labels.append(("", [str(label) for label in frame.index]))
    for name, column in frame.items():
        if pd.api.types.is_numeric_dtype(column):
            header = _heading(str(name)) if plain else str(name)
            counts = pd.api.types.is_integer_dtype(column)
            values = column.to_numpy(dtype=float)
            numbers.append(
                (header, [f"{v:.0f}" for v in values] if counts else _format(values, digits))
            )
        else:
            labels.append((_heading(str(name)), [str(label) for label in column]))
    columns = labels + numbers
    return Table(
        title,
        tuple(name for name, _ in columns),
        tuple(zip(*(cells for _, cells in columns), strict=True)),
        len(labels),
    )


def _heading(name: str) -> str:
    """Name a column as mixedup prints it: ``Group``, ``SD_2.5``, ``SE``, ``Var_prop``."""
    first, _, rest = name.partition("_")
    first = first.upper() if first in ("sd", "se") else first.capitalize()
    return f"{first}_{rest}" if rest else first


def _format(values: np.ndarray[Any, np.dtype[np.float64]], digits: int) -> list[str]:
    decimals = digits
    for value in values:
        if np.isfinite(value) and _shows_as_zero(value, digits):
            needed = _needed_decimals(value, digits)
            if needed <= max(digits, _MOST_DECIMALS):
                decimals = max(decimals, needed)
    return [_format_number(float(value), decimals, digits) for value in values]


def _format_number(value: float, decimals: int, digits: int) -> str:
    if math.isfinite(value) and (_shows_as_zero(value, decimals) or abs(value) >= _LARGEST_PLAIN):
        return f"{value:.{max(digits - 1, 0)}e}"
    return f"{value:.{decimals}f}"


def _shows_as_zero(value: float, decimals: int) -> bool:
    return value != 0 and float(f"{value:.{decimals}f}") == 0


def _needed_decimals(value: float, digits: int) -> int:
    """Decimals that show `digits` significant digits of a number below one."""
    return -math.floor(math.log10(abs(value))) + max(digits, 1) - 1
