"""Tables of numbers as tables of text: as many decimals as each row, or each column, needs."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from bayesmix.base.arrays import BoolArray, FloatArray

__all__ = ["Table", "aligned", "as_strings"]


_MOST_DECIMALS = 6
_LARGEST_PLAIN = 1e9
# Of numbers that are known to so many decimals, those below this have zeros only to show.
_SMALLEST_PLAIN = 1e-4
_MOST_KNOWN = 12


class Table(NamedTuple):
    """A table as strings: the first `n_labels` columns are labels, the others numbers."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    n_labels: int


class Estimates(NamedTuple):
    """Columns that are written to the same decimal place in each row, and how well they are known.

    `unsure` is the SE of each row; where there is none the width of its interval.
    """

    columns: tuple[str, ...]
    unsure: FloatArray


def as_strings(title: str, frame: pd.DataFrame, digits: int) -> Table:
    """Write a table as text: estimates as they are known, other columns with what each needs."""
    labels: list[tuple[str, list[str]]] = []
    numbers: list[tuple[str, list[str]]] = []
    plain = isinstance(frame.index, pd.RangeIndex)
    if not plain:
        labels.append(("", [str(label) for label in frame.index]))
    known: dict[str, list[str]] = {}
    for estimates in _estimates(frame):
        known |= _as_known(frame, estimates, digits)
    for name, column in frame.items():
        if pd.api.types.is_numeric_dtype(column):
            header = _heading(str(name)) if plain else str(name)
            counts = pd.api.types.is_integer_dtype(column)
            values = column.to_numpy(dtype=float)
            own = [f"{v:.0f}" for v in values] if counts else _format(values, digits)
            numbers.append((header, known.get(str(name), own)))
        else:
            labels.append((_heading(str(name)), [str(label) for label in column]))
    columns = labels + numbers
    return Table(
        title,
        tuple(name for name, _ in columns),
        tuple(zip(*(cells for _, cells in columns), strict=True)),
        len(labels),
    )


def aligned(table: Table) -> Table:
    """Pad numbers with spaces behind them, so that their points stand below each other."""
    columns = list(zip(*table.rows, strict=True))
    for k in range(table.n_labels, len(columns)):
        if not any("e" in cell for cell in columns[k]):
            behind = [len(cell.partition(".")[1] + cell.partition(".")[2]) for cell in columns[k]]
            columns[k] = tuple(
                cell + " " * (max(behind) - own)
                for cell, own in zip(columns[k], behind, strict=True)
            )
    return table._replace(rows=tuple(zip(*columns, strict=True)))


def _heading(name: str) -> str:
    """Name a column as mixedup prints it: ``Group``, ``SD_2.5``, ``SE``, ``Var_prop``."""
    first, _, rest = name.partition("_")
    first = first.upper() if first in ("sd", "se") else first.capitalize()
    return f"{first}_{rest}" if rest else first


def _estimates(frame: pd.DataFrame) -> Iterator[Estimates]:
    """Find the estimates of a table of effects or of variance components."""
    columns = {str(name): name for name in frame.columns}

    def of(names: Sequence[str]) -> FloatArray:
        return frame[[columns[name] for name in names]].to_numpy(dtype=float)

    if "value" in columns and "se" in columns:
        limits = [name for name in columns if name.startswith(("lower_", "upper_"))]
        se = of(["se"])[:, 0]
        unsure = np.where(_is_usable(se), se, _width(of(limits)))
        yield Estimates(("value", "se", *limits), unsure)
    limits = [name for name in columns if name.startswith("sd_")]
    if "sd" in columns and limits:
        yield Estimates(("sd", *limits), _width(of(limits)))
        if "variance" in columns:
            unsure = np.minimum(_width(of(limits) ** 2), of(["variance"])[:, 0])
            yield Estimates(("variance",), unsure)


def _is_usable(unsure: FloatArray) -> BoolArray:
    usable: BoolArray = np.isfinite(unsure) & (unsure > 0)
    return usable


def _width(limits: FloatArray) -> FloatArray:
    if limits.shape[1] != 2:
        return np.full(len(limits), np.nan)
    width: FloatArray = limits[:, 1] - limits[:, 0]
    return width


def _as_known(frame: pd.DataFrame, estimates: Estimates, digits: int) -> dict[str, list[str]]:
    """Write estimates row by row, all numbers of a row to the same decimal place."""
    values = frame[list(estimates.columns)].to_numpy(dtype=float)
    rows = [
        _row(row, float(unsure), digits)
        for row, unsure in zip(values, estimates.unsure, strict=True)
    ]
    return {name: [row[k] for row in rows] for k, name in enumerate(estimates.columns)}


def _row(row: FloatArray, unsure: float, digits: int) -> list[str]:
    finite = np.abs(row[np.isfinite(row)])
    largest = float(finite.max(initial=0.0))
    if largest == 0 or not (math.isfinite(unsure) and unsure > 0):
        return [_format(np.array([value]), digits)[0] for value in row]
    needed = min(_needed_decimals(unsure, digits), _MOST_KNOWN - _exponent(largest, digits))
    # Not fewer decimals than asked for, as long as the largest number is not long for it.
    short = min(digits, digits + 2 - _exponent(largest, digits))
    decimals = max(needed, short, 0)
    is_tiny = largest < _SMALLEST_PLAIN and decimals > _MOST_DECIMALS
    if is_tiny or largest >= _LARGEST_PLAIN:
        place = max(needed, short)
        return [_scientific(float(value), place) for value in row]
    if _shows_as_zero(unsure, decimals):
        return [_format_number(float(value), decimals, digits) for value in row]
    # Zero is what is known of a number that is small beside its SE.
    return [f"{value:z.{decimals}f}" for value in row]


def _scientific(value: float, place: int) -> str:
    """Write a number to a decimal place, of which there may be fewer than none."""
    if not math.isfinite(value) or value == 0:
        return f"{value:.0f}"
    return f"{value:.{max(place + _exponent(abs(value), 1), 0)}e}"


def _format(values: FloatArray, digits: int) -> list[str]:
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
    """Decimals that show `digits` significant digits of a number."""
    return -_exponent(value, digits) + max(digits, 1) - 1


def _exponent(value: float, digits: int) -> int:
    """Find the power of ten of the first digit, once a number is rounded to so many of them."""
    return int(f"{abs(value):.{max(digits, 1) - 1}e}".partition("e")[2])
