"""Columns to codes and labels: categories in their order, levels of factors, `10:low` of two.

Everything here is learnt once, from the rows that are fitted, and applied to new rows later.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from bayesmix.base.arrays import IntArray
from bayesmix.base.errors import BayesmixError, RowError, short, suggest
from bayesmix.frames.frames import plain_index, plain_series
from bayesmix.frames.spelling import check_labels, find_label, label_of, plain_text
from bayesmix.frames.values import (
    as_numbers,
    check_text,
    distinct,
    in_order,
    kind_of,
    listed,
)

__all__ = [
    "Columns",
    "Factor",
    "apply_categories",
    "distinct_levels",
    "encode_column",
    "learn_factor",
    "listed",
    "number_levels",
]

type Columns = Mapping[str, pd.Series[Any]]

# Rows for each value from which on fractions are codes.
_ROWS_OF_A_CODE = 5
# Categories that stay what they are; intervals, dates and all else become their labels.
_KEPT = ("string", "integer", "floating", "boolean")


# --- columns ------------------------------------------------------------------------------------


def encode_column(name: str, values: pd.Series[Any]) -> npt.NDArray[Any] | pd.Categorical:
    """Turn a column without missing values into numbers or an ordered Categorical.

    formulae sorts the categories of anything that is not ordered; so categories are put in order
    here: a Categorical's own order without the categories that do not occur, text sorted.

    Parameters
    ----------
    name : str
        For the messages.
    values : Series
        The column.

    Returns
    -------
    ndarray of bool, int64 or float64, or Categorical

    Raises
    ------
    BayesmixError
        The column is neither numbers nor text.
    """
    values = plain_series(values)
    if isinstance(values.dtype, pd.CategoricalDtype):
        used = values.cat.remove_unused_categories().cat
        categories = _plain_categories(name, used.categories)
        return pd.Categorical.from_codes(used.codes.to_numpy(), categories, ordered=True)
    numbers = as_numbers(name, values)
    if numbers is not None:
        return numbers
    check_text(name, values)
    codes, labels = in_order(*distinct(name, values), str)
    check_labels(f"Column '{short(name)}'", labels, name)
    return pd.Categorical.from_codes(codes, pd.Index(labels), ordered=True)


def _plain_categories(name: str, categories: pd.Index[Any]) -> pd.Index[Any]:
    labels = list(map(plain_text, categories))
    if len(set(labels)) < len(labels):
        raise BayesmixError(
            f"Two categories of column '{short(name)}' have the same label: "
            f"{listed(map(repr, categories))}. Rename one."
        )
    check_labels(f"Column '{short(name)}'", labels, name)
    plain = plain_index(categories)
    kind = pd.api.types.infer_dtype(plain)
    return plain if kind in _KEPT else pd.Index(list(map(plain_text, plain)))


def apply_categories(
    name: str,
    values: pd.Series[Any],
    categories: pd.Index[Any] | None,
    source: str = "newdata",
) -> npt.NDArray[Any] | pd.Categorical:
    """Turn a column of new data into what the same column was in the fit.

    Parameters
    ----------
    name : str
        For the messages.
    values : Series
        The column of the new data, without missing values.
    categories : Index or None
        The categories of the fit; None for a column of numbers.
    source : str
        What the user's argument with the new data is called, for the messages.

    Returns
    -------
    ndarray or Categorical

    Raises
    ------
    BayesmixError
        A category that the fit did not have, or text where the fit had numbers.
    """
    values = plain_series(values)
    if categories is None:
        numbers = as_numbers(name, values)
        if numbers is None:
            column = f"{source}['{short(name)}']"
            raise BayesmixError(
                f"Column '{short(name)}' was numeric in the fit and is {kind_of(values)} in the "
                f"new data. Convert it: {column} = pd.to_numeric({column}, errors='coerce')."
            )
        return numbers
    codes, uniques = distinct(name, values)
    exact = {category: position for position, category in enumerate(categories)}
    labels = [label_of(category) for category in categories]
    counts = Counter(labels)  # 1.0 and "1" have the same
    by_label = {label: i for i, label in enumerate(labels) if counts[label] == 1}
    found = [exact.get(value, find_label(label_of(value), by_label)) for value in uniques]
    unknown = [value for value, position in zip(uniques, found, strict=True) if position < 0]
    if unknown:
        shown = (repr(v.item() if isinstance(v, np.generic) else v) for v in unknown)
        known = list(map(str, categories))
        raise BayesmixError(
            f"Unknown category {listed(shown, 5)} in column '{short(name)}' of the new data. "
            f"Categories of the fit: {listed(known)}. "
            f"{suggest(str(unknown[0]), known)}".rstrip()
        )
    lookup = np.array(found, dtype=np.int64)
    return pd.Categorical.from_codes(lookup[codes], categories=categories, ordered=True)


# --- grouping factors ---------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True, eq=False)
class Factor:
    """A grouping factor: the levels that occur, and how to find them in any rows.

    Attributes
    ----------
    variables : tuple of str
        The columns whose combinations are the levels.
    levels : ndarray of str, shape (J,)
        Labels, ``"10:low"`` for a combination. Integers in the order of numbers, a Categorical in
        its own, text sorted; combinations in the order of the first column, then the second.
    """

    variables: tuple[str, ...]
    levels: npt.NDArray[np.str_]
    _positions: tuple[Mapping[str, int], ...]
    _keys: tuple[IntArray, ...]

    @property
    def name(self) -> str:
        """The columns with colons between them."""
        return ":".join(self.variables)

    def codes(self, columns: Columns) -> IntArray:
        """Find the level of each row; -1 for a level that the fit did not have.

        Values are compared as labels, so that ``10``, ``10.0`` and ``"10"`` are the same level. A
        missing value is none of the levels.
        """
        codes = None
        for i, variable in enumerate(self.variables):
            found = self.places(i, variable, plain_series(columns[variable]))
            if codes is None:
                codes = found
            else:
                width = len(self._positions[i])
                key = np.where((codes < 0) | (found < 0), -1, codes * width + found)
                codes = pd.Index(self._keys[i - 1]).get_indexer(pd.Index(key)).astype(np.int64)
        assert codes is not None
        return codes

    def places(self, number: int, variable: str, values: pd.Series[Any]) -> IntArray:
        """Find the values of one of the columns among its own labels; -1 for any other."""
        positions = self._positions[number]
        rows, uniques = distinct(variable, values)
        places = [find_label(label_of(value), positions) for value in uniques]
        # The last one is for the code -1 of a missing value.
        lookup = np.array([*places, -1], dtype=np.int64)
        found: IntArray = lookup[rows]
        return found

    def columns(self, codes: IntArray) -> dict[str, npt.NDArray[np.str_]]:
        """Return the columns that have these codes, as labels: the inverse of `codes`."""
        values: dict[str, npt.NDArray[np.str_]] = {}
        for i in reversed(range(len(self.variables))):
            labels = np.array(list(self._positions[i]), dtype=np.str_)
            if i:
                codes, inner = np.divmod(self._keys[i - 1][codes], len(labels))
                values[self.variables[i]] = labels[inner]
            else:
                values[self.variables[i]] = labels[codes]
        return values


def distinct_levels(
    variables: tuple[str, ...], columns: Columns
) -> tuple[IntArray, list[tuple[str, ...]]]:
    """List the levels that rows have, whether the fit had them or not.

    Values are compared as labels, as in `Factor.codes`.

    Parameters
    ----------
    variables : tuple of str
        The columns whose combinations are the levels.
    columns : mapping of str to Series
        Columns without missing values.

    Returns
    -------
    codes : ndarray of int64, shape (n,)
        Level of each row, in the order of appearance.
    labels : list of tuple of str
        One label per variable.
    """
    codes = np.zeros(len(columns[variables[0]]), dtype=np.int64)
    labels: list[tuple[str, ...]] = [()]
    for variable in variables:
        rows, uniques = distinct(variable, plain_series(columns[variable]))
        same, names = pd.factorize(np.array([label_of(value) for value in uniques], dtype=object))
        key = codes * len(names) + same[rows]
        codes, key = pd.factorize(key)
        outer, inner = np.divmod(key, len(names))
        labels = [(*labels[a], str(names[b])) for a, b in zip(outer, inner, strict=True)]
    return codes.astype(np.int64, copy=False), labels


def learn_factor(
    variables: tuple[str, ...], columns: Columns, n_rows: int | None = None
) -> tuple[Factor, IntArray]:
    """List the levels of a grouping factor that occur, and number them.

    Parameters
    ----------
    variables : tuple of str
        The columns whose combinations are the levels.
    columns : mapping of str to Series
        Columns of the rows that are fitted, without missing values.
    n_rows : int, optional
        How many rows there are, where these stand for more.

    Returns
    -------
    factor : Factor
    codes : ndarray of int64, shape (n,)

    Raises
    ------
    BayesmixError
        A column that looks continuous, or a factor with a single level.
    """
    codes, labels = number_levels(variables[0], columns[variables[0]], n_rows)
    positions, keys = [_positions(variables[0], labels)], []
    for variable in variables[1:]:
        inner, inner_labels = number_levels(variable, columns[variable], n_rows)
        positions.append(_positions(variable, inner_labels))
        # Only the combinations that occur are kept at each step, so that keys cannot overflow.
        codes, key = pd.factorize(codes * len(inner_labels) + inner, sort=True)
        outer_code, inner_code = np.divmod(key, len(inner_labels))
        labels = [
            f"{labels[a]}:{inner_labels[b]}"
            for a, b in zip(outer_code.tolist(), inner_code.tolist(), strict=True)
        ]
        keys.append(key.astype(np.int64))
    name = ":".join(variables)
    if len(labels) < 2:
        raise BayesmixError(
            f"Grouping factor '{short(name)}' has one level ('{short(labels[0])}'), so nothing can "
            f"vary between its levels. Remove the bar with '{short(name)}', or check the rows that "
            "are kept."
        )
    _positions(name, labels)
    factor = Factor(variables, np.array(labels, dtype=np.str_), tuple(positions), tuple(keys))
    return factor, codes.astype(np.int64, copy=False)


def number_levels(
    name: str, values: pd.Series[Any], n_rows: int | None = None
) -> tuple[IntArray, list[str]]:
    """Return the level of each row for one column of a grouping factor, and labels in order."""
    values = plain_series(values)
    if isinstance(values.dtype, pd.CategoricalDtype):
        used = values.cat.remove_unused_categories().cat
        codes, uniques = used.codes.to_numpy().astype(np.int64), list(used.categories)
    else:
        kind = kind_of(values)
        if kind in ("floating", "decimal", "mixed-integer-float"):
            _check_codes(name, values, len(values) if n_rows is None else n_rows)
        elif kind.startswith(("mixed", "bytes", "complex")):
            check_text(name, values)
        codes, uniques = in_order(*distinct(name, values), label_of)
    labels = [label_of(value) for value in uniques]
    check_labels(f"Grouping factor '{short(name)}'", labels, name)
    return codes, labels


def _check_codes(name: str, values: pd.Series[Any], n_rows: int) -> None:
    """Refuse numbers that are measurements: infinite ones, and fractions that hardly repeat."""
    numbers = as_numbers(name, values)
    assert numbers is not None
    column = f"data['{short(name)}']"
    infinite = np.isinf(numbers)
    if infinite.any():
        first = values.index[int(infinite.argmax())]
        raise RowError(
            f"Grouping factor '{short(name)}' is infinite",
            f"in {int(infinite.sum())} of {len(numbers)} rows (first at index {first})",
            f"Drop these rows, or replace the values: {column}.replace([np.inf, -np.inf], np.nan).",
            first,
        )
    fractions = numbers != np.floor(numbers)
    n_values = len(np.unique(numbers)) if fractions.any() else 0
    # Codes such as -0.5 and 0.5 come again and again, measurements do not.
    if n_values * min(n_values, _ROWS_OF_A_CODE) > n_rows:
        raise BayesmixError(
            f"Grouping factor '{short(name)}' holds numbers such as {numbers[fractions][0]:g}, "
            f"{n_values} different ones in {n_rows} rows, so it looks continuous. Use a "
            f"column of labels, group it with pd.cut({column}, 5), or, if every value is a group, "
            f"{column}.astype(str)."
        )


def _positions(name: str, labels: list[str]) -> dict[str, int]:
    positions = {label: i for i, label in enumerate(labels)}
    if len(positions) < len(labels):
        twice = next(label for i, label in enumerate(labels) if positions[label] != i)
        raise BayesmixError(
            f"Two levels of grouping factor '{short(name)}' have the same label '{short(twice)}'. "
            "Rename one."
        )
    return positions
